"""How closely one backbone stands in for another: VGG-19 lite for VGG-19 (`make lite-report`)."""

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dsd import paper
from dsd.backbones import find_device
from dsd.backbones.base import Backbone, Precision
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
from dsd.experiments.style import COLORS
from dsd.paths import data_root


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
    place = find_device(device)
    if weights == "auto":
        weights = str(find_weights(WEIGHT_FILES[::-1], "VGG-19", TORCHVISION_WEIGHTS))  # the teacher's first

    def networks(layers: Sequence[str]) -> tuple[Backbone, Backbone]:
        both = VGG19Lite(layers, precision=precision), VGG19(layers, weights, precision=precision)
        return both[0].to(place), both[1].to(place)

    lite, vgg19 = networks(layers)
    photographs, contents = load(images, files, resize=resize, crop=crop, count=count)
    with tempfile.TemporaryDirectory() as folder:
        others = write_unusual(photographs, Path(folder) / "unusual", small=small, count=unusual, seed=seed)
        tables = [
            fingerprints(views, lite, vgg19, alphas).assign(images=kind, count=len(views))
            for kind, views in {"photographs": photographs, **others}.items()
        ]
        rated = load_rated(rated_images, Path(folder) / "known distortions", resize=256, crop=160, count=5, seed=seed)
        tables.append(ratings(rated, lite, vgg19, alphas).assign(images="rated", count=len(rated.pairs)))
    lite, vgg19 = networks(paper.FIG4["layers"])
    optimised = as_a_loss(contents, lite, vgg19, steps=steps, learning_rate=learning_rate)
    tables.append(optimised.assign(images="optimised", count=1))
    return Computed(
        pd.concat(tables, ignore_index=True),
        vgg19,
        {"photographs": photographs, "rated": rated, "optimised": contents},
        extra={"student": lite.provenance()},
    )


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


def draw(result: Result) -> Figure:
    """Draw agreement by layer (dashed lines are what was aimed for) and, below, that on other kinds of images."""
    student, other = result.provenance["student"], result.provenance["weights_sha256"] != TEACHER_SHA256
    lite = f"{student['backbone']}, weights {student['weights']} {student['weights_sha256'][:8]}"
    figure, axes = plt.subplots(3, 3, figsize=(6.75, 6.3))
    title = f"{lite}, against {result.provenance['backbone']}"
    figure.suptitle(title + ("\nwith other weights than it was distilled from" if other else ""))
    _draw_by_layer(axes[0, 0], result, "rank of ‖DSD‖", "Spearman of ‖DSD‖", 0.985)
    _draw_by_layer(axes[0, 1], result, "rank of L_DSD", "Spearman of L$_{DSD}$ of pairs", 0.98)
    _draw_by_layer(axes[0, 2], result, "error of DSD", "Relative L1 error of DSD", 0.2)
    axes[0, 2].set_ylim(bottom=0)
    _draw_by_layer(axes[1, 0], result, "Self/Random", "Self/Random: lite over VGG-19", 1.1, 0.9)
    _draw_by_layer(axes[1, 1], result, "agreement with people", "Pearson with ratings: lite − VGG-19", 0.03, -0.03)
    axes[0, 0].legend()
    optimised = result.table[result.table.what == "as a loss"]
    last = axes[1, 2]
    last.bar(range(len(optimised)), optimised.value, 0.5, color=COLORS["Random"])
    last.axhline(0.7, color="0.4", linestyle="--", linewidth=0.7)
    last.set_xticks(range(len(optimised)), optimised.layer)
    last.set_xlabel("photograph")
    last.set_title("As a loss: share of the decrease")
    _draw_by_kind(axes[2, 0], result, "error of DSD", "Relative L1 error of DSD")
    _draw_by_kind(axes[2, 1], result, "‖DSD‖", "‖DSD‖: lite over VGG-19")
    axes[2, 2].axis("off")
    axes[2, 2].legend(*axes[2, 0].get_legend_handles_labels(), loc="center left")
    return figure


def _draw_by_layer(axis: Axes, result: Result, what: str, title: str, *targets: float) -> None:
    """A row of dots for each alpha, with one target or two."""
    layers, alphas = result.parameters["layers"], result.parameters["alphas"]
    table = result.table[result.table.images.isin(["photographs", "rated"])]
    for shift, alpha, color in zip((-0.1, 0.1), alphas, COLORS.values(), strict=False):
        rows = table[(table.what == what) & (table.alpha == alpha)].set_index("layer").loc[layers]
        axis.plot(np.arange(len(rows)) + shift, rows.value, "o", color=color, label=f"α = {alpha:g}")
    for target in targets:
        axis.axhline(
            target, color="0.4", linestyle="--", linewidth=0.7, label="target" if target == targets[0] else None
        )
    _name_layers(axis, title, layers)


def _draw_by_kind(axis: Axes, result: Result, what: str, title: str) -> None:
    """A line for each kind of image, of the first alpha."""
    layers, alpha = result.parameters["layers"], result.parameters["alphas"][0]
    rows = result.table[(result.table.what == what) & (result.table.alpha == alpha)]
    colors = (*COLORS.values(), "#CCBB44", "#66CCEE", "#AA3377")  # of the same scheme
    for kind, marker, color in zip(rows.images.unique(), "os^vDP", colors, strict=True):
        of = rows[rows.images == kind].set_index("layer").loc[layers]
        label = f"{kind} ({of['count'].iloc[0]})"
        axis.plot(of.value.to_numpy(), marker=marker, markersize=4, color=color, label=label)
    _name_layers(axis, f"{title}, α = {alpha:g}", layers)


def _name_layers(axis: Axes, title: str, layers: Sequence[str]) -> None:
    axis.set_title(title)
    axis.set_xticks(range(len(layers)), [layer.removeprefix("relu") for layer in layers])
    axis.set_xlabel("ReLU")
