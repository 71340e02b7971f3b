"""Table 1 by type of distortion: where DSD_2 follows people more closely than others, and where less."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dsd.experiments.output import save_figure
from dsd.experiments.provenance import Result
from dsd.experiments.style import MEASURES, Width, pretty
from dsd.experiments.tab1_tables import symbol
from dsd.experiments.type_panels import counted, draw_column, places_of, type_panels
from dsd.quality.comparison import column

SHOWN = ("Perceptual", "Style", "MSS", "DSD_2")


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
    lead = types[other == "Perceptual"].sort_values("agreement", ascending=False)
    places = places_of((name, kind) for name in types.dataset.unique() for kind in lead.type[lead.dataset == name])
    y = np.array([places.get(key, np.nan) for key in zip(types.dataset, types.type, strict=True)])
    figure, left, right = type_panels(places, width)
    left.set(title=f"{symbol('DSD_2')} agrees with people\nmore often than …", xlabel="difference in\nshare of pairs")
    for shift, measure in zip((-0.3, -0.1, 0.1, 0.3), SHOWN, strict=True):
        look = MEASURES[measure] | ({"markersize": 4} if measure == "DSD_2" else {"markerfacecolor": "white"})
        of, own = other == measure, types.minus.isna() & (types.measure == measure)
        draw_column(left, types[of], "agreement", y[of] + shift, symbol(measure), look)
        draw_column(right, types[own], "bias", y[own] + shift, symbol(measure), look)
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=4, columnspacing=1)
    return figure


def save_types(result: Result, out_dir: str | Path, width: Width = "page", *, stamp: bool = True) -> None:
    """Write :func:`draw_types` as tab1-types, see :func:`.save_figure`, where a set has types."""
    if figure := draw_types(result, width):
        save_figure(figure, result, types_caption(result), out_dir, stamp=stamp, part="types")


def types_caption(result: Result) -> str:
    """What the figure shows."""
    types = result.table[result.table.kind == "type"]
    layer = types.layer[types.measure == "DSD_2"].iloc[0]
    return (
        rf"Types of distortion: {counted(types)}. Measures are at {pretty(layer)}. Left: the share of pairs in which "
        r"$\mathrm{DSD}_2$ agrees with people, less that of another measure. Right: how often a measure calls an image "
        "of the type the worse one, less how often people do: left of 0 it calls them too good, right of 0 too bad. "
        "Lines are 95% bootstrap intervals."
    )
