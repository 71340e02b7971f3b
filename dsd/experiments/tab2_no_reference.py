"""Table 2: how well measures without a reference agree with people."""

from collections.abc import Sequence
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dsd import paper
from dsd.backbones.base import Precision
from dsd.data.rated import RatedImages
from dsd.data.rated_sets import load_rated_sets
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import MEASURES, Width, figure_width
from dsd.experiments.tab1_tables import REFERENCES, set_name, short, symbol
from dsd.experiments.tab2_tables import TRAINED_ON, WHOLE, correlations_of, measures_of
from dsd.noref.q_dsd import load_measured, load_measures
from dsd.quality.brisque import BRISQUE
from dsd.quality.by_type import by_type
from dsd.quality.comparison import next_reference
from dsd.quality.evaluate import KEYS, Agreement, agreement
from dsd.quality.niqe import NIQE
from dsd.quality.unreferenced import Measures, score_unreferenced


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    alphas: Sequence[float],
    regressors: Sequence[str],
    images: str | Sequence[str],
    resize: int,
    crop: int,
    count: int,
    device: str,
    seed: int,
) -> Computed:
    """Correlate every measure with human preference. Args: the parameters of the notebook.

    Returns:
        By `kind` of row: ``correlation`` of each `measure` and `place` (a layer, the sum of layers, the image) with
        people, see :func:`.agreement`; ``difference`` of two measures, `minus` subtracted; ``type``: by type of
        distortion, see :func:`.by_type`, of whole measures; ``next reference``: see :func:`.next_reference`.
    """
    network = load_measured(backbone, weights, precision=precision, device=device)
    q_dsd = load_measures(network, alphas, regressors)
    measures = Measures(q_dsd, {"NIQE": NIQE().to(network.device), "BRISQUE": BRISQUE().to(network.device)})
    sets: dict[str, RatedImages] = {}
    tables, alone = [], []
    for rated in load_rated_sets(images, resize=resize, crop=crop, count=count, seed=seed):
        scores = score_unreferenced(rated, measures, network.device)
        sets[rated.name] = rated
        found = agreement(scores, rated, seed=seed)
        tables.append(_analyse(found, scores, rated, seed).assign(dataset=rated.name))
        alone.append(found.alone)
    every = pd.concat(alone)
    tables.append(next_reference(every, combinations(_whole(every), 2)))
    return Computed(
        _in_columns(pd.concat(tables, ignore_index=True)),
        network,
        sets,
        extra={"measures": measures.provenance()},
    )


def _analyse(found: Agreement, scores: pd.DataFrame, rated: RatedImages, seed: int) -> pd.DataFrame:
    """All rows of one set of images."""
    whole = _whole(scores.drop(columns=KEYS))
    tables = [found.table().assign(kind="correlation")]
    tables.append(found.differences(combinations(whole, 2)).assign(kind="difference"))
    for kind, of_type in by_type(scores[[*KEYS, *whole]], rated, seed=seed).items():
        tables.append(of_type.table().assign(kind="type", type=kind))
    return pd.concat(tables, ignore_index=True)


def _whole(measures: pd.DataFrame) -> list[str]:
    """Columns of measures that are of no single layer, the last one first: what differences are taken of."""
    return [name for name in map(str, measures) if name.rsplit(" ", 1)[1] in WHOLE][::-1]


def _in_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with `measure` and `place` in columns of their own, and the paper's values."""
    table[["measure", "place"]] = table.measure.str.rsplit(" ", n=1, expand=True)
    printed = (table.kind == "correlation") & table.place.isin(WHOLE)
    return table.assign(paper=table.measure.map(paper.TABLE2).where(printed))


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw the paper's correlations beside ours, each with its interval.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    names, sets = measures_of(result), result.provenance["datasets"]
    figure, axes = plt.subplots(
        1, 1 + len(sets), sharex=True, sharey=True, figsize=(figure_width(width), 1.2 + 0.2 * len(names))
    )
    rows = pd.DataFrame({"measure": names, "pearson": [paper.TABLE2.get(name, np.nan) for name in names]})
    _draw_panel(axes[0], rows.assign(pearson_low=np.nan, pearson_high=np.nan), "")
    axes[0].set_title(f"Paper: PieAPP,\n{REFERENCES} references")
    for axis, (name, data) in zip(axes[1:], sets.items(), strict=True):
        _draw_panel(axis, correlations_of(result, name).set_index("measure").reindex(names).reset_index(), name)
        axis.set_title(f"{set_name(name)},\n{data['references']} reference{'s' * (data['references'] > 1)}")
    axes[0].set_yticks(range(len(names)), [symbol(name) for name in names])
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    axes[0].set_xlim(right=1.05)
    axes[len(axes) // 2].set_xlabel("Pearson correlation")
    return figure


def _draw_panel(axis: Axes, rows: pd.DataFrame, dataset: str) -> None:
    """A dot and its interval for each row, and the number beside it; hollow where it was trained on the set."""
    for y, row in enumerate(rows.to_dict("records")):
        if pd.isna(row["pearson"]):
            continue
        look = dict(MEASURES[row["measure"]])
        trained = (row["measure"], dataset) in TRAINED_ON
        if trained:
            look |= {"markerfacecolor": "white"}
        axis.plot([row["pearson_low"], row["pearson_high"]], [y, y], color=look["color"], linewidth=1)
        axis.plot(row["pearson"], y, markersize=4, **look)
        text = f"({short(row['pearson'])})" if trained else short(row["pearson"])
        axis.text(1.04, y, text, transform=axis.get_yaxis_transform(), fontsize=7, va="center_baseline")
    axis.axvline(0, color="0.6", linewidth=0.6, zorder=0)
    axis.grid(axis="x")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(plt.MultipleLocator(0.5))


def caption(result: Result) -> str:
    """What the figure shows."""
    datasets = result.provenance["datasets"].items()
    sets = " and ".join(data["summary"].replace(name, set_name(name), 1) for name, data in datasets)
    trained = {name for _, name in TRAINED_ON} & dict(datasets).keys()
    note = " BRISQUE was trained on all of LIVE: in parentheses, no test." if trained else ""
    return (
        f"Pearson correlation with human preference of measures without a reference: the paper's on PieAPP, ours on "
        f"{sets}. $\\mathrm{{DSD}}_\\alpha$ is $Q_\\mathrm{{DSD}}$ (Eq. 5) of means over windows, summed over four "
        "layers. Lines are 95% "
        "bootstrap intervals over references and images; of one reference, over its images only. The paper's NIQE and "
        f"BRISQUE are other models than ours.{note}"
    )
