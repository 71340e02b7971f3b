"""Train ψ on clean photographs."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors.torch import save
from torch import Tensor

from dsd import paper
from dsd.atomic import atomic_write
from dsd.backbones import find_device, load_backbone
from dsd.backbones.base import Precision
from dsd.checks import check_choice, check_factors, check_integer, check_number
from dsd.data.files import digest
from dsd.data.images import find_images
from dsd.noref.crops import Batches, Crops
from dsd.noref.regressor import LAYERS, Regressor, load_regressor, parameters_of
from dsd.training import Training, process_group

Schedule = Literal["halved", "cosine"]
FOLDERS = ("bsds500/train", "bsds500/test")  # the paper's 400 photographs
EVERY = 50  # steps from checkpoint to checkpoint


def train_regressor(
    out: str | Path,
    *,
    alpha: float = 2,
    backbone: str = "vgg19",
    weights: str | Path = "auto",
    images: Sequence[str | Path] = FOLDERS,
    start: str | Path | None = None,
    steps: int = paper.NO_REFERENCE["steps"],
    rate: float = paper.NO_REFERENCE["rate"],
    schedule: Schedule = "halved",
    batch: int = paper.NO_REFERENCE["batch"],
    side: int = paper.NO_REFERENCE["side"],
    each: int = 16,
    precision: Precision = "float32",
    seed: int = 0,
    device: str = "auto",
) -> Path:
    """Train ψ of one network and alpha to the end, from the last checkpoint where there is one, and write its weights.

    It learns from a fixed pool of crops of clean photographs: input is the crop downscaled, the target the crop's own
    ‖DSD_α‖₁ at each layer, in units of its standard deviation over the pool (the authors' code takes it raw); mean
    squared error, Adam. Stopped at any time, even by ``kill -9``, it goes on when called again. Each process of
    torchrun adds batches of its own to every step, and has its own statistics of batch normalisation: another number of
    them is another run.

    Args:
        out: the run's folder.
        alpha: the scaling factor.
        backbone: the network whose ‖DSD‖ is predicted: a name out of `dsd.BACKBONES`.
        weights: the backbone's.
        images: folders of clean photographs.
        start: a file of earlier weights of ψ, perhaps of another network or alpha. None: random ones, from the seed.
        steps: of the whole run; the authors' code takes 50,000.
        rate: the learning rate at the beginning.
        schedule: of the learning rate. ``"halved"``: after 40 and 80 % of the steps, as in the authors' code;
            ``"cosine"``: up for 5 % of the steps, then down to 0, for short runs.
        batch: crops in a step.
        side: of a downscaled crop, in pixels.
        each: crops of a photograph in the pool.
        precision: of ψ's convolutions: ``"float32"``, or ``"bfloat16"``, about half as long on CPUs that have it.
            With crops of 16 pixels bfloat16's gradients may overflow there.
        seed: of crops, of batches, and of weights.
        device: ``"cuda"``, ``"cpu"``, or ``"auto"``: CUDA where there is a GPU.

    Returns:
        The file of weights.

    Raises:
        FileNotFoundError: no weights, no such `start`, or a folder is missing.
        ValueError: a file is damaged, a photograph smaller than a crop, or the checkpoint of another run.
        FloatingPointError: the loss is no longer finite.
    """
    check_factors((alpha,))
    check_choice(schedule, "schedule", get_args(Schedule))
    check_choice(precision, "precision", get_args(Precision))
    for name, number in (("batch", batch), ("side", side), ("each", each)):
        check_integer(number, name, 1)
    check_integer(seed, "seed", 0)
    if not check_number(rate, "rate"):
        raise ValueError("rate must be above 0, got 0")
    if isinstance(images, str | Path) or not images:
        raise ValueError(f"images must be a sequence of at least one folder, got {images!r}")
    out = Path(out)
    result = out / f"psi-{backbone}-alpha{alpha:g}.safetensors"
    with process_group(find_device(device)) as process:
        measured = load_backbone(backbone, LAYERS, weights, precision="bfloat16", device=process.device)
        paths = [path for folder in images for path in find_images(folder)]
        pool = {"images": digest(paths), "alpha": alpha, "side": side, "each": each, "seed": seed}
        pool |= {"backbone": backbone, "weights_sha256": measured.weights_sha256}
        pool |= {"padding": measured.padding, "targets_precision": measured.precision}
        torch.manual_seed(seed)
        network, earlier = (Regressor(), {}) if start is None else load_regressor(start)
        network.requires_grad_(True)
        network.to(process.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        settings = {**pool, "rate": rate, "schedule": schedule, "batch": batch, "precision": precision}
        settings["processes"] = process.count
        settings["start_sha256"] = earlier.get("regressor_sha256")
        training = Training(
            network,
            {"adam": torch.optim.Adam(network.parameters(), rate)},
            lambda step: rate_factor(step, steps, schedule),
            steps=steps,
            out=out,
            settings=settings,
            process=process,
        )
        crops = Crops(paths, alpha, side=side, each=each, seed=seed, quiet=process.rank > 0)
        targets = crops.targets(measured, out / f"targets-{process.rank}.pt", pool)
        del measured
        if training.step == 0:
            network.mean.copy_(targets.mean(dim=0))
            network.deviation.copy_(targets.std(dim=0))
        batches = Batches(
            crops.inputs(), targets, size=batch, steps=steps, seed=seed, rank=process.rank, count=process.count
        )

        def losses(pair: tuple[Tensor, Tensor], step: int) -> dict[str, Tensor]:
            x, norms = (part.to(process.device) for part in pair)
            with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
                predicted = network.standardised(x).float()
            errors = (predicted - (norms - network.mean) / network.deviation).square().mean(dim=0)
            return dict(zip(LAYERS, errors / len(LAYERS), strict=True))

        training.run(batches, losses, every=EVERY)
        if process.rank == 0:
            write(network, result, {**training.settings, "photographs": len(paths)})
    return result


def write(network: Regressor, path: Path, about: dict[str, Any]) -> None:
    """Write ψ's weights, convolutions and linear layers as float16, and what is known of them."""
    state = {
        key: (value.half() if value.ndim > 1 else value.float()).detach().cpu().contiguous()
        for key, value in parameters_of(network).items()
    }
    with atomic_write(path) as file:
        file.write(save(state, {"about": json.dumps(about)}))


def rate_factor(step: int, steps: int, schedule: Schedule) -> float:
    """The learning rate after `step` of `steps` steps, over the one at the beginning (halved) or the highest (cosine).

    Example:
        >>> [rate_factor(step, 10, "halved") for step in (0, 3, 4, 8)]
        [1.0, 1.0, 0.5, 0.25]
    """
    if schedule == "halved":
        return 0.5 ** sum(step >= part * steps for part in paper.NO_REFERENCE["halved"])
    progress = (step + 1) / steps
    return min(20 * progress, (1 + math.cos(math.pi * max(0, progress - 0.05) / 0.95)) / 2)
