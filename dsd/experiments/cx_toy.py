"""The contextual similarity of two sets of points in a plane: one stays, one moves, widens, loses members."""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter
from tqdm import tqdm

from dsd.contextual import contextual
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.restorations import LOOKS
from dsd.experiments.style import Width, figure_width, strip
from dsd.quality.point_sets import chamfer, contextual_similarity, paired_distance

MEASURES: dict[str, dict[str, Any]] = {
    "CX": LOOKS["cx"],
    "L2": {"color": "0.6", "marker": "s", "linestyle": "-."},
    "Chamfer": {"color": "#8C1C3A", "marker": "P", "linestyle": "--"},
    "CX, cosine": LOOKS["cx"] | {"markerfacecolor": "white", "linestyle": ":"},
}
SIMILARITIES = ("CX", "CX, cosine")  # larger is more alike; of the others, less
CHANGES = {  # column: (title, label of its axis, the change that is shown)
    "mean": ("Moves", "Mean", 1.5),
    "std": ("Widens", "Std. deviation", 2.0),
    "lost": ("Thins out", "Share lost", 0.75),
}
SAME = {"mean": 0.0, "std": 1.0, "lost": 0.0}  # distributed as the fixed set
RESAMPLES = 2000
FIXED, CHANGED = "0.55", "#1F4E8C"


@dataclass(frozen=True)
class Points:
    """Synthetic data, as far as a figure must describe it."""

    points: int
    seeds: int
    seed: int

    def draw(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each seed the fixed set and another one, both standard normal, (points, 2)."""
        for seed in range(self.seed, self.seed + self.seeds):
            fixed, other = np.random.default_rng(seed).standard_normal((2, self.points, 2))
            yield fixed, other

    def provenance(self) -> dict[str, str | int]:
        """What they are, how many, SHA-256 of their values."""
        values = hashlib.sha256()
        for pair in self.draw():
            values.update(np.stack(pair).astype("<f4").tobytes())
        what = f"synthetic: sets of {self.points} points of a 2-D Gaussian"
        return {
            "summary": f"{what} ({self.seeds} seeds)",
            "dataset": what,
            "count": self.seeds,
            "values_sha256": values.hexdigest(),
        }


def compute(
    *,
    points: int,
    seeds: int,
    means: Sequence[float],
    stds: Sequence[float],
    lost: Sequence[float],
    bandwidth: float,
    seed: int,
) -> Computed:
    """Compare a fixed set of points with a changing one. Args: the parameters of the notebook.

    Returns:
        The rows of :func:`summarise`.

    Raises:
        ValueError: `means` lacks 0, `stds` 1 or `lost` 0: the change that all others are compared with; fewer than two
            seeds; members lost that leave none.
    """
    for name, values in {"mean": means, "std": stds, "lost": lost}.items():
        if SAME[name] not in values:
            raise ValueError(f"the values of {name} must have {SAME[name]:g}, no change; got {list(values)}")
    if seeds < 2:
        raise ValueError(f"seeds must be at least 2, so that their spread is known; got {seeds}")
    if not all(0 <= share < 1 and round((1 - share) * points) for share in lost):
        raise ValueError(f"lost must be shares from 0 to below 1 that leave one of {points} points, got {list(lost)}")
    changes = [*product(means, stds, [0.0]), *((0.0, 1.0, share) for share in lost if share)]
    rows = []
    for number, (fixed, other) in enumerate(tqdm(Points(points, seeds, seed).draw(), "seeds", seeds, unit="seed")):
        for mean, std, share in changes:
            changed = change(other, mean, std, share)
            about = {"mean": mean, "std": std, "lost": share, "seed": seed + number}
            rows += [about | {"measure": name, "value": at} for name, at in compare(changed, fixed, bandwidth).items()]
    return Computed(summarise(pd.DataFrame(rows), seed), None, {"points": Points(points, seeds, seed)})


def change(points: np.ndarray, mean: float, std: float, lost: float) -> np.ndarray:
    """Points with another spread, moved along x, less their last ones, which are as random as all.

    Example:
        >>> change(np.array([[1.0, 1.0], [3.0, 0.0]]), mean=2, std=0.5, lost=0.5)
        array([[2.5, 0.5]])
    """
    return points[: round((1 - lost) * len(points))] * std + [mean, 0]


def compare(changed: np.ndarray, fixed: np.ndarray, bandwidth: float) -> dict[str, float]:
    """All `MEASURES` of a changed set; L2 is of points of the same number, which is no correspondence."""
    a, b = (torch.from_numpy(points.T.copy())[None, :, None] for points in (changed, fixed))
    return {
        "CX": contextual_similarity(changed, fixed, bandwidth),
        "L2": paired_distance(changed, fixed[: len(changed)]),
        "Chamfer": chamfer(changed, fixed),
        "CX, cosine": math.exp(-contextual(a, b, bandwidth).item()),
    }


def summarise(values: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Means over seeds, and where they are best.

    Args:
        values: `measure`, `mean`, `std`, `lost`, `seed`, `value`.
        seed: of the bootstrap.

    Returns:
        `kind`, `measure`, `mean`, `std`, `lost`, `value`, `low`, `high`. Kinds:

        - ``value``: mean over seeds; `low` and `high` hold the middle 95 % of the seeds.
        - ``times``: the same, of a seed's loss divided by that without a change. The loss of a similarity is −log.
        - ``best mean``, ``best std``: where on the grid the mean over seeds is best, and the 95 % interval of that:
          seeds are drawn with replacement.
    """
    rows: list[dict[str, Any]] = []
    for measure, own in values.groupby("measure", sort=False):
        table = own.pivot(index=list(SAME), columns="seed", values="value")
        loss = table.map(lambda at: -math.log(at)) if measure in SIMILARITIES else table
        for kind, each in {"value": table, "times": loss / loss.xs(tuple(SAME.values()))}.items():
            ends = np.percentile(each, [2.5, 97.5], axis=1)
            for at, mean, low, high in zip(each.index, each.mean(axis=1), *ends, strict=True):
                about = {"kind": kind, "measure": measure, **dict(zip(SAME, at, strict=True))}
                rows.append(about | {"value": mean, "low": low, "high": high})
        grid = table[table.index.get_level_values("lost") == 0]
        rows += _best(grid, str(measure), seed)
    return pd.DataFrame(rows)


def _best(grid: pd.DataFrame, measure: str, seed: int) -> Iterator[dict[str, Any]]:
    """Where the mean over the columns of a grid is best; its rows are (mean, std, lost)."""
    count = grid.shape[1]
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    means = grid.to_numpy() @ np.vstack([np.ones((1, count)), drawn]).T
    best = (means if measure in SIMILARITIES else -means).argmax(axis=0)
    for level in ("mean", "std"):
        at = grid.index.get_level_values(level).to_numpy()[best]
        low, high = np.percentile(at[1:], [2.5, 97.5])
        yield {"kind": f"best {level}", "measure": measure, "value": at[0], "low": low, "high": high}


def best(result: Result) -> pd.DataFrame:
    """Where each measure says that the sets are most alike: mean and standard deviation, with intervals, as text."""
    rows = result.table[result.table.kind.str.startswith("best")]
    text = [with_interval(*row, form="g") for row in rows[["value", "low", "high"]].to_numpy(float)]
    names = {"best mean": "mean", "best std": "standard deviation"}
    told = rows.assign(text=text, kind=rows.kind.replace(names))
    return told.pivot(index="measure", columns="kind", values="text").loc[list(MEASURES)]


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw the sets of the first seed, the measures against each change, and their expectation by mean and std.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    page = width == "page"
    figure = plt.figure(figsize=(figure_width(width), 5.4 if page else 6.6), layout="constrained")
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[3.2, 2.2] if page else [3.2, 3.4])
    clouds, lines = upper.subplots(2, 3, sharey="row", height_ratios=[1, 1.25] if page else [1, 1.6])
    done = result.parameters
    fixed, other = next(Points(done["points"], 1, done["seed"]).draw())
    for letter, cloud, axis, (name, (title, label, shown)) in zip("abc", clouds, lines, CHANGES.items(), strict=True):
        _draw_sets(cloud, fixed, change(other, **SAME | {name: shown}))
        cloud.set_title(f"({letter}) {title}")
        _draw_lines(axis, result.table, name)
        axis.set_xlabel(label)
    lines[0].set_ylabel("Times its value\nwithout a change")
    handles, labels = lines[0].get_legend_handles_labels()
    upper.legend(handles, labels, loc="outside upper center", ncols=4, columnspacing=1, handletextpad=0.4)
    maps = lower.subplots(*((1, 4) if page else (2, 2)), sharex=True, sharey=True)
    for letter, axis, measure in zip("defg", maps.flat, MEASURES, strict=True):
        _draw_map(axis, result.table, measure)
        axis.set_title(f"({letter}) {measure}")
        if axis.get_subplotspec().is_last_row():
            axis.set_xlabel("Mean")
        if axis.get_subplotspec().is_first_col():
            axis.set_ylabel("Std. deviation")
    return figure


def _draw_sets(axis: Axes, fixed: np.ndarray, changed: np.ndarray) -> None:
    axis.scatter(fixed[:, 0], fixed[:, 1], s=3, color=FIXED, linewidth=0)
    axis.scatter(changed[:, 0], changed[:, 1], s=6, color=CHANGED, marker="+", linewidth=0.5)
    axis.set(xlim=(-4.5, 4.5), ylim=(-3, 3), aspect="equal")
    strip(axis)


def _draw_lines(axis: Axes, table: pd.DataFrame, name: str) -> None:
    """How many times each loss is its value without a change, and the spread of the seeds."""
    others = [other for other in SAME if other != name]
    rows = table[(table.kind == "times") & np.logical_and.reduce([table[other] == SAME[other] for other in others])]
    for measure, look in MEASURES.items():
        own = rows[rows.measure == measure].sort_values(name)
        axis.plot(own[name], own.value, linewidth=1, markersize=3, label=measure, **look)
        axis.fill_between(own[name], own.low, own.high, color=look["color"], alpha=0.2, linewidth=0)
    axis.axhline(1, color="0.1", linewidth=0.6)
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=[1, 3]))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(NullLocator())


def _draw_map(axis: Axes, table: pd.DataFrame, measure: str) -> None:
    """Its expectation by mean and standard deviation, light where sets are alike; the best place, and the right one."""
    rows = table[(table.measure == measure) & (table.kind == "value") & (table.lost == 0)]
    grid = rows.pivot(index="std", columns="mean", values="value")
    similar = measure in SIMILARITIES
    options = {"cmap": "viridis"} if similar else {"cmap": "viridis_r", "norm": LogNorm()}
    picture = axis.pcolormesh(grid.columns, grid.index, grid, shading="nearest", rasterized=True, **options)
    bar = axis.figure.colorbar(picture, ax=axis, orientation="horizontal", aspect=12, pad=0.06)
    bar.ax.tick_params(labelsize=6)
    bar.locator = MaxNLocator(3) if similar else LogLocator(subs=[1, 3])
    bar.formatter = StrMethodFormatter("{x:g}")
    bar.minorticks_off()
    places = table[(table.measure == measure) & table.kind.str.startswith("best")].set_index("kind")
    x, y = places.loc["best mean"], places.loc["best std"]
    axis.plot(SAME["mean"], SAME["std"], "o", color="0.1", markerfacecolor="none", markersize=8, clip_on=False)
    ends = [[[at.value - at.low], [at.high - at.value]] for at in (x, y)]
    axis.errorbar(x.value, y.value, yerr=ends[1], xerr=ends[0], fmt="x", color="#C00000", markersize=5, clip_on=False)
    axis.grid(False)


def caption(result: Result) -> str:
    """What the figure shows."""
    done, places = result.parameters, best(result)["standard deviation"]
    told = ", ".join(f"{measure} {place}" for measure, place in places.items())
    return (
        f"A fixed set of {done['points']} points of a 2-D Gaussian (dots) and a changing one (crosses), which (a) "
        "moves along $x$, (b) widens or narrows, (c) loses members at random. Below: how many times each loss is that "
        f"without a change, mean over {done['seeds']} seeds and the middle 95% of them. Below 1 the changed set is "
        "preferred to one of the same distribution. L2 is of points paired at random. CX is by squared distances, CX, "
        f"cosine by those of directions, as of images' features; $h$ = {done['bandwidth']:g}, and their losses are "
        "−log CX. (d) to (g): expectation by mean and standard deviation of the changing set, light where the sets are "
        "called alike. Circle: both distributions are the same. Cross: where the measure is best, with 95% bootstrap "
        f"intervals over seeds. The standard deviation there: {told}."
    )
