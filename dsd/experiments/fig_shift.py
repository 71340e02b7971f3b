"""How far measures depend on a distorted image lying exactly on its reference: they are shifted against each other."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.rated_sets import load_rated_sets
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.restorations import LOOKS
from dsd.experiments.style import MEASURES, Width, figure_width, pretty
from dsd.experiments.tab1_tables import NETWORK_NAMES, set_name, symbol
from dsd.quality.lpips import LPIPS
from dsd.quality.shifts import effects, score_shifted

SHOWN = ("DSD_2", "DSD_4", "Style", "MSS", "PDL", "Perceptual", "CX")
ROWS = {  # kind: (label of its axis, title)
    "growth": ("Times its value\nwithout a shift", "(a) Distorted images"),
    "copy": ("Share called better\nthan the reference", "(b) The reference itself, shifted"),
    "pearson": ("Pearson correlation\nwith preference", "(c) Agreement, all shifted"),
}
OTHER = {"CX": LOOKS["cx"], "1 − SSIM": {"color": "#0B5D57", "marker": "o"}}


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    lpips: Sequence[str],
    images: str | Sequence[str],
    layers: Sequence[str],
    shifts: Sequence[int],
    resize: int,
    crop: int,
    count: int,
    device: str,
    seed: int,
) -> Computed:
    """Score distorted images that are shifted against their references. Args: the parameters of the notebook.

    Returns:
        The rows of :func:`.effects` for each set of images, `dataset`.

    Raises:
        ValueError: two sets have one name, or as for :func:`.score_shifted`.
    """
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    learned = [LPIPS(load_backbone(name, device=device)) for name in lpips]
    sets, tables = {}, []
    for rated in load_rated_sets(images, resize=resize, crop=crop, count=count, seed=seed):
        scores = score_shifted(rated, network, learned, shifts)
        sets[rated.name] = rated
        tables.append(effects(scores, rated, seed).assign(dataset=rated.name))
    extra = {"lpips": [at.backbone.provenance() for at in learned]}
    return Computed(pd.concat(tables, ignore_index=True), network, sets, extra=extra)


def shown(result: Result, layer: str) -> dict[str, dict[str, Any]]:
    """The measures that are drawn, and how: those of one layer, LPIPS, and SSIM."""
    measures = result.table.measure.unique()
    looks = {f"{measure} {layer}": {**MEASURES, **OTHER}[measure] for measure in SHOWN}
    for number, name in enumerate(name for name in measures if name.startswith("LPIPS")):
        looks[name] = MEASURES["LPIPS"] | ({"markerfacecolor": "white"} if number else {})
    return {name: look for name, look in {**looks, "1 − SSIM": OTHER["1 − SSIM"]}.items() if name in measures}


def label(measure: str) -> str:
    """What a legend calls a measure.

    Example:
        >>> label("Style relu5_1"), label("LPIPS alexnet"), label("1 − SSIM")
        ('Style', 'LPIPS (AlexNet)', '1 − SSIM')
    """
    if measure.startswith("LPIPS "):
        return f"LPIPS ({NETWORK_NAMES[measure.removeprefix('LPIPS ')]})"
    return measure if measure == "1 − SSIM" else symbol(measure.split(" ")[0])


def at_largest(result: Result, layer: str) -> pd.DataFrame:
    """What the largest shift does to each measure: `ROWS`' kinds, and the change of Pearson's correlation; by set."""
    rows = result.table[(result.table["shift"] == max(result.parameters["shifts"]))]
    rows = rows[rows.measure.isin(shown(result, layer)) & ~rows.kind.str.startswith("agreement")]
    text = [with_interval(*row) for row in rows[["value", "low", "high"]].to_numpy(float)]
    names = {"growth": "times its value", "copy": "called better than the reference", "pearson change": "change"}
    rows = rows.assign(text=text, kind=rows.kind.replace(names), dataset=rows.dataset.map(set_name))
    rows = rows.assign(measure=rows.measure.map(label))
    return rows.pivot(index=["dataset", "measure"], columns="kind", values="text")


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw, for each set, what shifts do to each measure: growth, rank of a shifted copy, agreement.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    sets, layer = list(result.table.dataset.unique()), result.parameters["layers"][-1]
    size = (figure_width(width), 5.6 if width == "page" else 6.2)
    figure, axes = plt.subplots(len(ROWS), len(sets), sharex=True, sharey="row", squeeze=False, figsize=size)
    looks = shown(result, layer)
    for row, kind in zip(axes, ROWS, strict=True):
        for axis, dataset in zip(row, sets, strict=True):
            _draw_panel(axis, result.table[(result.table.kind == kind) & (result.table.dataset == dataset)], looks)
            axis.set_title(f"{ROWS[kind][1]}\n{set_name(dataset)}" if width == "page" else set_name(dataset))
        row[0].set_ylabel(ROWS[kind][0])
    for axis in axes[0]:
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=[1, 2, 5]))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(NullLocator())
    for axis in axes[-1]:
        axis.set_xlabel("Shift, pixels")
        axis.set_xticks(result.parameters["shifts"])
    lines = axes[0, 0].get_lines()
    columns = 4 if width == "page" else 2
    figure.legend(lines, map(label, looks), loc="outside upper center", ncols=columns, columnspacing=1)
    return figure


def _draw_panel(axis: Axes, rows: pd.DataFrame, looks: dict[str, dict[str, Any]]) -> None:
    """A line for each measure, with its intervals, a little beside each other."""
    for number, (measure, look) in enumerate(looks.items()):
        own = rows[rows.measure == measure].sort_values("shift")
        x = own["shift"] + 0.06 * (number - len(looks) / 2)
        axis.plot(x, own.value, linewidth=1, markersize=3.5, **look)
        axis.vlines(x, own.low, own.high, color=look["color"], linewidth=0.7)


def caption(result: Result) -> str:
    """What the figure shows."""
    largest, layer = max(result.parameters["shifts"]), result.parameters["layers"][-1]
    told = (f"DSD_2 {layer}", f"Perceptual {layer}", "LPIPS alexnet")
    changes = result.table[(result.table.kind == "pearson change") & (result.table["shift"] == largest)]
    spread = "; ".join(
        f"{set_name(dataset)}: "
        + ", ".join(
            f"{label(row.measure)} {with_interval(row.value, row.low, row.high, form='+.2f')}"
            for row in rows.itertuples()
        )
        for dataset, rows in changes[changes.measure.isin(told)].groupby("dataset", sort=False)
    )
    text = (
        f"Distorted images shifted to the right against their references; {pretty(layer)}. (a) How many times a "
        "measure grows; geometric mean over images. (b) The reference itself is shifted: how many of its distorted "
        "images, not shifted, are called better than it; mean over references, lines from the lowest to the highest "
        "one. (c) Pearson correlation with human preference. Lines in (a) and (c) are 95% bootstrap intervals. Change "
        f"of (c) at {largest} pixels: {spread}."
    )
    return text.replace("-", "−")
