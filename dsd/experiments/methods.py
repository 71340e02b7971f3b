"""Several methods, each judged by the distances of all of them: as text, and as marks."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from dsd.experiments.markdown import with_interval
from dsd.experiments.restorations import LOOKS
from dsd.experiments.style import MEASURES

METHODS: dict[str, dict[str, Any]] = {
    "CX": LOOKS["cx"],
    "Gatys": MEASURES["Style"],
    "Style": MEASURES["Style"],
    "DSD": MEASURES["DSD_2"],
}


def as_text(rows: pd.DataFrame, index: str, columns: str) -> pd.DataFrame:
    """Means with their intervals as text; `rows` have `mean`, `low`, `high`, and the names of both sides."""
    text = [with_interval(*row) for row in rows[["mean", "low", "high"]].to_numpy(float)]
    return rows.assign(text=text).pivot(index=index, columns=columns, values="text")


def draw_methods(axis: Axes, rows: pd.DataFrame, measures: Sequence[str], methods: Iterable[str]) -> None:
    """Draw a group for each measure, in it a mark with its interval for each of three methods.

    Args:
        axis: where.
        rows: `mean`, `low`, `high`; the index is method, measure.
        measures: which, from left to right.
        methods: likewise, out of `METHODS`.
    """
    for offset, method in zip((-0.2, 0, 0.2), methods, strict=True):
        own, x = rows.loc[method].loc[list(measures)], np.arange(len(measures)) + offset
        axis.vlines(x, own.low, own.high, color=METHODS[method]["color"], linewidth=0.8)
        axis.plot(x, own["mean"], linestyle="", markersize=4, label=method, **METHODS[method])
    axis.set_xlim(-0.5, len(measures) - 0.5)
