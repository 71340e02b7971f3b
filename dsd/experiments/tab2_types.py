"""Table 2 by type of distortion: where measures without a reference follow people, and where they don't."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dsd.experiments.output import save_figure
from dsd.experiments.provenance import Result
from dsd.experiments.style import MEASURES, Width, figure_width
from dsd.experiments.tab1_tables import set_name, symbol
from dsd.experiments.tab1_types import WORDS

SHOWN = ("NIQE", "BRISQUE", "DSD_2", "DSD_4")


def draw_types(result: Result, width: Width = "page") -> Figure | None:
    """Draw, by type of distortion, how often each measure agrees with people, and what it is too hard or too soft on.

    Args:
        result: of Table 2.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.

    Returns:
        None where no set says which distortion an image has.
    """
    types = result.table[(result.table.kind == "type") & result.table.measure.isin(SHOWN)]
    if types.empty:
        return None
    places: dict[tuple[str, str], float] = {}
    for gap, name in enumerate(types.dataset.unique()):
        best = types[(types.dataset == name) & (types.measure == SHOWN[-1])].sort_values("agreement", ascending=False)
        places |= {(name, kind): y + gap for y, kind in enumerate(best.type, len(places))}
    y = np.array([places[key] for key in zip(types.dataset, types.type, strict=True)])
    size = figure_width(width), 1.6 + 0.21 * max(places.values())
    figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=size)
    for shift, measure in zip((-0.3, -0.1, 0.1, 0.3), SHOWN, strict=True):
        own = types.measure == measure
        _draw_column(left, types[own], "agreement", y[own] + shift, measure, at=0.5)
        _draw_column(right, types[own], "bias", y[own] + shift, measure)
    left.set(title="Agrees with people\n(0.5: by chance)", xlabel="share of pairs")
    right.set(title="Too good ← calls it\n→ too bad", xlabel="share called worse,\nless people's")
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=4, columnspacing=1)
    left.set_yticks(list(places.values()), [WORDS.get(kind, kind.replace("_", " ")) for _, kind in places])
    left.set_ylim(max(places.values()) + 0.6, -0.6)
    for name in dict.fromkeys(of for of, _ in places):
        first = min(at for (of, _), at in places.items() if of == name)
        at = {"xytext": (-4, 0), "xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        left.annotate(set_name(name), (0, first - 0.75), ha="right", va="center", weight="bold", **at)
    return figure


def _draw_column(axis: Axes, rows: pd.DataFrame, statistic: str, y: np.ndarray, measure: str, at: float = 0) -> None:
    """A statistic's dots and intervals, against a line."""
    look = MEASURES[measure]
    axis.hlines(y, rows[f"{statistic}_low"], rows[f"{statistic}_high"], color=look["color"], linewidth=0.8)
    axis.plot(rows[statistic], y, markersize=3, label=symbol(measure), linestyle="none", **look)
    axis.axvline(at, color="0.6", linewidth=0.6, zorder=0)
    axis.grid(axis="x")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)


def save_types(result: Result, out_dir: str | Path, width: Width = "page", *, stamp: bool = True) -> None:
    """Write :func:`draw_types` as tab2-types, see :func:`.save_figure`, where a set has types."""
    if figure := draw_types(result, width):
        save_figure(figure, result, types_caption(result), out_dir, stamp=stamp, part="types")


def types_caption(result: Result) -> str:
    """What the figure shows."""
    counts = result.table[result.table.kind == "type"].groupby("dataset", sort=False).type.nunique()
    sets = " and ".join(f"{count} of {set_name(str(name))}" for name, count in counts.items())
    return (
        f"Types of distortion: {sets}. Left: the share of pairs in which a measure without a reference agrees with "
        "people, of the pairs that have an image of the type. Right: how often a measure calls an image of the type "
        "the worse one, less how often people do. Lines are 95% bootstrap intervals."
    )
