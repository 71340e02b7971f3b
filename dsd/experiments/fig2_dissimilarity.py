"""Fig. 2: how dissimilar an image is to itself at another scale, and to others; what the network's padding adds."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from dsd.backbones import load_backbone
from dsd.backbones.base import Padding, Precision
from dsd.data.images import find_image
from dsd.data.views import Photographs, View
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import COLORS, HATCHES, Width, figure_width, pretty
from dsd.gram import Normalize
from dsd.quality.borders import SURROUNDINGS, encode_scales
from dsd.quality.dissimilarity import dissimilarities, summarise

LOOKS: dict[str, Any] = {
    "zeros": {"color": "0.1", "linestyle": "-", "fillstyle": "full"},
    "reflect": {"color": "0.5", "linestyle": "--", "fillstyle": "none"},
    "replicate": {"color": "0.65", "linestyle": "-.", "fillstyle": "top"},
    SURROUNDINGS: {"color": "0.3", "linestyle": ":", "fillstyle": "left"},
}
POINTS: dict[str, Any] = {"markersize": 3.5, "linewidth": 0.9, "elinewidth": 0.6}


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    paddings: Sequence[Padding],
    images: str,
    same_class_images: str,
    further: Sequence[Mapping[str, Any]],
    layers: Sequence[str],
    patch_sizes: Sequence[int],
    alpha: float,
    normalize: Normalize,
    resize: int,
    crop: int,
    sides: Sequence[int],
    same_class_size: int,
    count: int,
    crops: int,
    batch_size: int,
    workers: int,
    device: str,
    seed: int,
) -> Computed:
    """Compare Gram matrices of pairs of images and of scales. Args: the parameters of the notebook.

    Returns:
        The table of :func:`summarise`.
    """
    load = partial(Photographs.from_folder, count=count, crops=crops, seed=seed)
    photographs = load(images, resize=resize, crop=crop)
    classes = load(same_class_images, resize=same_class_size or resize, crop=same_class_size or crop)
    others = [(load_further(**one, seed=seed), one) for one in further]
    names = [photographs.name, *(views.name for views, _ in others)]
    if twice := sorted({name or "''" for name in names if not name or names.count(name) > 1}):
        raise ValueError(f"sets of `further` must have a name of their own, not {', '.join(twice)}")
    networks = {
        padding: load_backbone(backbone, layers, weights, precision=precision, padding=padding, device=device)
        for padding in paddings
    }
    of_classes = {"networks": {paddings[0]: networks[paddings[0]]}, "sides": [classes.crop], "patch_sizes": patch_sizes}
    runs: list[tuple[Photographs, str, dict[str, Any]]] = [
        (photographs, "Random", {"networks": networks, "sides": [crop, *sides], "patch_sizes": patch_sizes}),
        (classes, "Same class", of_classes),
    ]
    if classes.provenance() != photographs.provenance():
        runs.append((classes, "Random", of_classes))
    for views, one in others:
        to = {"networks": networks, "sides": one["sides"], "surroundings": one.get("surroundings", 0)}
        runs.append((views, "Random", to))
    squares = [(views.name, side) for views, kind, to in runs if kind == "Random" for side in to["sides"]]
    if twice := sorted({f"{name} ({side}²)" for name, side in squares if squares.count((name, side)) > 1}):
        raise ValueError(f"there are two sets of images of one name and side: {', '.join(twice)}")
    pairs = [views.pairs(same_group=kind == "Same class") for views, kind, _ in runs]  # too few: known at once
    values = []
    for some, (views, kind, to) in zip(pairs, runs, strict=True):
        encode = partial(encode_scales, alpha=alpha, normalize=normalize, **to)
        values.append(dissimilarities(views, some, kind, encode, batch_size=batch_size, workers=workers))
    datasets = {"images": photographs, "same_class_images": classes} | {views.name: views for views, _ in others}
    return Computed(summarise(pd.concat(values), seed=seed), networks[paddings[0]], datasets)


def load_further(
    images: str | Sequence[str],
    sides: Sequence[int],
    *,
    name: str = "",
    count: int | None = None,
    surroundings: int = 0,
    seed: int = 0,
) -> Photographs:
    """Squares in the middle of photographs as they are, for panel (c). Args: what one of `further` can say.

    Args:
        images: a folder, or paths of images, which need a name.
        sides: of the squares that are compared, in pixels; the largest is loaded.
        name: what paths are called in the figure; a folder has its own name.
        count: so many of the folder's, at random; None takes all.
        surroundings: see :func:`.encode_scales`.
        seed: of `count`.
    """
    crop = max(sides)
    if isinstance(images, str):
        return Photographs.from_folder(images, resize=None, crop=crop, count=count, seed=seed)
    return Photographs([View(path, str(path)) for path in map(find_image, images)], name, resize=None, crop=crop)


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw bars relative to Random: (a) deep features, (b) RGB patches; (c) Self by padding and side of the image."""
    rows, _ = _shape(result, width)
    heights = [2.4, 1.3 + 1.25 * rows] if width == "page" else [4.2, 2.9]
    figure = plt.figure(figsize=(figure_width(width), sum(heights) + 0.2))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
    _draw_bars(upper, result, width)
    _draw_paddings(lower, result, width)
    return figure


def _shape(result: Result, width: Width) -> tuple[int, int]:
    """Rows and columns of panel (c), which has a place for each layer; in a column, for the deepest one only."""
    layers = len(result.parameters["layers"]) if width == "page" else 1
    columns = min(3, layers)
    return -(-layers // columns), columns


def _rows_of(result: Result, kind: str) -> pd.DataFrame:
    """What panels (a) and (b) show of Random, Same class or Self, by descriptor."""
    table, data = result.table, result.provenance["datasets"]["same_class_images" if kind == "Same class" else "images"]
    table = table[table.padding.isin(["none", result.parameters["paddings"][0]]) & (table.kind == kind)]
    return table[(table.images == data["dataset"]) & (table.side == data["crop"])].set_index("descriptor")


def _draw_bars(panel: SubFigure, result: Result, width: Width) -> None:
    done = result.parameters
    grouping = result.provenance["datasets"]["same_class_images"]["grouping"]
    labels = {"Random": "Random", "Same class": f"Same {grouping}", "Self": f"Self (α = {done['alpha']:g})"}
    panels = {"(a) Deep features": done["layers"], "(b) RGB patches": [f"n={size}" for size in done["patch_sizes"]]}
    if width == "page":
        axes = panel.subplots(1, 2, sharey=True, width_ratios=[len(names) for names in panels.values()])
    else:
        axes = panel.subplots(2, 1)
    for axis, (title, names) in zip(axes, panels.items(), strict=True):
        for offset, (kind, label) in zip((-0.27, 0, 0.27), labels.items(), strict=True):
            bars = _rows_of(result, kind).loc[names]
            error = [bars.ratio - bars.ratio_low, bars.ratio_high - bars.ratio]
            look = {"color": COLORS[kind], "hatch": HATCHES[kind], "edgecolor": "white", "linewidth": 0}
            places = np.arange(len(names)) + offset
            axis.bar(places, bars.ratio, 0.25, yerr=error, label=label, error_kw={"elinewidth": 0.7}, **look)
        axis.set_xticks(range(len(names)), [pretty(name) for name in names])
        axis.tick_params(axis="x", length=0)
        axis.set_title(title)
    for axis in axes if width == "column" else axes[:1]:
        axis.set_ylabel("Dissimilarity (Random = 1)")
    panel.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, columnspacing=1)


def _draw_paddings(panel: SubFigure, result: Result, width: Width) -> None:
    names = [data["dataset"] for role, data in result.provenance["datasets"].items() if role != "same_class_images"]
    table = result.table[result.table.images.isin(names) & result.table.padding.isin(LOOKS)]
    own = table[table.kind == "Self"]
    markers = dict(zip(own.images.unique(), cycle("os^Dv"), strict=False))
    paddings = [padding for padding in LOOKS if padding in set(own.padding)]
    layers = result.parameters["layers"] if width == "page" else result.parameters["layers"][-1:]
    sides = sorted(own.side.unique())  # at equal distances: 224 and 256 would cover each other
    beside = {  # whiskers do not cover each other
        (name, padding): 0.25 * (row - (len(markers) - 1) / 2) + 0.1 * (column - (len(paddings) - 1) / 2)
        for row, name in enumerate(markers)
        for column, padding in enumerate(paddings)
    }
    axes = panel.subplots(*_shape(result, width), sharex=True, sharey=True, squeeze=False).flatten()
    for empty in axes[len(layers) :]:
        empty.set_axis_off()
    for lowest in axes[max(0, len(layers) - _shape(result, width)[1]) : len(layers)]:
        lowest.set_xlabel("Side of the square, pixels")
    for layer, axis in zip(layers, axes, strict=False):
        for (name, padding), points in own[own.descriptor == layer].sort_values("side").groupby(["images", "padding"]):
            error = [points.ratio - points.ratio_low, points.ratio_high - points.ratio]
            places = np.searchsorted(sides, points.side) + beside[name, padding]
            axis.errorbar(places, points.ratio, error, marker=markers[name], **LOOKS[padding], **POINTS)
        axis.axhline(1, color="0.4", linewidth=0.6, zorder=0)
        axis.set_xticks(range(len(sides)), [f"{side:g}" for side in sides])
        axis.set_xlim(-0.6, len(sides) - 0.4)
        axis.tick_params(labelbottom=True)
        axis.set_title(pretty(layer))
    panel.supylabel("Self / Random", fontsize=8)
    panel.suptitle(f"(c) Self by padding and side (α = {result.parameters['alpha']:g})", fontsize=8)
    lines = [Line2D([], [], marker="o", markersize=3.5, label=padding, **LOOKS[padding]) for padding in paddings]
    counts = own.groupby("images")["count"].max()
    lines += [
        Line2D([], [], color="0.5", linestyle="", marker=marker, markersize=3.5, label=f"{name} ({counts[name]})")
        for name, marker in markers.items()
    ]
    panel.legend(handles=lines, loc="outside lower center", ncols=3 if width == "page" else 2, columnspacing=1)


def caption(result: Result) -> str:
    """What the figure shows."""
    done, data = result.parameters, result.provenance["datasets"]
    counts = {kind: int(_rows_of(result, kind)["count"].max()) for kind in ("Random", "Same class", "Self")}
    sets = [of["dataset"] for role, of in data.items() if role != "same_class_images"]
    plural = {"class": "classes", "photograph": "photographs"}
    random, same = data["images"], data["same_class_images"]
    own = f", of {same['count']} views of {same['dataset']} at {same['crop']}², relative to their own Random"
    around = " Surroundings: the square inside a larger photograph, with real pixels in place of padding."
    return (
        f"Mean absolute difference of Gram matrices, relative to Random. Random: {counts['Random']} pairs of two "
        f"{plural[random['grouping']]}. Same: {counts['Same class']} pairs of one "
        f"{same['grouping']}{own if same != random else ''}. Self: {counts['Self']} images and their copies downscaled "
        rf"by $\alpha={done['alpha']:g}$. (a) Deep features, (b) RGB patches of $n\times n$ pixels, (c) Self with "
        f"other paddings and sides, of {', '.join(sets)}.{around if SURROUNDINGS in set(result.table.padding) else ''} "
        "Whiskers are 95% bootstrap intervals."
    )
