"""Fig. 2: how dissimilar an image is to itself at another scale, and to others; what the network's padding adds."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations, cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.backbones import load_backbone
from dsd.backbones.base import Padding, Precision
from dsd.data.images import find_image
from dsd.data.views import Photographs, View
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import COLORS, pretty
from dsd.gram import Normalize, l1_norm
from dsd.quality.borders import SURROUNDINGS, encode_scales
from dsd.quality.resampling import interval

# Of a batch, and of its smaller copy: Gram matrices by (side of the square, padding, descriptor).
Encode = Callable[[Tensor], Mapping[tuple[int, str, str], tuple[Tensor, Tensor]]]

COLUMNS = (
    *("images", "side", "padding", "descriptor", "kind", "count"),
    *("mean", "mean_low", "mean_high", "ratio", "ratio_low", "ratio_high"),
)
HATCHES = {"Random": "", "Same class": "////", "Self": "...."}  # for those who see no colours
LOOKS: dict[str, Any] = {
    "zeros": {"color": "0.15", "linestyle": "-", "fillstyle": "full"},
    "reflect": {"color": "#EE7733", "linestyle": "--", "fillstyle": "none"},
    SURROUNDINGS: {"color": "#AA3377", "linestyle": ":", "fillstyle": "left"},
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
    others = [(load_further(one, seed), one) for one in further]
    others = [(views, one) for views, one in others if views.name != photographs.name]
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
        surroundings = one.get("surroundings", 0)
        runs.append((views, "Random", {"networks": networks, "sides": one["sides"], "surroundings": surroundings}))
    squares = [(views.name, side) for views, kind, to in runs if kind == "Random" for side in to["sides"]]
    if twice := {f"{name} ({side}²)" for name, side in squares if squares.count((name, side)) > 1}:
        raise ValueError(f"there are two sets of images of one name and side: {', '.join(sorted(twice))}")
    pairs = [views.pairs(same_group=kind == "Same class") for views, kind, _ in runs]  # too few: known at once
    values = []
    for some, (views, kind, to) in zip(pairs, runs, strict=True):
        encode = partial(encode_scales, alpha=alpha, normalize=normalize, **to)
        values.append(dissimilarities(views, some, kind, encode, batch_size=batch_size, workers=workers))
    datasets = {"images": photographs, "same_class_images": classes} | {views.name: views for views, _ in others}
    return Computed(summarise(pd.concat(values), seed=seed), networks[paddings[0]], datasets)


def load_further(one: Mapping[str, Any], seed: int) -> Photographs:
    """Squares in the middle of photographs as they are: of a folder, or of `images` that are named, called `name`."""
    crop = max(one["sides"])
    if isinstance(one["images"], str):
        return Photographs.from_folder(one["images"], resize=None, crop=crop, count=one.get("count"), seed=seed)
    views = [View(path, str(path)) for path in map(find_image, one["images"])]
    return Photographs(views, one["name"], resize=None, crop=crop)


def draw(result: Result) -> Figure:
    """Draw bars relative to Random: (a) deep features, (b) RGB patches; (c) Self by padding and side of the image."""
    figure = plt.figure(figsize=(5.5, 4.8))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False)
    _draw_bars(upper, result)
    _draw_paddings(lower, result)
    return figure


def _draw_bars(panel: SubFigure, result: Result) -> None:
    done, data = result.parameters, result.provenance["datasets"]
    kinds = {
        "Random": ("images", "Random"),
        "Same class": ("same_class_images", f"Same {data['same_class_images']['grouping']}"),
        "Self": ("images", f"Self (α = {done['alpha']:g})"),
    }
    panels = {"(a) Deep features": done["layers"], "(b) RGB patches": [f"n={size}" for size in done["patch_sizes"]]}
    axes = panel.subplots(1, 2, sharey=True, width_ratios=[len(names) for names in panels.values()])
    table = result.table[result.table.padding.isin(["none", done["paddings"][0]])]
    for axis, (title, names) in zip(axes, panels.items(), strict=True):
        for offset, (kind, (role, label)) in zip((-0.27, 0, 0.27), kinds.items(), strict=True):
            mine = (table.kind == kind) & (table.images == data[role]["dataset"]) & (table.side == data[role]["crop"])
            bars = table[mine].set_index("descriptor").loc[names]
            error = [bars.ratio - bars.ratio_low, bars.ratio_high - bars.ratio]
            look = {"color": COLORS[kind], "hatch": HATCHES[kind], "edgecolor": "white", "linewidth": 0}
            places = np.arange(len(names)) + offset
            axis.bar(places, bars.ratio, 0.25, yerr=error, label=label, error_kw={"elinewidth": 0.7}, **look)
        axis.set_xticks(range(len(names)), [pretty(name) for name in names])
        axis.tick_params(axis="x", length=0)
        axis.set_title(title)
    axes[0].set_ylabel("Dissimilarity (Random = 1)")
    panel.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def _draw_paddings(panel: SubFigure, result: Result) -> None:
    done = result.parameters
    names = [data["dataset"] for role, data in result.provenance["datasets"].items() if role != "same_class_images"]
    table = result.table[result.table.images.isin(names) & result.table.padding.isin(LOOKS)]
    own = table[table.kind == "Self"]
    markers = dict(zip(own.images.unique(), cycle("os^Dv"), strict=False))
    paddings = [padding for padding in LOOKS if padding in set(own.padding)]
    axes = panel.subplots(1, len(done["layers"]), sharey=True, squeeze=False)[0]
    for axis, layer in zip(axes, done["layers"], strict=True):
        for (name, padding), points in own[own.descriptor == layer].sort_values("side").groupby(["images", "padding"]):
            error = [points.ratio - points.ratio_low, points.ratio_high - points.ratio]
            beside = 1 + 0.06 * (paddings.index(padding) - (len(paddings) - 1) / 2)  # whiskers do not cover each other
            axis.errorbar(beside * points.side, points.ratio, error, marker=markers[name], **LOOKS[padding], **POINTS)
        axis.axhline(1, color="0.4", linewidth=0.6, zorder=0)
        axis.set_xscale("log", base=2)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.set_xlim(own.side.min() / 1.3, own.side.max() * 1.3)
        axis.set_title(pretty(layer))
    axes[0].set_ylabel("Self / Random")
    axes[len(axes) // 2].set_xlabel("Side of the image, pixels")
    panel.suptitle(f"(c) Self by padding (α = {done['alpha']:g})", fontsize=8)
    lines = [Line2D([], [], marker="o", markersize=3.5, label=padding, **LOOKS[padding]) for padding in paddings]
    counts = own.groupby("images")["count"].max()
    lines += [
        Line2D([], [], color="0.5", linestyle="", marker=marker, markersize=3.5, label=f"{name} ({counts[name]})")
        for name, marker in markers.items()
    ]
    panel.legend(handles=lines, loc="outside lower center", ncols=3)


@torch.inference_mode()
def dissimilarities(
    photographs: Photographs,
    pairs: Sequence[tuple[int, int]],
    kind: str,
    encode: Encode,
    *,
    batch_size: int = 8,
    workers: int = 0,
) -> pd.DataFrame:
    """‖G(x) − G(y)‖₁ of pairs of views x, y, and ‖G(x) − G(x↓alpha)‖₁ of both.

    Args:
        photographs: the views.
        pairs: indices of two views each.
        kind: what the pairs are called.
        encode: batch of images → Gram matrices of both scales, see :func:`encode_scales`.
        batch_size: views encoded at a time (an odd number: one more).
        workers: processes that load images; 0 loads in this one.

    Returns:
        One row per square, padding, descriptor and pair, in the pairs' order: `images`, `side`, `padding`,
        `descriptor`, `kind`, `between` (the two views), `own` (mean of both views' with their smaller copies).
    """
    values: dict[tuple[int, str, str], tuple[list[float], list[float]]] = {}  # small tensors kept would split the heap
    views = photographs.subset(index for pair in pairs for index in pair)
    batches = DataLoader(views, batch_size + batch_size % 2, num_workers=workers)
    for x in tqdm(batches, desc=f"{photographs.name}: {kind}", unit="batch"):
        for key, (g, small) in encode(x).items():
            between, own = values.setdefault(key, ([], []))
            first, second = g.unflatten(0, (-1, 2)).unbind(dim=1)
            between += l1_norm(first - second).tolist()
            own += l1_norm(g - small).unflatten(0, (-1, 2)).mean(dim=1).tolist()
    tables = [
        pd.DataFrame(dict(zip(("side", "padding", "descriptor"), key, strict=True)) | {"between": between, "own": own})
        for key, (between, own) in values.items()
    ]
    return pd.concat(tables, ignore_index=True).assign(images=photographs.name, kind=kind)


def summarise(values: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Means of :func:`dissimilarities`, their ratios to Random, and the differences of Self between paddings.

    Intervals are 95 % bootstrap intervals (percentile). Pairs are resampled, Self with Random, as if they were
    independent: crops of one photograph are not, and their intervals too narrow. All paddings have the same resamples,
    so that the interval of a difference is a paired one.

    Args:
        values: of Random pairs, and of Same class pairs where there are some.
        resamples: how many.
        seed: of them.

    Returns:
        One row per `images`, `side`, `padding`, `descriptor` and `kind`. Random, Same class, Self: `count` of pairs or
        views, `mean`, and `ratio` to the mean of Random of the same images (for Random: to its own mean). Difference,
        of the paddings "zeros - reflect", say: its `ratio` is the one's ratio of Self less the other's. All with
        `_low` and `_high`.

    Raises:
        ValueError: all images are equal.
    """
    rows: list[tuple] = []
    selves: dict[tuple, dict[Any, pd.Series]] = {}
    for key, group in values.groupby(["images", "side", "padding", "descriptor"], sort=False):
        images, side, padding, descriptor = key
        pairs = {kind: of_kind[["between", "own"]] for kind, of_kind in group.groupby("kind", sort=False)}
        means = {kind: _means(pairs[kind], resamples, [seed, kind == "Random"]) for kind in pairs}
        random = means["Random"].between
        if not random[0]:
            raise ValueError("the images do not differ from each other: there is nothing to compare")
        counts = {kind: len(of_kind) for kind, of_kind in pairs.items()} | {"Self": 2 * len(pairs["Random"])}
        values_of = {kind: mean.between for kind, mean in means.items()} | {"Self": means["Random"].own}
        for kind, mean in values_of.items():
            ratio = mean / (random[0] if kind == "Random" else random)
            rows.append((*key, kind, counts[kind], *interval(mean), *interval(ratio)))
        selves.setdefault((images, side, descriptor, counts["Self"]), {})[padding] = means["Random"].own / random
    for (images, side, descriptor, count), ratios in selves.items():
        for one, other in combinations(ratios, 2):
            key = images, side, f"{one} - {other}", descriptor, "Difference", count
            rows.append((*key, np.nan, np.nan, np.nan, *interval(ratios[one] - ratios[other])))
    return pd.DataFrame(rows, columns=COLUMNS)


def _means(pairs: pd.DataFrame, resamples: int, seed: Sequence[int]) -> pd.DataFrame:
    """Each column's mean, then its means over resamples of the rows."""
    times = np.random.default_rng(seed).multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), resamples)
    values = pairs.to_numpy(float)
    return pd.DataFrame(np.vstack([values.mean(axis=0), times @ values / len(pairs)]), columns=pairs.columns)
