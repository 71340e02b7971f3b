"""Table 1: how well each full-reference measure, at each layer, agrees with people."""

from collections.abc import Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from dsd.backbones import load_backbone
from dsd.backbones.base import Padding, Precision
from dsd.data.rated import RatedImages
from dsd.data.rated_sets import load_rated_sets
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import MEASURES, Width, figure_width, pretty
from dsd.experiments.tab1_tables import (
    NETWORK_NAMES,
    REFERENCES,
    correlations_of,
    of_paper,
    ranks,
    set_name,
    sets_of,
    short,
    symbol,
)
from dsd.quality.comparison import analyse, compared, in_columns, next_reference
from dsd.quality.evaluate import agreement
from dsd.quality.full_reference import score_all
from dsd.quality.lpips import LPIPS

RANKS = {1: ("highest", "0.25", "white"), 2: ("second", "0.68", "black"), 3: ("third", "0.87", "black")}
OTHER_PADDINGS, BELOW = "|x+", 0.4  # markers, and how far below the row's middle they are


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    paddings: Sequence[Padding],
    lpips: Sequence[str],
    images: str | Sequence[str],
    layers: Sequence[str],
    resize: int,
    crop: int,
    count: int,
    device: str,
    seed: int,
) -> Computed:
    """Correlate every measure at every layer with human preference. Args: the parameters of the notebook.

    Returns:
        The rows of :func:`analyse` for each set of images, and of :func:`next_reference` for all of them.

    Raises:
        ValueError: two sets have one name.
    """
    networks = [
        load_backbone(backbone, layers, weights, precision=precision, padding=padding, device=device)
        for padding in paddings
    ]
    learned = [LPIPS(load_backbone(name, device=device)) for name in lpips]
    sets: dict[str, RatedImages] = {}
    tables, alone = [], []
    for rated in load_rated_sets(images, resize=resize, crop=crop, count=count, seed=seed):
        scores = score_all(rated, networks, learned)
        sets[rated.name] = rated
        found = agreement(scores, rated, seed=seed)
        tables.append(analyse(found, scores, rated, seed))
        alone.append(found.alone)
    every = pd.concat(alone)
    more = next_reference(every, compared([str(name) for name in every]))
    table = in_columns(pd.concat([*tables, more], ignore_index=True))
    return Computed(table, networks[0], sets, extra={"lpips": [at.backbone.provenance() for at in learned]})


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw the paper's correlations beside ours, each with its interval; ranks shaded; other paddings as strokes.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    sets = list(result.provenance["datasets"].values())
    rows = correlations_of(result, sets[0]["dataset"])
    first = (rows.measure != rows.measure.shift()).to_numpy()
    y = np.arange(len(rows)) + 1.4 * first.cumsum()  # above each measure its name
    figure, axes = plt.subplots(1, 1 + len(sets), sharey=True, figsize=(figure_width(width), 1.3 + 0.125 * y[-1]))
    _draw_panel(axes[0], of_paper(rows), y, width)
    axes[0].set_title(f"Paper: PieAPP,\n{REFERENCES} references")
    paddings: dict[str, Line2D] = {}
    for axis, data in zip(axes[1:], sets, strict=True):
        rows = correlations_of(result, data["dataset"])
        _draw_panel(axis, rows, y, width)
        axis.set_title(f"{set_name(data['dataset'])},\n{data['references']} reference{'s' * (data['references'] > 1)}")
        more = result.table[(result.table.kind == "correlation") & (result.table.dataset == data["dataset"])]
        more = more[more.measure.isin(rows.measure) & ~more.padding.isin(rows.padding)]
        place = dict(zip(rows.measure + rows.layer, y, strict=True))
        for (padding, other), marker in zip(more.groupby("padding"), cycle(OTHER_PADDINGS), strict=False):
            at = [place[key] for key in other.measure + other.layer]
            below = np.add(at, BELOW)
            (paddings[padding],) = axis.plot(other.pearson, below, marker, markersize=3, color="0", markeredgewidth=0.8)
    names = dict(zip(y[first] - 1, rows.measure[first].map(symbol), strict=True))
    axes[0].set_yticks([*names, *y], [*names.values(), *rows.layer.replace(NETWORK_NAMES).map(pretty)])
    for label in axes[0].get_yticklabels()[: len(names)]:
        label.set_fontweight("bold")
    axes[0].set_ylim(y[-1] + 0.7, y[0] - 1.7)
    axes[len(axes) // 2].set_xlabel("Pearson correlation")
    shades = {name: Patch(facecolor=shade) for name, shade, _ in RANKS.values()}
    legend = shades | {f"{padding} padding": line for padding, line in paddings.items()}
    columns = len(legend) if width == "page" else 2
    figure.legend(legend.values(), legend, loc="outside upper center", ncols=columns, columnspacing=1)
    return figure


def _draw_panel(axis: Axes, rows: pd.DataFrame, y: np.ndarray, width: Width) -> None:
    """A dot and its interval for each row, and the number beside it, the three highest on grey."""
    for row in rows.assign(y=y, rank=ranks(rows)).dropna(subset="pearson").to_dict("records"):
        at, look = row["y"], MEASURES[row["measure"]]
        axis.plot([row["pearson_low"], row["pearson_high"]], [at, at], color=look["color"], linewidth=1)
        axis.plot(row["pearson"], at, markersize=3.5, **look)
        number = axis.text(1.04, at, short(row["pearson"]), transform=axis.get_yaxis_transform(), fontsize=7)
        number.set_verticalalignment("center_baseline")
        if row["rank"] in RANKS:
            _, shade, color = RANKS[row["rank"]]
            number.set(color=color, bbox={"facecolor": shade, "edgecolor": "none", "pad": 1.2})
    axis.grid(axis="x")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.set_xlim(float(np.nanmin([0.25, *rows.pearson, *rows.pearson_low])), 1)
    axis.xaxis.set_major_locator(plt.MultipleLocator(0.25 if width == "page" else 0.5))


def caption(result: Result) -> str:
    """What the figure shows."""
    sets = " and ".join(sets_of(result).values())
    own = correlations_of(result, next(iter(sets_of(result)))).padding
    others = result.table.padding[result.table.kind == "correlation"]
    strokes = "" if others.isin(own).all() else " Small strokes below: the network with another padding."
    return (
        f"Pearson correlation of each measure, at each layer, with human preference: the paper's on PieAPP, ours on "
        f"{sets}. Lines are 95% bootstrap intervals over references and images; of one reference, over its images "
        f"only.{strokes} The three highest numbers of each panel are shaded. PDL: projected distribution loss. MSS: "
        "multi-scale style. LPIPS has no layers to choose from: its rows are whole networks."
    )
