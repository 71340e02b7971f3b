"""Table 1 by type of distortion: where DSD_2 follows people more closely than others, and where less."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dsd.experiments.output import save_figure
from dsd.experiments.provenance import Result
from dsd.experiments.style import MEASURES, Width, figure_width, pretty
from dsd.experiments.tab1_tables import set_name, symbol
from dsd.quality.comparison import column

SHOWN = ("Perceptual", "Style", "MSS", "DSD_2")
WORDS = {  # for LIVE's short names
    **{"gblur": "Gaussian blur", "wnoise": "white noise", "wn": "white noise", "fastfading": "fast fading"},
    **{"jpeg": "JPEG", "jp2k": "JPEG 2000"},
}


def draw_types(result: Result, width: Width = "page") -> Figure | None:
    """Draw, by type of distortion, DSD_2's lead over others, and which types each calls too good or too bad.

    Args:
        result: of Table 1.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.

    Returns:
        None where no set says which distortion an image has.
    """
    types = result.table[result.table.kind == "type"]
    if types.empty:
        return None
    other = types.minus.map(lambda name: column(name).measure, na_action="ignore")
    places: dict[tuple[str, str], float] = {}
    for gap, name in enumerate(types.dataset.unique()):
        lead = types[(types.dataset == name) & (other == "Perceptual")].sort_values("agreement", ascending=False)
        places |= {(name, kind): y + gap for y, kind in enumerate(lead.type, len(places))}
    y = np.array([places.get(key, np.nan) for key in zip(types.dataset, types.type, strict=True)])
    size = figure_width(width), 1.6 + 0.21 * max(places.values())
    figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=size)
    for shift, measure in zip((-0.3, -0.1, 0.1, 0.3), SHOWN, strict=True):
        _draw_column(left, types[other == measure], "agreement", y[other == measure] + shift, measure)
        own = types.minus.isna() & (types.measure == measure)
        _draw_column(right, types[own], "bias", y[own] + shift, measure)
    left.set(title=f"{symbol('DSD_2')} agrees with people\nmore often than …", xlabel="difference in\nshare of pairs")
    right.set(title="calls it\ntoo good ← → too bad", xlabel="share called worse,\nless people's")
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=4, columnspacing=1)
    left.set_yticks(list(places.values()), [WORDS.get(kind, kind.replace("_", " ")) for _, kind in places])
    left.set_ylim(max(places.values()) + 0.6, -0.6)
    for name in dict.fromkeys(of for of, _ in places):
        first = min(at for (of, _), at in places.items() if of == name)
        at = {"xytext": (-4, 0), "xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        left.annotate(set_name(name), (0, first - 0.75), ha="right", va="center", weight="bold", **at)
    return figure


def _draw_column(axis: Axes, rows: pd.DataFrame, statistic: str, y: np.ndarray, measure: str) -> None:
    """A statistic's dots and intervals, against a line at 0."""
    look = MEASURES[measure] | (
        {"markersize": 4} if measure == "DSD_2" else {"markersize": 3, "markerfacecolor": "white"}
    )
    axis.hlines(y, rows[f"{statistic}_low"], rows[f"{statistic}_high"], color=look["color"], linewidth=0.8)
    axis.plot(rows[statistic], y, label=symbol(measure), linestyle="none", **look)
    axis.axvline(0, color="0.6", linewidth=0.6, zorder=0)
    axis.grid(axis="x")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)


def save_types(result: Result, out_dir: str | Path, width: Width = "page", *, stamp: bool = True) -> None:
    """Write :func:`draw_types` as tab1-types, see :func:`.save_figure`, where a set has types."""
    if figure := draw_types(result, width):
        save_figure(figure, result, types_caption(result), out_dir, stamp=stamp, part="types")


def types_caption(result: Result) -> str:
    """What the figure shows."""
    types = result.table[result.table.kind == "type"]
    counts = types.groupby("dataset", sort=False).type.nunique()
    sets = " and ".join(f"{count} of {set_name(str(name))}" for name, count in counts.items())
    layer = types.layer[types.measure == "DSD_2"].iloc[0]
    return (
        rf"Types of distortion: {sets}. Measures are at {pretty(layer)}. Left: the share of pairs in which "
        r"$\mathrm{DSD}_2$ agrees with people, less that of another measure. Right: how often a measure calls an image "
        "of the type the worse one, less how often people do: left of 0 it calls them too good, right of 0 too bad. "
        "Lines are 95% bootstrap intervals."
    )
