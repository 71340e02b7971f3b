"""Two panels with a row for each type of distortion: what Tables 1 and 2 show by type."""

from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dsd.experiments.style import Width, figure_width
from dsd.experiments.tab1_tables import set_name

WORDS = {  # for LIVE's short names
    **{"gblur": "Gaussian blur", "wnoise": "white noise", "wn": "white noise", "fastfading": "fast fading"},
    **{"jpeg": "JPEG", "jp2k": "JPEG 2000"},
}
Types = Iterable[tuple[str, str]]  # a set of images, and a type of distortion in it


def places_of(types: Types) -> dict[tuple[str, str], float]:
    """Where each type's row is: in the order given, with a gap before each set."""
    places: dict[tuple[str, str], float] = {}
    for dataset, kind in types:
        new = places and dataset not in {of for of, _ in places}
        places[dataset, kind] = max(places.values(), default=-1.0) + (2 if new else 1)
    return places


def type_panels(places: Mapping[tuple[str, str], float], width: Width) -> tuple[Figure, Axes, Axes]:
    """The figure and its two panels, with the names of types and sets on the left."""
    last = max(places.values())
    figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(figure_width(width), 1.6 + 0.21 * last))
    left.set_yticks(list(places.values()), [WORDS.get(kind, kind.replace("_", " ")) for _, kind in places])
    left.set_ylim(last + 0.6, -0.6)
    for name in dict.fromkeys(of for of, _ in places):
        first = min(at for (of, _), at in places.items() if of == name)
        at = {"xytext": (-4, 0), "xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        left.annotate(set_name(name), (0, first - 0.75), ha="right", va="center", weight="bold", **at)
    right.set(title="calls it\ntoo good ← → too bad", xlabel="share called worse,\nless people's")
    return figure, left, right


def draw_column(
    axis: Axes, rows: pd.DataFrame, statistic: str, y: np.ndarray, label: str, look: Mapping[str, Any], line: float = 0
) -> None:
    """A statistic's dots and intervals, against a line."""
    axis.hlines(y, rows[f"{statistic}_low"], rows[f"{statistic}_high"], color=look["color"], linewidth=0.8)
    axis.plot(rows[statistic], y, label=label, **{"linestyle": "none", "markersize": 3, **look})
    axis.axvline(line, color="0.6", linewidth=0.6, zorder=0)
    axis.grid(axis="x")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)


def counted(types: pd.DataFrame) -> str:
    """How many types each set of images has, in words."""
    counts = types.groupby("dataset", sort=False).type.nunique()
    return " and ".join(f"{count} of {set_name(str(name))}" for name, count in counts.items())
