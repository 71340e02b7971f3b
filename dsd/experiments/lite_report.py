"""How closely one backbone stands in for another: VGG-19 lite for VGG-19 (`make lite-report`)."""

import random
import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dsd import paper
from dsd.backbones import find_device
from dsd.backbones.base import Precision
from dsd.backbones.lite import TEACHER_SHA256, VGG19Lite
from dsd.backbones.vgg19 import TORCHVISION_WEIGHTS, VGG19, WEIGHT_FILES
from dsd.backbones.weights import find_weights
from dsd.data.images import find_images
from dsd.data.rated_sets import load_rated
from dsd.data.unusual import write_unusual
from dsd.data.views import Photographs, View
from dsd.distil.agreement import as_a_loss, fingerprints, ratings
from dsd.distil.images import held_out
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import MEASURES, NETWORKS, Width, figure_width
from dsd.paths import data_root

FLAT = {"flat colours": "#D55E00", "nearly flat": "#F0A07A"}  # kinds on which lite is not to be trusted


def compute(
    *,
    weights: str,
    precision: Precision,
    layers: Sequence[str],
    alphas: Sequence[float],
    images: str,
    resize: int,
    crop: int,
    count: int,
    small: int,
    unusual: int,
    rated_images: str,
    files: Sequence[str],
    steps: int,
    learning_rate: float,
    device: str,
    seed: int,
) -> Computed:
    """Compare VGG-19 lite with VGG-19 on the same images. Args: the parameters of the notebook.

    Returns:
        The tables of :func:`fingerprints` (of photographs and of each kind of :func:`write_unusual`), :func:`ratings`
        and :func:`as_a_loss`, one below the other, with two more columns: `images`, the kind, and `count`, how many.
    """
    lite, vgg19 = load_networks(layers, weights, precision=precision, device=device)
    photographs, contents = load(images, files, resize=resize, crop=crop, count=count)
    with tempfile.TemporaryDirectory() as folder:
        others = write_unusual(photographs, Path(folder) / "unusual", small=small, count=unusual, seed=seed)
        tables = [
            fingerprints(views, lite, vgg19, alphas).assign(images=kind, count=len(views))
            for kind, views in {"photographs": photographs, **others}.items()
        ]
        rated = load_rated(rated_images, Path(folder) / "known distortions", resize=256, crop=160, count=5, seed=seed)
        tables.append(ratings(rated, lite, vgg19, alphas).assign(images="rated", count=len(rated.pairs)))
    lite, vgg19 = load_networks(paper.FIG4["layers"], weights, precision=precision, device=device)
    optimised = as_a_loss(contents, lite, vgg19, steps=steps, learning_rate=learning_rate)
    tables.append(optimised.assign(images="optimised", count=1))
    return Computed(
        pd.concat(tables, ignore_index=True),
        vgg19,
        {"photographs": photographs, "rated": rated, "optimised": contents},
        extra={"student": lite.provenance()},
    )


def load_networks(layers: Sequence[str], weights: str, *, precision: Precision, device: str) -> tuple[VGG19Lite, VGG19]:
    """VGG-19 lite and VGG-19. With the weights ``"auto"``, those that lite was distilled from come first."""
    if weights == "auto":
        weights = str(find_weights(WEIGHT_FILES[::-1], "VGG-19", TORCHVISION_WEIGHTS))
    place = find_device(device)
    lite, vgg19 = VGG19Lite(layers, precision=precision), VGG19(layers, weights, precision=precision)
    return lite.to(place), vgg19.to(place)


def unseen(*, resize: int, crop: int, count: int | None = None) -> Photographs:
    """Photographs on which VGG-19 lite was not trained: every third class of imagenet-sample, and BSDS500 `val`.

    Args:
        resize: as for :class:`Photographs`.
        crop: as for :class:`Photographs`.
        count: how many; all of them for None.
    """
    paths = held_out(find_images("imagenet-sample")) + find_images("bsds500/val")
    random.Random(0).shuffle(paths)
    views = [View(path, path.name) for path in paths[:count]]
    return Photographs(views, "held-out ImageNet sample and BSDS500", resize=resize, crop=crop)


def load(images: str, files: Sequence[str], *, resize: int, crop: int, count: int) -> tuple[Photographs, Photographs]:
    """Photographs to describe, and those to optimise: contents and references in turn.

    Args:
        images: ``"held out"`` for :func:`unseen`, else as for :meth:`Photographs.from_folder`.
        files: paths under the data root of what is to be optimised; with none, the first six of the photographs.
        resize: as for :class:`Photographs`.
        crop: as for :class:`Photographs`.
        count: how many photographs.
    """
    if images == "held out":
        photographs = unseen(resize=resize, crop=crop, count=count)
    else:
        photographs = Photographs.from_folder(images, resize=resize, crop=crop, count=count)
    views = [View(data_root() / name, name) for name in files] or photographs.views[:6]
    return photographs, Photographs(views, "contents and references", resize=resize, crop=crop)


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw agreement by layer (dashed lines are what was aimed for) and, at the end, that on other kinds of images.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    page = width == "page"
    columns = 3 if page else 2
    heights = [1.75, 1.75, 1.75] if page else [1.6, 1.6, 1.6, 1.6, 0.8]
    figure = plt.figure(figsize=(figure_width(width), sum(heights)))
    grid = figure.add_gridspec(len(heights), columns, height_ratios=heights)
    a, b, c, d, e, f, g, h = (figure.add_subplot(grid[divmod(k, columns)]) for k in range(8))
    if result.provenance["weights_sha256"] != TEACHER_SHA256:
        figure.suptitle("with other weights than it was distilled from")
    _draw_by_layer(a, result, "rank of ‖DSD‖", "(a) Ranks of ‖DSD‖:\nSpearman", 0.985)
    _draw_by_layer(b, result, "rank of L_DSD", "(b) Ranks of L$_{DSD}$:\nSpearman", 0.98)
    _draw_by_layer(c, result, "error of DSD", "(c) Relative L1 error\nof DSD", 0.2)
    c.set_ylim(bottom=0)
    _draw_by_layer(d, result, "Self/Random", "(d) Self/Random:\nlite ÷ VGG-19", 1.1, 0.9)
    _draw_by_layer(e, result, "agreement with people", "(e) Pearson, ratings:\nlite − VGG-19", 0.03, -0.03)
    _draw_losses(f, result)
    alpha = f"α = {result.parameters['alphas'][0]:g}"
    _draw_by_kind(g, result, "error of DSD", f"(g) As (c), by kind\nof images, {alpha}")
    _draw_by_kind(h, result, "‖DSD‖", f"(h) ‖DSD‖, {alpha}:\nlite ÷ VGG-19")
    last = figure.add_subplot(grid[-1, 2:] if page else grid[-1, :])
    last.axis("off")
    handles = [*a.get_legend_handles_labels()[0], *g.get_legend_handles_labels()[0]]
    last.legend(handles=handles, loc="center", ncols=1 if page else 2)
    return figure


def _draw_by_layer(axis: Axes, result: Result, what: str, title: str, *targets: float) -> None:
    """A row of dots for each alpha, with one target or two."""
    layers, alphas = result.parameters["layers"], result.parameters["alphas"]
    table = result.table[result.table.images.isin(["photographs", "rated"])]
    for target in targets:  # first, so that the axis includes them
        _draw_target(axis, target, "aim" if target == targets[0] else None)
    for number, alpha in enumerate(alphas):
        rows = table[(table.what == what) & (table.alpha == alpha)].set_index("layer").loc[layers]
        style = MEASURES.get(f"DSD_{alpha:g}", {"color": "0.5", "marker": "o"})
        places = np.arange(len(rows)) + 0.3 * (number - (len(alphas) - 1) / 2)
        axis.plot(places, rows.value, linestyle="none", markersize=4, label=f"α = {alpha:g}", **style)
    _name_layers(axis, title, layers)


def _draw_losses(axis: Axes, result: Result) -> None:
    """A bar for each pair of photographs."""
    values = result.table[result.table.what == "as a loss"].value
    pairs = np.arange(len(values)) + 1
    axis.bar(pairs, values, 0.5, color=NETWORKS["lite"]["color"])
    _draw_target(axis, 0.7, None)
    axis.set_xticks(pairs)
    axis.set_xlabel("Pair of photographs")
    axis.set_title("(f) As a loss: share\nof the decrease")


def _draw_by_kind(axis: Axes, result: Result, what: str, title: str) -> None:
    """A line for each kind of image, of the first alpha."""
    layers, alpha = result.parameters["layers"], result.parameters["alphas"][0]
    rows = result.table[(result.table.what == what) & (result.table.alpha == alpha)]
    looks = zip(cycle("os^vDP"), cycle(["0.1", "0.45", "0.7"]), cycle(["-", "-", "-", "--", "--", "--"]), strict=False)
    for kind, (marker, shade, line) in zip(rows.images.unique(), looks, strict=False):
        of = rows[rows.images == kind].set_index("layer").loc[layers]
        label = f"{kind} ({of['count'].iloc[0]})"
        color = FLAT.get(kind, shade)
        axis.plot(of.value.to_numpy(), line, marker=marker, color=color, markersize=4, linewidth=0.8, label=label)
    axis.margins(y=0.1)
    _name_layers(axis, title, layers)


def _draw_target(axis: Axes, value: float, label: str | None) -> None:
    axis.axhline(value, color="0.4", linestyle="--", linewidth=0.7, label=label)


def _name_layers(axis: Axes, title: str, layers: Sequence[str]) -> None:
    axis.set_title(title)
    axis.set_xticks(range(len(layers)), [layer.removeprefix("relu") for layer in layers])
    axis.set_xlabel("ReLU")


def caption(result: Result) -> str:
    """What the figure shows."""
    student, table = result.provenance["student"], result.table
    of = table[table.images == "photographs"].groupby("what").value
    count = table["count"][table.images == "photographs"].iloc[0]
    values = table[table.what == "as a loss"].value
    shares = ", ".join(f"{share:.0%}" for share in values)
    pairs = ", ".join(map(str, range(1, len(values) + 1)))
    return (
        f"VGG-19 lite ({student['weights']} {student['weights_sha256'][:8]}) against VGG-19, by layer. (a–e) Over "
        f"{count} photographs, their pairs, and rated distortions: the lowest rank correlation of ‖DSD‖ is "
        f"{of.min()['rank of ‖DSD‖']:.3f}, the largest median error {of.max()['error of DSD']:.2f}. (f) With lite as "
        f"the network of a loss, pixels of pairs {pairs} reach {shares} of the decrease that VGG-19 reaches itself. "
        "(g, h) Other kinds of images, and how many. Dashed grey lines are what was aimed for."
    )
