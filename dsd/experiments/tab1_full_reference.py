"""Table 1: how well each full-reference measure, at each layer, agrees with people."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from dsd import paper
from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.data.rated_sets import load_rated
from dsd.descriptor import ByLayerAndAlpha, gram_matrices
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import pretty
from dsd.gram import gram_matrix, l1_norm
from dsd.losses.features import pdl_of_sorted, perceptual, sorted_values
from dsd.quality.evaluate import correlations, score

ALPHAS = paper.FULL_REFERENCE["alphas"]


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    images: str,
    layers: Sequence[str],
    resize: int,
    crop: int,
    count: int,
    device: str,
    seed: int,
) -> Computed:
    """Correlate every measure at every layer with human preference. Args: the parameters of the notebook.

    Returns:
        The table of :func:`with_papers`.
    """
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    with tempfile.TemporaryDirectory() as folder:
        distorted = Path(folder) / "known distortions"
        rated = load_rated(images, distorted, resize=resize, crop=crop, count=count, seed=seed)
        scores = score(rated, partial(encode, backbone=network), compare, device=network.device)
    return Computed(with_papers(correlations(scores, rated, seed=seed)), network, {"rated": rated})


@dataclass(frozen=True)
class Encoded:
    """What all measures of Table 1 compare of one image, from one pass of the network per scale."""

    features: Mapping[str, Tensor]
    sorted_values: Mapping[str, Tensor]
    grams: ByLayerAndAlpha


def encode(x: Tensor, backbone: Backbone) -> Encoded:
    """Features at full size, Gram matrices at scales 1, 2 and 4; x: (1, 3, H, W)."""
    features = backbone(x)
    full = {(layer, 1.0): gram_matrix(maps) for layer, maps in features.items()}
    in_order = {layer: sorted_values(maps) for layer, maps in features.items()}
    return Encoded(features, in_order, {**full, **gram_matrices(x, backbone, ALPHAS)})


def compare(distorted: Encoded, reference: Encoded) -> dict[str, float]:
    """Every measure at every layer, ``"Style relu2_1"`` …: the larger, the more different."""
    values: dict[str, float] = {}
    for layer, maps in reference.features.items():
        step = {alpha: distorted.grams[layer, alpha] - reference.grams[layer, alpha] for alpha in (1, *ALPHAS)}
        in_order = [encoded.sorted_values[layer] for encoded in (distorted, reference)]
        measures = {
            "Perceptual": perceptual(distorted.features[layer], maps),
            "PDL": pdl_of_sorted(in_order[0], in_order[1], p=2),  # as in the authors' tables
            "Style": l1_norm(step[1]),
            "MSS": l1_norm(step[1]) + l1_norm(step[2]),
            # Eq. 4, its four Gram matrices in another order.
            **{f"DSD_{alpha}": l1_norm(step[1] - step[alpha]) for alpha in ALPHAS},
        }
        values |= {f"{measure} {layer}": value.item() for measure, value in measures.items()}
    return values


def with_papers(correlations: pd.DataFrame) -> pd.DataFrame:
    """Table of correlations with columns `measure`, `layer`, then ours, then `paper` (Pearson on PieAPP)."""
    table = correlations.copy()
    table[["measure", "layer"]] = table.measure.str.split(" ", expand=True).to_numpy()
    table.insert(1, "layer", table.pop("layer"))
    table["paper"] = [
        paper.TABLE1.get(measure, {}).get(layer) for measure, layer in zip(table.measure, table.layer, strict=True)
    ]
    return table


def grid(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """One column of the table as measures × layers, in the paper's order."""
    cells = table.pivot(index="measure", columns="layer", values=column)
    cells = cells.loc[[m for m in paper.TABLE1 if m in cells.index], sorted(cells.columns)]
    return cells.rename(columns=pretty).rename_axis(index=None, columns=None).astype(float)


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """Measures × layers as text: ours with its interval, the paper's value in parentheses."""
    ours, low, high, theirs = (grid(table, name) for name in ("pearson", "pearson_low", "pearson_high", "paper"))
    text = ours.map("{:.3f}".format) + " [" + low.map("{:.2f}".format) + ", " + high.map("{:.2f}".format) + "]"
    return text + theirs.map(lambda value: "" if pd.isna(value) else f" ({value:.3f})")


def markdown(cells: pd.DataFrame) -> str:
    """A table of text as Markdown."""
    lines = [["Measure", *cells.columns], ["---"] * (1 + len(cells.columns))]
    lines += [[str(name), *row] for name, row in zip(cells.index, cells.to_numpy(), strict=True)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_tables(result: Result, out_dir: str | Path) -> None:
    """Write the printed table as tab1.md and tab1.tex; `out_dir`: as for :func:`.load_or_compute`."""
    folder = REPOSITORY / out_dir
    cells = printed(result.table)
    (folder / "tab1.md").write_text(markdown(cells), encoding="utf-8")
    cells.to_latex(folder / "tab1.tex", escape=True)


def draw(result: Result) -> Figure:
    """Draw the paper's correlations beside ours."""
    import seaborn as sns

    dataset = result.provenance["datasets"]["rated"]["dataset"]
    grids = {"Paper: PieAPP": grid(result.table, "paper"), f"Here: {dataset}": grid(result.table, "pearson")}
    figure, axes = plt.subplots(1, 2, sharey=True)
    for axis, (title, cells) in zip(axes, grids.items(), strict=True):
        last = axis is axes[-1]
        bar = {"label": "Pearson correlation", "aspect": 30}
        sns.heatmap(cells, vmin=0.4, vmax=1, cmap="cividis", annot=True, fmt=".3f", cbar=last, cbar_kws=bar, ax=axis)
        axis.set_title(title)
        axis.tick_params(length=0, rotation=0)
    return figure
