"""Single-image animation: networks that give the frames of one scene the look of one photograph of another."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.checks import check_integer
from dsd.data.frames import Frames
from dsd.experiments.cx_animate_judges import CONTENT, METHODS, MOTION, follow, judge, load_photographs, make_losses
from dsd.experiments.methods import as_text, draw_methods
from dsd.experiments.provenance import Computed, Result, checkpoints
from dsd.experiments.style import Width, draw_image, figure_width, pretty
from dsd.quality.means import over_images
from dsd.restore.animated import train_animator
from dsd.restore.apply import restore

BASES = {**dict.fromkeys(METHODS.values(), "source"), CONTENT: "target", MOTION: None}  # whose value is 1


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
    return as_text(rows, "measure", "image").loc[list(BASES), ["source", *METHODS]]


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
        draw_methods(axis, rows, measures, METHODS)
        base = rows["mean"]["source", measures[0]]
        axis.axhline(base, color="0.1", linestyle="--", linewidth=0.8, label="Source frame")
        axis.set_xticks([])
        axis.set_ylim(bottom=-0.05 * axis.get_ylim()[1])
        axis.set_ylabel(label)
        axis.set_title(title, loc="left")
    panels["a"].set_xticks(range(len(METHODS)), [f"by {method}" for method in METHODS])
    lower.legend(*panels["a"].get_legend_handles_labels(), loc="outside upper center", ncols=len(METHODS) + 1)
    return figure


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
