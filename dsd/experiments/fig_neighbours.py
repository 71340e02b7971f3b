"""Nearest images by DSD, by Gram matrix and by RGB patches, and what they have in common with the image."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.imagenet_classes import kinds_of_views
from dsd.data.views import Photographs
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Computed, Result, check_data
from dsd.experiments.style import MEASURES, Width, draw_image, figure_width, pretty
from dsd.quality.descriptors import DSD, GRAM, RGB, all_distances, encode_views
from dsd.quality.retrieval import CHANCE, agreement, everyone, nearest_of_each, summarise
from dsd.quality.statistics import STATISTICS

DISTANCES: tuple[Literal["L1", "Euclidean"], ...] = ("L1", "Euclidean")
LOOKS: dict[str, dict[str, Any]] = {
    DSD: MEASURES["DSD_2"],
    GRAM: MEASURES["Style"],
    RGB: {"color": "0.45", "marker": "s"},
    CHANCE: {"color": "0.7", "marker": "x"},
}


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    images: str,
    class_images: str,
    layers: Sequence[str],
    alpha: float,
    patch_size: int,
    counts: Sequence[int],
    queries: int,
    shown: int,
    resize: int,
    crop: int,
    class_size: int,
    count: int | None,
    class_count: int | None,
    crops: int,
    batch_size: int,
    workers: int,
    device: str,
    seed: int,
) -> Computed:
    """Find the nearest views of every view, in both sets. Args: the parameters of the notebook.

    Returns:
        Panel "neighbours": `query`, `rank`, `view`, their numbers, of the first queries of the first set. Panel
        "agreement": the columns of :func:`dsd.quality.retrieval.summarise`, by `images` (which set), `layer`,
        `distance` ("L1" or "Euclidean") and `k`, the number of neighbours. Their `count` is that of the set's views.
    """
    photographs, others = load_photographs(
        images=images,
        class_images=class_images,
        resize=resize,
        crop=crop,
        class_size=class_size,
        count=count,
        class_count=class_count,
        crops=crops,
        seed=seed,
    )
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    most = max(*counts, shown)
    datasets = {"images": photographs, "class_images": others}
    same = photographs.provenance() == others.provenance()
    tables = []
    for role, views in list(datasets.items())[: 1 if same else 2]:
        if len(views) <= most:
            raise ValueError(f"{views.name} must have more than {most} views, it has {len(views)}")
        rows, about = encode_views(views, network, alpha, patch_size, batch_size=batch_size, workers=workers)
        about["group"] = kinds_of_views(views)
        chance = agreement(everyone(len(about)), about)
        for layer, distance in product(layers, DISTANCES):
            of_layer = {DSD: rows[DSD, layer], GRAM: rows[GRAM, layer], RGB: rows[RGB, ""]}
            near = {name: nearest_of_each(all_distances(of, distance), most) for name, of in of_layer.items()}
            key = {"images": role, "layer": layer, "distance": distance}
            for k in counts:
                values = {name: agreement(indices[:, :k], about) for name, indices in near.items()} | {CHANCE: chance}
                summary = summarise(values, [GRAM, RGB], seed=seed)
                tables.append(summary.assign(panel="agreement", k=k, count=len(about), **key))
            if (role, layer, distance) == ("images", layers[0], DISTANCES[0]):
                tables += [_neighbours(name, of[:queries, :shown]).assign(**key) for name, of in near.items()]
    table = pd.concat(tables, ignore_index=True)
    first = ["panel", "images", "layer", "distance", "descriptor"]
    return Computed(table[[*first, *table.columns.drop(first)]], network, datasets)


def load_photographs(
    *,
    images: str,
    class_images: str,
    resize: int,
    crop: int,
    class_size: int,
    count: int | None,
    class_count: int | None,
    crops: int,
    seed: int,
    **_: Any,
) -> tuple[Photographs, Photographs]:
    """Load both sets that the notebook's parameters ask for; further parameters are passed over."""
    to: dict[str, Any] = {"crops": crops, "seed": seed}
    size = {"resize": class_size, "crop": class_size} if class_size else {"resize": resize, "crop": crop}
    return (
        Photographs.from_folder(images, resize=resize, crop=crop, count=count, **to),
        Photographs.from_folder(class_images, count=class_count, **size, **to),
    )


def _neighbours(name: str, views: np.ndarray) -> pd.DataFrame:
    """The rows of panel "neighbours", of (queries, shown) views."""
    rows = [(query, rank, view) for query, of in enumerate(views) for rank, view in enumerate(of, start=1)]
    return pd.DataFrame(rows, columns=["query", "rank", "view"]).assign(panel="neighbours", descriptor=name)


def of_agreement(result: Result) -> pd.DataFrame:
    """What is drawn of panel "agreement": the first layer, by L1."""
    table, layer = result.table, result.parameters["layers"][0]
    table = table[(table.panel == "agreement") & (table.layer == layer) & (table.distance == DISTANCES[0])]
    return table.astype({"k": int, "count": int})


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw (a) queries with their neighbours, (b) the share of one class, (c) how alike they look in numbers.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm, with three queries.

    Raises:
        ValueError: the images are not those that were measured.
    """
    photographs, others = load_photographs(**result.parameters)
    check_data(result.provenance, {"images": photographs, "class_images": others})
    near = result.table[result.table.panel == "neighbours"].astype({"query": int, "rank": int, "view": int})
    queries = near["query"].nunique() if width == "page" else min(3, near["query"].nunique())
    page = width == "page"
    side = figure_width(width) / (3 * result.parameters["shown"] + 2 if page else result.parameters["shown"] + 1.6)
    heights = [queries * side * (1 if page else 3) + (0.4 if page else 0.9), 2.1 if page else 3.9]
    pads: Any = {f"figure.constrained_layout.{name}": 0.02 for name in ("w_pad", "h_pad", "wspace", "hspace")}
    with plt.rc_context(pads):
        figure = plt.figure(figsize=(figure_width(width), sum(heights)))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
    _draw_neighbours(upper, near[near["query"] < queries], photographs, page)
    _draw_agreement(lower, result, page)
    return figure


def _draw_neighbours(panel: SubFigure, near: pd.DataFrame, photographs: Photographs, page: bool) -> None:
    """A row for each query, with a block for each descriptor beside the other; in a column, below each other."""
    names = list(near.descriptor.unique())
    widths = [1.5, *len(names) * [near["rank"].max()]] if page else [1]
    shape = (1, len(widths)) if page else (len(names), 1)
    blocks = list(panel.subfigures(*shape, squeeze=False, width_ratios=widths).flat)
    queries = near["query"].unique()
    if page:
        grid = blocks[0].subplots(len(queries), 1, squeeze=False)
        for axis, query in zip(grid.flat, queries, strict=True):
            draw_image(axis, photographs[int(query)])
        blocks[0].suptitle("(a) Query", fontsize=8)
    for block, name in zip(blocks[page:], names, strict=True):
        grid = block.subplots(len(queries), near["rank"].max() + (not page), squeeze=False)
        for row, query in zip(grid, queries, strict=True):
            views = near[(near.descriptor == name) & (near["query"] == query)].sort_values("rank").view
            for axis, view in zip(row, [*([] if page else [query]), *views], strict=True):
                draw_image(axis, photographs[int(view)])
        block.suptitle(name if page else f"(a) Query, and nearest by {name}", fontsize=8)


def _draw_agreement(panel: SubFigure, result: Result, page: bool) -> None:
    table, datasets = of_agreement(result), result.provenance["datasets"]
    sets = list(table.images.unique())
    counts = list(table.k.unique())
    left, right = panel.subplots(*(1, 2) if page else (2, 1))
    places = [(name, k) for name in sets for k in counts]
    wanted = table[table.minus.isna()]
    share = wanted[wanted.quantity == "same class"].set_index(["images", "k", "descriptor"])
    look_alike = wanted[(wanted.images == sets[0]) & (wanted.k == counts[-1])].set_index(["quantity", "descriptor"])
    for number, (name, look) in enumerate(LOOKS.items()):
        beside = 0.18 * (number - (len(LOOKS) - 1) / 2)
        _dots(left, share.loc[[(*place, name) for place in places]], beside, name, look)
        _dots(right, look_alike.loc[[(of, name) for of in STATISTICS]], beside, name, look)
    left.set_xticks(range(len(places)), [f"k = {k}" for _, k in places])
    for number, name in enumerate(sets):
        middle = len(counts) * (number + 0.5) - 0.5
        below: Any = {"ha": "center", "va": "top", "transform": left.get_xaxis_transform(), "fontsize": 7}
        left.text(middle, -0.2, datasets[name]["dataset"], **below)
    left.set_ylabel("Share of the same class")
    left.set_ylim(bottom=0)
    left.set_title("(b) Class (higher: closer)")
    right.set_xticks(range(len(STATISTICS)), [name.replace(" ", "\n") for name in STATISTICS])
    right.set_ylabel("Difference of ranks")
    right.set_ylim(bottom=0)
    right.set_title(f"(c) Looks, k = {counts[-1]} (lower: closer)")
    panel.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4 if page else 2)


def _dots(axis: plt.Axes, rows: pd.DataFrame, beside: float, name: str, look: Mapping[str, Any]) -> None:
    whiskers = [rows.value - rows.low, rows.high - rows.value]
    axis.errorbar(
        np.arange(len(rows)) + beside,
        rows.value,
        whiskers,
        label=name,
        linestyle="none",
        markersize=4,
        elinewidth=0.7,
        **look,
    )


def caption(result: Result) -> str:
    """What the figure shows, and by how much DSD differs from the others."""
    done, table = result.parameters, of_agreement(result)
    count, k = table["count"].iloc[0], done["counts"][-1]
    table = table[(table.k == k) & (table.quantity == "same class")]
    parts = []
    for role, of in table.groupby("images", sort=False):
        means = of[of.minus.isna()].set_index("descriptor").value
        values = ", ".join(f"{descriptor} {means[descriptor]:.3f}" for descriptor in LOOKS)
        differences = " and ".join(
            f"{with_interval(row.value, row.low, row.high, form='+.3f')} above {row.minus}"
            for row in of[of.minus.notna()].itertuples()
        )
        parts.append(f"{result.provenance['datasets'][role]['dataset']}: {values}; DSD is {differences}.")
    dsd, layer, size = rf"$\mathrm{{DSD}}_{{{done['alpha']:g}}}$", pretty(done["layers"][0]), done["patch_size"]
    return (
        f"(a) Views chosen at random, and their {done['shown']} nearest of {count} by the L1 distance of {dsd} and of "
        rf"Gram matrices at {layer}, and of Gram matrices of ${size}\times{size}$ RGB patches. (b) Share of the $k$ "
        "nearest that are of the query's class. (c) How far apart query and neighbours are in the order of contrast, "
        "fine texture (high-frequency energy) and colourfulness, as a share of all. Whiskers are 95% bootstrap "
        f"intervals. Share of one class at $k={k}$. {' '.join(parts)}"
    )
