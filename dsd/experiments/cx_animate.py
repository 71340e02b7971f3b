"""Single-image animation: networks that give the frames of one scene the look of one photograph of another."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.checks import check_integer
from dsd.data.frames import WIDE, Frames
from dsd.data.views import Photographs
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Computed, Result, checkpoints
from dsd.experiments.restorations import LOOKS
from dsd.experiments.style import MEASURES, Width, draw_image, figure_width, pretty
from dsd.losses import ContextualLoss, DSDLoss, LossSum, StyleLoss
from dsd.losses.base import FeatureLoss
from dsd.quality.means import over_images
from dsd.quality.motion import motion_error
from dsd.restore.animated import train_animator
from dsd.restore.apply import restore

METHODS = {"CX": "CX to target", "Style": "Style to target", "DSD": "DSD to target"}  # the loss of each to the target
CONTENT, MOTION = "CX to source", "Motion error"
BASES = {**dict.fromkeys(METHODS.values(), "source"), CONTENT: "target", MOTION: None}  # whose value is 1
METHOD_LOOKS: dict[str, dict[str, Any]] = {
    "CX": LOOKS["cx"],
    "Style": MEASURES["Style"],
    "DSD": MEASURES["DSD_2"],
}


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    target: str,
    target_zoom: float,
    target_position: tuple[float, float],
    source: str,
    source_position: tuple[float, float],
    target_layers: Sequence[str],
    source_layer: str,
    bandwidth: float,
    pool: int | None,
    alpha: float,
    size: int,
    frames: int,
    held_out: int,
    blocks: int,
    batch: int,
    steps: int,
    learning_rate: float,
    shown: int,
    device: str,
    seed: int,
) -> Computed:
    """Train a network by each of `METHODS` on the first frames, and judge them on the others. Args: the notebook's.

    A run that was stopped goes on where it was.

    Returns:
        The rows of :func:`judge` and :func:`follow`, and pictures of frames that are shown: "24 source", "24 CX", ….

    Raises:
        ValueError: no frames, fewer than two held-out ones, or fewer of these than are shown.
    """
    settings = dict(locals())
    check_integer(frames, "frames", 1)
    check_integer(held_out, "held_out", max(2, check_integer(shown, "shown", 1)))
    layers = sorted({*target_layers, source_layer})
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    sets = load_photographs(target, target_zoom, target_position, source, source_position, size)
    film = Frames(sets["source"][0], side=size, count=frames + held_out, seed=seed)
    photograph = sets["target"][0][None].to(network.device)
    learned, unseen = film.images().to(network.device).split([frames, held_out])
    judges = make_losses(network, target_layers, source_layer, bandwidth, alpha)
    losses = make_losses(network, target_layers, source_layer, bandwidth, alpha, pool)
    start = judge({"source": learned}, learned, photograph, judges).groupby("measure").value.mean()
    folder = checkpoints("cx-animate", settings, network)
    images, balance = {"source": unseen, "target": photograph.expand_as(unseen)}, {}
    for method, name in METHODS.items():
        balance[method] = float(f"{start[METHODS['CX']] / start[name]:.4g}")  # further digits depend on the machine
        animator = train_animator(
            learned,
            photograph,
            losses[name],
            losses[CONTENT],
            folder / method,
            weight=balance[method],
            blocks=blocks,
            steps=steps,
            batch=batch,
            rate=learning_rate,
            seed=seed,
            settings=settings,
        )
        images[method] = restore(animator, unseen)
    origins = [film.origins(number) for number in range(frames + 1, frames + held_out)]
    table = pd.concat([judge(images, unseen, photograph, judges), follow(images, origins)], ignore_index=True)
    pictures = {"target": photograph[0].cpu()}
    for number in np.linspace(0, held_out - 1, shown).round().astype(int).tolist():
        pictures |= {f"{frames + number} {kind}": images[kind][number].cpu() for kind in ("source", *METHODS)}
    numbered = table.assign(frame=table.frame + frames)
    return Computed(numbered, network, sets, pictures, {"balance": balance}, checkpoints=folder)


def load_photographs(
    target: str,
    target_zoom: float,
    target_position: tuple[float, float],
    source: str,
    source_position: tuple[float, float],
    size: int,
) -> dict[str, Photographs]:
    """The two photographs: a square each, that of the source wide enough to walk over.

    Args:
        target: a name as for :meth:`Photographs.from_names`.
        target_zoom: how many times the square's side its short side is.
        target_position: where in it the square lies, from 0 (top, left) to 1.
        source: likewise.
        source_position: likewise.
        size: side of the target's square, and of frames.
    """
    wide = math.ceil(WIDE * size)
    short = round(target_zoom * size)
    return {
        "target": Photographs.from_names([target], resize=short, crop=size, position=target_position),
        "source": Photographs.from_names([source], resize=wide, crop=wide, position=source_position),
    }


def make_losses(
    network: Backbone,
    target_layers: Sequence[str],
    source_layer: str,
    bandwidth: float,
    alpha: float,
    pool: int | None = None,
) -> dict[str, FeatureLoss]:
    """All that networks make small and results are judged by; `pool`: see :class:`dsd.losses.ContextualLoss`."""
    of_target, of_source = dict.fromkeys(target_layers, 1.0), {source_layer: 1.0}
    return {
        "CX to target": ContextualLoss(network, bandwidth, pool=pool, layer_weights=of_target),
        "Style to target": StyleLoss(network, layer_weights=of_target),
        "DSD to target": DSDLoss(network, (alpha,), layer_weights=of_target),
        CONTENT: ContextualLoss(network, bandwidth, pool=pool, layer_weights=of_source),
    }


@torch.no_grad()
def judge(
    images: Mapping[str, Tensor], frames: Tensor, target: Tensor, losses: Mapping[str, FeatureLoss]
) -> pd.DataFrame:
    """Each image's losses to the target and to its own frame.

    Args:
        images: what was made of the frames, by name: float (N, 3, H, W).
        frames: of the source, (N, 3, H, W).
        target: (1, 3, H, W).
        losses: of :func:`make_losses`.

    Returns:
        `image`, `frame` (from 0), `measure`, `value`.
    """
    together = LossSum({name: (1, loss) for name, loss in losses.items()})
    rows, look = [], together.encode(target)
    for number in range(len(frames)):
        own = together.encode(frames[number : number + 1])
        aims = {name: (own if name == CONTENT else look)[name] for name in losses}
        for image, x in images.items():
            _, values = together(x[number : number + 1], aims)
            rows += [(image, number, name, value.item()) for name, value in values.items()]
    return pd.DataFrame(rows, columns=["image", "frame", "measure", "value"])


def follow(images: Mapping[str, Tensor], origins: Sequence[Tensor]) -> pd.DataFrame:
    """The same columns for :func:`.motion_error`, from the second frame on; `origins`: of the frames from there."""
    rows = [
        (image, number, MOTION, motion_error(x[number - 1].cpu(), x[number].cpu(), moved))
        for image, x in images.items()
        for number, moved in enumerate(origins, start=1)
    ]
    return pd.DataFrame(rows, columns=["image", "frame", "measure", "value"])


def outcome(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Means over held-out frames.

    Args:
        table: `image`, `frame`, `measure`, `value`.
        seed: of the bootstrap.

    Returns:
        `image` (source and methods), `measure`, `mean`, `low`, `high`: losses to the target as shares of the source
        frame's, those to the source as shares of the target image's; motion errors as they are. Low and high: the 95 %
        bootstrap interval over frames.
    """
    values = table.pivot(index="frame", columns=["image", "measure"], values="value")
    rows = []
    for image in ("source", *METHODS):
        own = {name: values[image, name] / (values[base, name] if base else 1) for name, base in BASES.items()}
        summary = over_images(pd.DataFrame(own), seed).T
        rows += [{"image": image, "measure": name, **summary.loc[name].to_dict()} for name in BASES]
    return pd.DataFrame(rows)


def told(result: Result) -> pd.DataFrame:
    """:func:`outcome` as text: measures × source and methods."""
    rows = outcome(result.table, result.parameters["seed"])
    numbers = rows[["mean", "low", "high"]].to_numpy(float)
    text = [with_interval(*row) for row in numbers]
    table = rows.assign(text=text).pivot(index="measure", columns="image", values="text")
    return table.loc[list(BASES), ["source", *METHODS]]


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw frames with what each network makes of them, and how near that is to target, source and motion.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    titles = {"target": "Target", "source": "Source", **{method: method for method in METHODS}}
    numbers = sorted({int(name.split()[0]) for name in result.images if name != "target"})
    wide = figure_width(width)
    above, below = len(numbers) * wide / (len(titles) + 0.3) + 0.3, 2.3 if width == "page" else 3.6
    figure = plt.figure(figsize=(wide, above + below))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[above, below])
    grid = upper.subplots(len(numbers), len(titles), squeeze=False)
    for row, number in zip(grid, numbers, strict=True):
        for axis, kind in zip(row[1:], list(titles)[1:], strict=True):
            draw_image(axis, result.images[f"{number} {kind}"])
        row[1].set_ylabel(f"Frame {number}")
        row[0].axis("off")
    draw_image(grid[0, 0], result.images["target"])
    for axis, title in zip(grid[0], titles.values(), strict=True):
        axis.set_title(title)
    rows = outcome(result.table, result.parameters["seed"]).set_index(["image", "measure"])
    panels = lower.subplot_mosaic("aaabbcc" if width == "page" else "aa;bc")
    for axis, title, measures, label in (
        (panels["a"], "(a) Distance to the target", list(METHODS.values()), "Source frame = 1"),
        (panels["b"], "(b) CX to source", [CONTENT], "Target image = 1"),
        (panels["c"], "(c) Motion error", [MOTION], "Frame at rest = 1"),
    ):
        _draw_outcome(axis, rows, measures, label)
        axis.set_title(title, loc="left")
    panels["a"].set_xticks(range(len(METHODS)), [f"by {method}" for method in METHODS])
    lower.legend(*panels["a"].get_legend_handles_labels(), loc="outside upper center", ncols=len(METHODS) + 1)
    return figure


def _draw_outcome(axis: Axes, rows: pd.DataFrame, measures: list[str], label: str) -> None:
    """A group for each measure, in it a mark with its interval for each method, and a line for the source frame."""
    x = np.arange(len(measures))
    for offset, (method, look) in zip((-0.2, 0, 0.2), METHOD_LOOKS.items(), strict=True):
        own = rows.loc[method].loc[measures]
        axis.vlines(x + offset, own.low, own.high, color=look["color"], linewidth=0.8)
        axis.plot(x + offset, own["mean"], linestyle="", markersize=4, label=method, **look)
    axis.axhline(rows["mean"]["source", measures[0]], color="0.1", linestyle="--", linewidth=0.8, label="Source frame")
    axis.set_xticks([])
    axis.set_xlim(-0.5, len(measures) - 0.5)
    axis.set_ylim(bottom=-0.05 * axis.get_ylim()[1])
    axis.set_ylabel(label)


def caption(result: Result) -> str:
    """What the figure shows."""
    done = result.parameters
    layers = " and ".join(map(pretty, done["target_layers"]))
    pool = f", at {done['pool']}$^2$ random positions at most" if done["pool"] else ""
    return (
        f"Three networks learned from {done['frames']} frames of a walk over one photograph ({done['source']}) to give "
        f"them the look of another one ({done['target']}), in {done['steps']} steps. They differ in the loss to the "
        f"target: CX, style or DSD at {layers}. The loss to the own source frame is CX at "
        f"{pretty(done['source_layer'])} for all. $h$ = {done['bandwidth']:g}{pool}. Shown are frames that they did "
        "not learn from. (a) Distances to the target, as shares of the source frame's. Each method is judged by its "
        "own distance, too. (b) CX to the own source frame, as share of the target image's. (c) How far a result is "
        "from the one before it, moved as the scene moved: as share of how far it is from that at rest. Means over "
        f"{done['held_out']} frames with 95% bootstrap intervals. These frames are like each other: intervals say "
        "nothing of other photographs."
    )
