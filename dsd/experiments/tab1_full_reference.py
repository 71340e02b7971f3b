"""Table 1: how well each full-reference measure, at each layer, agrees with people."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dsd import paper
from dsd.backbones import load_backbone
from dsd.backbones.base import Padding, Precision
from dsd.data.rated import RatedImages
from dsd.data.rated_sets import load_rated
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.provenance import Computed, Result, save_figure
from dsd.experiments.style import COLORS, pretty
from dsd.quality.comparison import analyse, in_columns, next_reference
from dsd.quality.evaluate import agreement
from dsd.quality.full_reference import score_all
from dsd.quality.lpips import LPIPS

NETWORKS = {"alexnet": "AlexNet", "squeezenet": "SqueezeNet"}
MARKS = {  # of measures, by type of distortion
    "Perceptual": ("s", "0.65"),
    "Style": ("^", "0.45"),
    "MSS": ("o", "0.2"),
    "DSD_2": ("D", COLORS["Random"]),
}


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
    for name in [images] if isinstance(images, str) else images:
        with tempfile.TemporaryDirectory() as folder:
            distorted = Path(folder) / "known distortions"
            rated = load_rated(name, distorted, resize=resize, crop=crop, count=count, seed=seed)
            if rated.name in sets:
                raise ValueError(f"images must be of different sets, two are called {rated.name}")
            scores = score_all(rated, networks, learned)
        sets[rated.name] = rated
        found = agreement(scores, rated, seed=seed)
        tables.append(analyse(found, scores, rated, seed))
        alone.append(found.alone)
    table = in_columns(pd.concat([*tables, next_reference(pd.concat(alone))], ignore_index=True))
    return Computed(table, networks[0], sets, extra={"lpips": [at.backbone.provenance() for at in learned]})


def correlations_of(result: Result, dataset: str) -> pd.DataFrame:
    """The correlations of the paper's measures on one set of images, with the first padding, in the paper's order."""
    rows = result.table[(result.table.kind == "correlation") & (result.table.dataset == dataset)]
    rows = rows[rows.measure.isin(list(paper.TABLE1))]
    learned = rows.measure == "LPIPS"  # its networks have their own padding
    rows = rows[learned | (rows.padding == rows.padding[~learned].iloc[0])]
    place = rows.measure.map(list(paper.TABLE1).index)
    return rows.iloc[np.lexsort((rows.layer, place))]


def printed(rows: pd.DataFrame) -> pd.DataFrame:
    """Measures × layers as text: ours with its interval, the paper's value in parentheses.

    Args:
        rows: as from :func:`correlations_of`.
    """
    deepest = rows.layer[rows.measure != "LPIPS"].iloc[-1]
    cells: dict[str, dict[str, str]] = {}
    for row in rows.to_dict("records"):
        text = f"{row['pearson']:.3f} [{row['pearson_low']:.2f}, {row['pearson_high']:.2f}]"
        text += "" if pd.isna(row["paper"]) else f" ({row['paper']:.3f})"
        name, layer = row["measure"], row["layer"]
        if name == "LPIPS":
            name, layer = f"LPIPS, whole {NETWORKS[layer]}", deepest
        cells.setdefault(name, {})[pretty(layer)] = text
    return pd.DataFrame.from_dict(cells, orient="index").fillna("")


def differences(result: Result) -> pd.DataFrame:
    """Differences of correlations at the deepest layer, with intervals; "all": what one more reference has."""
    table = result.table
    own = correlations_of(result, next(iter(sets_of(result))))
    place = f"{own.layer[own.measure != 'LPIPS'].iloc[-1]} {own.padding.iloc[0]}"
    here = (table.layer + " " + table.padding == place) | (table.measure == "LPIPS")
    kinds = table.kind.isin(["difference", "next reference"])
    rows = table[kinds & here & table.minus.str.endswith(place, na=False)]
    name = rows.measure.where(rows.measure != "LPIPS", rows.measure + " " + rows.layer)
    rows = rows.assign(difference=name + " − " + rows.minus.str.split(" ").str[0]).set_index(["difference", "dataset"])
    return rows[["pearson", "pearson_low", "pearson_high", "pearson_lowest", "pearson_highest"]].sort_index()


def markdown(cells: pd.DataFrame) -> str:
    """A table of text as Markdown."""
    lines = [["Measure", *cells.columns], ["---"] * (1 + len(cells.columns))]
    lines += [[str(name), *row] for name, row in zip(cells.index, cells.to_numpy(), strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def sets_of(result: Result) -> dict[str, str]:
    """The sets of images: {name: what it holds}."""
    return {data["dataset"]: data["summary"] for data in result.provenance["datasets"].values()}


def write_tables(result: Result, out_dir: str | Path) -> None:
    """Write a printed table for each set as tab1.md and tab1.tex; `out_dir`: as for :func:`.load_or_compute`."""
    tables = {summary: printed(correlations_of(result, name)) for name, summary in sets_of(result).items()}
    text = {
        "md": [f"{summary}:\n\n{markdown(cells)}" for summary, cells in tables.items()],
        "tex": [f"% {summary}\n{cells.to_latex(escape=True)}" for summary, cells in tables.items()],
    }
    for suffix, parts in text.items():
        (REPOSITORY / out_dir / f"tab1.{suffix}").write_text("\n".join(parts), encoding="utf-8")


def draw(result: Result) -> Figure:
    """Draw the paper's correlations beside ours, each with its interval; other paddings as circles."""
    sets = list(result.provenance["datasets"].values())
    rows = correlations_of(result, sets[0]["dataset"])
    first = (rows.measure != rows.measure.shift()).to_numpy()
    y = np.arange(len(rows)) + 0.7 * first.cumsum()
    figure, axes = plt.subplots(1, 1 + len(sets), sharey=True, figsize=(5.5, 1.1 + 0.135 * y[-1]))
    _draw_panel(axes[0], rows.assign(pearson=rows.paper, pearson_low=np.nan, pearson_high=np.nan), y)
    axes[0].set_title("Paper: PieAPP,\n40 references")
    for axis, data in zip(axes[1:], sets, strict=True):
        rows = correlations_of(result, data["dataset"])
        _draw_panel(axis, rows, y)
        axis.set_title(f"{data['dataset']},\n{data['references']} reference{'s' * (data['references'] > 1)}")
        more = result.table[(result.table.kind == "correlation") & (result.table.dataset == data["dataset"])]
        more = more[more.measure.isin(rows.measure) & ~more.padding.isin(rows.padding)]
        place = dict(zip(rows.measure + rows.layer, y, strict=True))
        for padding, other in more.groupby("padding"):
            at = [place[key] for key in other.measure + other.layer]
            axis.plot(other.pearson, at, "o", markersize=4, fillstyle="none", color="0.3", label=f"{padding} padding")
    layers = rows.layer.replace(NETWORKS).map(pretty)
    axes[0].set_yticks(y, [f"{m}  {n}" if new else n for m, n, new in zip(rows.measure, layers, first, strict=True)])
    axes[0].set_ylim(y[-1] + 0.7, y[0] - 0.7)
    axes[len(axes) // 2].set_xlabel("Pearson correlation")
    handles, labels = axes[-1].get_legend_handles_labels()
    if handles:
        axes[0].legend(handles, labels, loc="lower left", borderaxespad=0, fontsize=7, handletextpad=0)
    return figure


def _draw_panel(axis: Axes, rows: pd.DataFrame, y: np.ndarray) -> None:
    """A dot and its interval for each row, and the number beside it; DSD in blue."""
    for row in rows.assign(y=y).dropna(subset="pearson").to_dict("records"):
        ours, at = row["measure"].startswith("DSD"), row["y"]
        color = COLORS["Random"] if ours else "0.35"
        axis.plot([row["pearson_low"], row["pearson_high"]], [at, at], color=color, linewidth=1)
        axis.plot(row["pearson"], at, "D" if ours else "o", color=color, markersize=3)
        number = f"{row['pearson']:.3f}".removeprefix("0")
        axis.text(1.02, at, number, transform=axis.get_yaxis_transform(), va="center", fontsize=7)
    axis.grid(axis="x")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0, labelsize=7)
    axis.set_xlim(float(np.nanmin([0.25, *rows.pearson, *rows.pearson_low])), 1)


def draw_types(result: Result) -> Figure | None:
    """Draw, by type of distortion, DSD_2's lead over others, and which types each is too hard or too soft on.

    Returns:
        None where no set says which distortion an image has.
    """
    types = result.table[result.table.kind == "type"]
    if types.empty:
        return None
    other = types.minus.str.split(" ").str[0]
    places: dict[tuple[str, str], float] = {}
    for gap, name in enumerate(types.dataset.unique()):
        lead = types[(types.dataset == name) & (other == "Perceptual")].sort_values("agreement", ascending=False)
        places |= {(name, kind): y + gap for y, kind in enumerate(lead.type, len(places))}
    y = np.array([places.get(key, np.nan) for key in zip(types.dataset, types.type, strict=True)])
    figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(5.5, 1.3 + 0.21 * max(places.values())))
    for shift, (measure, (marker, color)) in zip((-0.3, -0.1, 0.1, 0.3), MARKS.items(), strict=True):
        _draw_column(left, types[other == measure], "agreement", y[other == measure] + shift, marker, color, measure)
        own = types.minus.isna() & (types.measure == measure)
        _draw_column(right, types[own], "bias", y[own] + shift, marker, color, measure)
    left.set_title("DSD_2 agrees more often than …")
    left.set_xlabel("difference in share of pairs")
    right.set_title("too soft ← on this type → too hard")
    right.set_xlabel("share called worse, less people's")
    right.legend()
    left.set_yticks(list(places.values()), [kind for _, kind in places])
    left.set_ylim(max(places.values()) + 0.6, -0.6)
    for name in dict.fromkeys(of for of, _ in places):
        first = min(at for (of, _), at in places.items() if of == name)
        left.annotate(
            name,
            (0, first - 0.75),
            (-4, 0),
            ("axes fraction", "data"),
            "offset points",
            ha="right",
            va="center",
            weight="bold",
        )
    return figure


def _draw_column(
    axis: Axes, rows: pd.DataFrame, column: str, y: np.ndarray, marker: str, color: str, label: str
) -> None:
    """A statistic's dots and intervals, against a line at 0."""
    axis.hlines(y, rows[f"{column}_low"], rows[f"{column}_high"], color=color, linewidth=0.8)
    axis.plot(rows[column], y, marker, color=color, markersize=3, label=label, linestyle="none")
    axis.axvline(0, color="0.6", linewidth=0.6, zorder=0)
    axis.grid(axis="x")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0, labelsize=7)


def save_types(result: Result, out_dir: str | Path) -> None:
    """Write :func:`draw_types` as tab1-types.png and .pdf, as :func:`.save_figure` does, where there is something."""
    if figure := draw_types(result):
        save_figure(figure, replace(result, name=f"{result.name}-types"), out_dir)
