"""A gradient descent on pixels that can be watched and stopped."""

from collections.abc import Callable
from threading import Event, Thread

from torch import Tensor

from dsd.backbones import PAPER_LAYERS
from dsd.explore.networks import load_network
from dsd.losses import DSDLoss
from dsd.optimize import optimize
from dsd.quality.norms import summed_norm

Loss = Callable[[Tensor], Tensor]
STEPS, RATE = 300, 1e-3  # Adam's, in pixel values


def own_norm(backbone: str, alpha: float) -> Loss:
    """‖DSD_α(x)‖₁ of the image itself, summed over ReLU2_1, 2_2 and 3_1: what Fig. 6 makes small.

    Args:
        backbone: a key of :data:`.networks.LAYERS`.
        alpha: the scaling factor, above 1.
    """
    network = load_network(backbone, PAPER_LAYERS)
    return lambda x: summed_norm(x, network, alpha)


def distance_to(original: Tensor, backbone: str, alpha: float) -> Loss:
    """L_DSD to another image (Eq. 4), at the same layers: what Fig. 4 makes small.

    Args:
        original: the image to come near to, float (3, H, W) in [0, 1].
        backbone: a key of :data:`.networks.LAYERS`.
        alpha: the scaling factor, above 1.
    """
    dsd = DSDLoss(load_network(backbone, PAPER_LAYERS), alphas=(alpha,))
    target = dsd.encode(original[None])
    return lambda x: dsd(x, target)


class _StopError(Exception):
    """Ends the optimisation from within its loss."""


class Descent:
    """Makes a loss small over the pixels of an image, in a thread of its own, until it is done or stopped.

    Args:
        start: the image, float (3, H, W) in [0, 1].
        loss: images (1, 3, H, W) → a number or (1,).
        report: called in that thread before each step and with the result: the image (3, H, W), and the losses so far.
        done: called in that thread at the end, with the error's words or "".
        steps: at most.

    Example:
        >>> import torch
        >>> losses = []
        >>> descent = Descent(torch.rand(3, 8, 8), lambda x: x.square().mean(), lambda x, all_: losses.append(all_[-1]))
        >>> descent.join()
        >>> losses[-1] < losses[0]
        True
    """

    def __init__(
        self,
        start: Tensor,
        loss: Loss,
        report: Callable[[Tensor, list[float]], None],
        done: Callable[[str], None] = lambda words: None,
        *,
        steps: int = STEPS,
    ) -> None:
        self._start, self._loss, self._report, self._done, self._steps = start, loss, report, done, steps
        self._losses: list[float] = []
        self._stopped = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it before its next step, and wait for that."""
        self._stopped.set()
        self.join()

    def join(self) -> None:
        """Wait until it is done."""
        self._thread.join()

    def _run(self) -> None:
        words = ""
        try:
            optimize(self._start[None], self._watched, steps=self._steps, learning_rate=RATE, bar=False)
        except _StopError:
            pass
        except (ValueError, FloatingPointError, RuntimeError) as error:
            words = str(error)
        self._done(words)

    def _watched(self, x: Tensor) -> Tensor:
        if self._stopped.is_set():
            raise _StopError
        value = self._loss(x)
        self._losses.append(value.sum().item())
        self._report(x.detach()[0].clone(), list(self._losses))
        return value
