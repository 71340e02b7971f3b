"""One training step: from degraded crops to the terms of Eq. 6."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dsd.losses import LossSum
from dsd.precision import full_precision
from dsd.restore.config import DISTRIBUTIONS, Config
from dsd.restore.networks import SRResNet
from dsd.restore.pairs import Batch, Batches
from dsd.restore.targets import Targets


class Step(nn.Module):
    """What a run learns and must find again when it goes on: the network, its moving average, the losses' weights.

    Args:
        network: which learns.
        losses: of Eq. 6.
        targets: encodings of a pool's clean crops; None: clean crops are encoded in every step.
        config: of the run.
    """

    weights: Tensor

    def __init__(self, network: SRResNet, losses: LossSum, targets: Targets | None, config: Config) -> None:
        super().__init__()
        self.network = network
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(config.average)).requires_grad_(False)
        self.register_buffer("weights", torch.tensor(losses.weights))
        self.targets = targets
        self._own = (losses, config)  # in a tuple, so that they are no part of the state

    @property
    def result(self) -> SRResNet:
        """The averaged network."""
        network = self.average.module
        assert isinstance(network, SRResNet)
        return network

    def forward(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """{loss: weight times its value} of a batch."""
        return self.weighted(self.restored(batch), batch)

    def restored(self, batch: Batch) -> Tensor:
        """What the network makes of the degraded crops."""
        x = batch.degraded.to(self.weights.device, memory_format=torch.channels_last)
        precision = self._own[1].precision
        with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            restored = self.network(x)
        return restored.float()

    def weighted(self, restored: Tensor, batch: Batch) -> dict[str, Tensor]:
        """{loss: weight times its value} of restored crops."""
        losses, _ = self._own
        clean = batch.clean.to(restored.device, memory_format=torch.channels_last)
        known = clean if self.targets is None else self.targets.of(batch.places, clean, losses.names)
        _, terms = losses(restored, known)
        return {name: weight * term for weight, (name, term) in zip(self.weights, terms.items(), strict=True)}

    @torch.no_grad()
    def balance(self, batches: Batches) -> None:
        """Make the distribution loss as large as the perceptual one, weights and all, on average over first batches.

        Raises:
            ValueError: the distribution loss is 0.
        """
        losses, config = self._own
        (name,) = (name for name in config.losses if name in DISTRIBUTIONS)
        with full_precision():
            values = [self(batches[step], step + 1) for step in range(min(config.balance, len(batches)))]
        means = {key: float(sum(value[key] for value in values)) / len(values) for key in ("per", name)}
        if not means[name] > 0:
            raise ValueError(f"losses.{name}.weight cannot be balanced: the loss is {means[name]} on average")
        self.weights[losses.names.index(name)] *= means["per"] / means[name]

    def gradient_norms(self, batch: Batch) -> dict[str, float]:
        """{loss: norm of its gradient}, weight and all, with respect to the restored crops."""
        with full_precision():
            restored = self.restored(batch).detach().requires_grad_()
            terms = self.weighted(restored, batch)
            return {
                name: torch.autograd.grad(term, restored, retain_graph=True)[0].norm().item()
                for name, term in terms.items()
            }
