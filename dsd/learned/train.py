"""Train the weights of channels, and the network where that is asked for, on what people judged."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors.torch import save
from torch import Tensor

from dsd import paper
from dsd.atomic import atomic_write
from dsd.backbones import available_layers, find_device, load_backbone
from dsd.checks import check_choice, check_integer, check_number
from dsd.data.bapps import Judgement
from dsd.learned.batches import Batches, Measured, Patches, Triplets
from dsd.learned.channels import Pairs, measure_channels, pairs_of
from dsd.learned.ranking import Learner
from dsd.learned.triplets import load_triplets
from dsd.quality.learned import MEASURES, Measure, make_distance
from dsd.training import Process, Training, process_group

Variant = Literal["lin", "tune", "scratch"]
LAST_LAYERS = ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_4")  # the last of each block, as LPIPS has of VGG-16
EVERY = 100  # steps from checkpoint to checkpoint


@dataclass(frozen=True)
class Fitting:
    """How weights learn: Adam at `rate`, which falls to 0 over the second half of the steps; β₁ = 0.5."""

    steps: int = paper.LPIPS["steps"]
    batch: int = paper.LPIPS["batch"]
    rate: float = paper.LPIPS["rate"]
    dropout: float = paper.LPIPS["dropout"]
    """Part of the channels that are left out of a triplet's distances."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that cannot be."""
        check_integer(self.steps, "steps", 1)
        check_integer(self.batch, "batch", 1)
        check_integer(self.seed, "seed", 0)
        if not check_number(self.rate, "rate"):
            raise ValueError("rate must be above 0, got 0")
        if not 0 <= check_number(self.dropout, "dropout") < 1:
            raise ValueError(f"dropout must be below 1, got {self.dropout!r}")


def train_distance(
    out: str | Path,
    images: Sequence[str],
    *,
    measure: Measure = "lpips",
    variant: Variant = "lin",
    backbone: str = "vgg19",
    weights: str | Path = "auto",
    layers: Sequence[str] | None = None,
    alpha: float | None = None,
    side: int | None = None,
    fitting: Fitting = Fitting(),
    device: str = "auto",
) -> Path:
    """Train a distance to the end, from the last checkpoint where there is one, and write it.

    Binary cross-entropy between the share of people who find the second image closer and what G, a small network, tells
    from both distances: LPIPS's ranking loss. Weights stay at least 0. Stopped at any time, even by ``kill -9``, it
    goes on when called again.

    Args:
        out: the run's folder.
        images: data sets, each as for :func:`.load_triplets`.
        measure: ``"lpips"`` or ``"dsd"``: what channels are compared by.
        variant: ``"lin"``: the weights learn alone, from what is measured once of whole images; ``"tune"``: the network
            learns, too; ``"scratch"``: it does and begins with random weights.
        backbone: a name out of `dsd.BACKBONES`.
        weights: the backbone's; of scratch, ``"random"`` or ``"random-1"``, which is another seed.
        layers: names. None: the last one of each block of VGG-19, all of another network.
        alpha: scaling factor of DSD; None: 2.
        side: of the crops of tune and scratch, in pixels; None: 64.
        fitting: steps, rate, seed.
        device: ``"cuda"``, ``"cpu"``, or ``"auto"``: CUDA where there is a GPU.

    Returns:
        The file: see :func:`.load_distance`.

    Raises:
        FileNotFoundError: weights, images or labels are missing.
        ValueError: an argument is outside its range; a file is damaged; the checkpoint is of another run.
        FloatingPointError: the loss is no longer finite.

    Reference:
        Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018.
    """
    check_choice(measure, "measure", MEASURES)
    check_choice(variant, "variant", get_args(Variant))
    if measure != "dsd" and alpha is not None:
        raise ValueError(f"alpha is of dsd alone, got alpha={alpha!r} for {measure}")
    if variant == "lin" and side is not None:
        raise ValueError(f"side is of tune and scratch alone, which learn from crops; got side={side!r} for lin")
    alpha, side = 2 if alpha is None else alpha, check_integer(64 if side is None else side, "side", 1)
    if isinstance(images, str) or not images:
        raise ValueError(f"images must be a sequence of at least one data set, got {images!r}")
    if variant == "scratch" and weights == "auto":
        weights = "random"
    if (variant == "scratch") != str(weights).startswith("random"):
        raise ValueError(f"weights must be random for scratch and only for it, got {weights} for {variant}")
    out = Path(out)
    sets = [load_triplets(name) for name in images]
    triplets = [judgement for judged in sets for judgement in judged.judgements]
    with process_group(find_device(device)) as process:
        layers = available_layers(backbone, LAST_LAYERS) if layers is None else layers
        network = load_backbone(backbone, layers, weights, device=process.device)
        distance = make_distance(measure, network, alpha=alpha)
        about = {"measure": measure, "alpha": alpha, "layers": list(network.layers), **network.provenance()}
        about |= {"variant": variant, "images": [judged.provenance()["judgements_sha256"] for judged in sets]}
        trained = None if variant == "lin" else network.requires_grad_(True)
        source: Triplets = Patches(triplets, side)
        if variant == "lin":
            pairs = pairs_of(triplets)
            known = measure_channels(distance, pairs, out / "channels", about, quiet=process.rank > 0)
            source = measured(known, pairs, triplets)
        else:
            about["side"] = side

        def channels(batch: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
            if trained is None:
                return batch[0], batch[1]
            first, second, reference = (distance.encode(x) for x in batch[:3])
            return distance.channels(first, reference), distance.channels(second, reference)

        learner = Learner(distance.widths, channels, dropout=fitting.dropout, seed=fitting.seed, backbone=trained)
        settings = fit(out, learner.to(process.device), source, fitting, about, process)
        path = out / "distance.safetensors"
        if process.rank == 0:
            state = {"heads": learner.heads().cpu()}
            if trained is not None:
                state |= {f"backbone.{key}": value.cpu().contiguous() for key, value in trained.state_dict().items()}
            with atomic_write(path) as file:
                file.write(save(state, {"about": json.dumps(settings)}))
    return path


def measured(channels: Tensor, pairs: Pairs, triplets: Sequence[Judgement]) -> Measured:
    """Triplets as what was measured of their pairs; `channels` are those of `pairs`."""
    number = {pair: index for index, pair in enumerate(pairs)}
    first, second = ([number[at.reference, at.images[k]] for at in triplets] for k in range(2))
    return Measured(channels, first, second, [at.share for at in triplets])


def fit(
    out: Path, learner: Learner, triplets: Triplets, fitting: Fitting, about: Mapping[str, Any], process: Process
) -> dict[str, Any]:
    """Let weights of channels learn from triplets, from the last checkpoint where there is one.

    Args:
        out: the run's folder.
        learner: what learns.
        triplets: what it learns from.
        fitting: steps, rate, seed.
        about: what else the result depends on, as plain values.
        process: this one.

    Returns:
        All that the result depends on.

    Raises:
        ValueError, FloatingPointError: as of :func:`train_distance`.
    """
    batches = Batches(
        triplets,
        size=fitting.batch,
        steps=fitting.steps,
        seed=fitting.seed,
        rank=process.rank,
        count=process.count,
    )
    training = Training(
        learner,
        {"adam": torch.optim.Adam(learner.parameters(), fitting.rate, betas=(0.5, 0.999))},
        lambda step: min(1.0, 2 * (1 - step / fitting.steps)),
        steps=fitting.steps,
        out=out,
        settings={**about, **asdict(fitting), "triplets": len(triplets), "processes": process.count},
        process=process,
    )
    if training.step == 0:
        learner.set_scale(batches)
    training.run(batches, learner, every=EVERY, after=lambda step: learner.clamp())
    return training.settings
