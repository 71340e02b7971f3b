"""Table 2 by type of distortion: where measures without a reference follow people, and where they don't."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from dsd.experiments.output import save_figure
from dsd.experiments.provenance import Result
from dsd.experiments.style import MEASURES, Width
from dsd.experiments.tab1_tables import symbol
from dsd.experiments.type_panels import counted, draw_column, places_of, type_panels

SHOWN = ("NIQE", "BRISQUE", "DSD_2", "DSD_4")


def draw_types(result: Result, width: Width = "page") -> Figure | None:
    """Draw, by type of distortion, how often measures agree with people, and what they call too good or too bad.

    Args:
        result: of Table 2.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.

    Returns:
        None where no set says which distortion an image has.
    """
    types = result.table[(result.table.kind == "type") & result.table.measure.isin(SHOWN)]
    if types.empty:
        return None
    shown = [measure for measure in SHOWN if measure in set(types.measure)]
    best = types[types.measure == shown[-1]].sort_values("agreement", ascending=False)
    places = places_of((name, kind) for name in types.dataset.unique() for kind in best.type[best.dataset == name])
    y = np.array([places[key] for key in zip(types.dataset, types.type, strict=True)])
    figure, left, right = type_panels(places, width)
    left.set(title="agrees with people\n(0.5: by chance)", xlabel="share of pairs")
    for shift, measure in zip((-0.3, -0.1, 0.1, 0.3), shown, strict=False):
        own = types.measure == measure
        draw_column(left, types[own], "agreement", y[own] + shift, symbol(measure), MEASURES[measure], line=0.5)
        draw_column(right, types[own], "bias", y[own] + shift, symbol(measure), MEASURES[measure])
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=4, columnspacing=1)
    return figure


def save_types(result: Result, out_dir: str | Path, width: Width = "page", *, stamp: bool = True) -> None:
    """Write :func:`draw_types` as tab2-types, see :func:`.save_figure`, where a set has types."""
    if figure := draw_types(result, width):
        save_figure(figure, result, types_caption(result), out_dir, stamp=stamp, part="types")


def types_caption(result: Result) -> str:
    """What the figure shows."""
    types = result.table[result.table.kind == "type"]
    return (
        f"Types of distortion: {counted(types)}. Left: the share of pairs in which a measure without a reference "
        "agrees with people, of the pairs that have an image of the type. Right: how often a measure calls an image of "
        "the type the worse one, less how often people do. Lines are 95% bootstrap intervals."
    )
