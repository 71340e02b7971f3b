"""Gradient descent on the pixels of an image, for any loss (Figs. 4 and 6)."""

import hashlib
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from tqdm import tqdm

from dsd.checkpoint import load_checkpoint, save_checkpoint
from dsd.checks import check_choice, check_images, check_integer, check_number
from dsd.precision import full_precision

EVERY = 100  # steps from checkpoint to checkpoint
Optimizer = Literal["Adam", "SGD"]


@dataclass
class Trajectory:
    """What an optimisation went through."""

    image: Tensor
    """The result, (N, 3, H, W)."""
    losses: list[float] = field(default_factory=list)
    """The loss before each step and, last, of the result: steps + 1 values."""
    snapshots: dict[int, Tensor] = field(default_factory=dict)
    """{step: the image after that many steps}."""


def optimize(
    start: Tensor,
    loss: Callable[[Tensor], Tensor],
    *,
    steps: int,
    learning_rate: float,
    optimizer: Optimizer = "Adam",
    halve_every: int | None = None,
    residual_std: float = 0,
    snapshots: Collection[int] = (),
    clamp: bool = True,
    seed: int = 0,
    description: str = "optimising",
    bar: bool = True,
    checkpoint: str | Path | None = None,
) -> Trajectory:
    """Minimise loss(start + r) over the residual r, which begins small.

    Each step, its backward pass too, is computed in full precision (:func:`dsd.precision.full_precision`).

    Args:
        start: images, float (N, 3, H, W) in [0, 1].
        loss: images (N, 3, H, W) → scalar or (N,), which is summed. A target that does not change is encoded once by
            the caller: ``lambda x: dsd_loss(x, encoding)``.
        steps: of the optimizer.
        learning_rate: of Adam, in units of pixel values; of SGD, by which the gradient is multiplied.
        optimizer: ``"Adam"``, which moves all pixels at about the same speed, or ``"SGD"``, plain gradient descent.
        halve_every: steps after which the learning rate is halved, again and again; None keeps it.
        residual_std: standard deviation of r at the beginning.
        snapshots: steps after which the image is kept; 0 is the beginning.
        clamp: keep images in [0, 1] after every step; else they may leave it.
        seed: of r.
        description: of the progress bar, and of what failed in messages.
        bar: whether there is a progress bar.
        checkpoint: a file to go on from when it is there, written every 100 steps and at the end. It does not know the
            loss: use another file for another one. Remove it when the result is safe.

    Returns:
        The result, the loss at each step, and the snapshots.

    Raises:
        TypeError: `start` is no tensor, `loss` can't be called or does not return a tensor.
        ValueError: `start` is no image batch in [0, 1]; a number is of the wrong kind or too small; unknown optimizer;
            snapshots never reached; the loss does not depend on the image; the checkpoint is damaged or of another run.
        FloatingPointError: the loss is no longer finite; the message names the step.

    Reference:
        Kligvasser et al., NeurIPS 2021, Sec. 3.3 and the authors' public code.

    Example:
        >>> path = optimize(torch.rand(1, 3, 8, 8), lambda x: x.square().mean(), steps=3, learning_rate=0.1)
        >>> path.losses[-1] < path.losses[0], len(path.losses)
        (True, 4)
    """
    check_images(start, "start")
    if not callable(loss):
        raise TypeError(f"loss must be a function of images, got {type(loss).__name__}")
    steps, seed = check_integer(steps, "steps", 0), check_integer(seed, "seed", 0)
    if halve_every is not None:
        halve_every = check_integer(halve_every, "halve_every", 1)
    learning_rate = check_number(learning_rate, "learning_rate")
    residual_std = check_number(residual_std, "residual_std")
    check_choice(optimizer, "optimizer", get_args(Optimizer))
    if not isinstance(snapshots, Collection) or isinstance(snapshots, str):
        raise TypeError(f"snapshots must be a collection of steps, got {snapshots!r}")
    if out_of_reach := sorted((step for step in snapshots if step not in range(steps + 1)), key=str):
        raise ValueError(f"snapshots must be steps from 0 to {steps}, got {out_of_reach}")
    generator = torch.Generator().manual_seed(seed)
    residual = residual_std * torch.randn(start.shape, generator=generator, dtype=start.dtype)
    x = start.detach() + residual.to(start.device)
    x = (x.clamp_(0, 1) if clamp else x).requires_grad_()
    descent = {"Adam": torch.optim.Adam, "SGD": torch.optim.SGD}[optimizer]([x], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.StepLR(descent, halve_every or max(steps, 1), gamma=0.5)
    path, first = Trajectory(x), 0
    checkpoint = Path(checkpoint) if checkpoint is not None else None
    pixels = hashlib.sha256(start.detach().double().cpu().numpy().tobytes()).hexdigest()
    settings = {"start": pixels, "steps": steps, "learning_rate": learning_rate, "optimizer": optimizer}
    settings |= {"halve_every": halve_every, "residual_std": residual_std, "clamp": clamp, "seed": seed}
    settings["snapshots"] = sorted(map(int, snapshots))
    if checkpoint is not None and checkpoint.is_file():
        first = _resume(checkpoint, settings, path, x, descent, schedule)
    todo = range(first, steps + 1)
    progress = tqdm(todo, desc=description, unit="step", initial=first, total=steps + 1, disable=not bar)
    with full_precision(), progress:
        for step in progress:
            if checkpoint is not None and (step % EVERY == 0 or step == steps) and step > first:
                state = {"step": step, "losses": path.losses, "snapshots": path.snapshots, "x": x.detach()}
                state |= {"descent": descent.state_dict(), "schedule": schedule.state_dict()}
                checkpoint.parent.mkdir(parents=True, exist_ok=True)
                save_checkpoint(checkpoint, state, settings)
            if step in snapshots:
                path.snapshots[step] = x.detach().clone()
            with torch.set_grad_enabled(step < steps):
                value = loss(x)
            if not isinstance(value, Tensor):
                raise TypeError(f"loss must return a torch.Tensor, got {type(value).__name__}")
            path.losses.append(value.sum().item())
            if not math.isfinite(path.losses[-1]):
                raise FloatingPointError(f"{description}: the loss is {path.losses[-1]} at step {step}")
            if step == steps:
                break
            if not value.requires_grad:
                raise ValueError("loss must depend on the images that it is given; its result has no gradient")
            descent.zero_grad()
            value.sum().backward()
            descent.step()
            schedule.step()
            if clamp:
                x.data.clamp_(0, 1)
            progress.set_postfix(loss=f"{path.losses[-1]:.4g}", refresh=False)
    path.image = x.detach()
    return path


def _resume(
    checkpoint: Path,
    settings: dict[str, Any],
    path: Trajectory,
    x: Tensor,
    descent: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> int:
    """Bring everything to where a checkpoint left it; returns the step that is next."""
    state = load_checkpoint(checkpoint, settings, x.device)
    x.data.copy_(state["x"])
    descent.load_state_dict(state["descent"])
    schedule.load_state_dict(state["schedule"])
    path.losses, path.snapshots = state["losses"], state["snapshots"]
    return state["step"]
