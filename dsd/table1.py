"""Table 1: how well each full-reference measure, at each layer, agrees with people."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from dsd import paper
from dsd.data import Photographs, find_folder
from dsd.data.distortions import write_distorted
from dsd.data.rated import RatedImages
from dsd.descriptor import ByLayerAndAlpha, grams
from dsd.figures import pretty
from dsd.frozen import Backbone
from dsd.gram import gram, l1_norm
from dsd.losses import pdl_of_sorted, perceptual, sorted_values


@dataclass(frozen=True)
class Described:
    """What all measures of Table 1 compare of one image, from one pass of the network per scale."""

    features: Mapping[str, Tensor]
    sorted_values: Mapping[str, Tensor]
    grams: ByLayerAndAlpha


def load(images: str, folder: Path, **options: Any) -> RatedImages:
    """Rated images: a CSV of ratings, a folder in PieAPP's layout, or photographs to distort by known amounts.

    Args:
        images: the CSV or folder, or its name under the data root; ``"embedded"`` for scikit-image's photographs.
        folder: where distorted copies of photographs are written.
        options: of :meth:`Photographs.from_folder`, for photographs.
    """
    if images.endswith(".csv"):
        return RatedImages.csv(images)
    if images != "embedded" and (find_folder(images) / "labels").is_dir():
        return RatedImages.pieapp(images)
    return write_distorted(Photographs.from_folder(images, **options), folder)


def describe(x: Tensor, backbone: Backbone) -> Described:
    """Features at full size, Gram matrices at scales 1, 2 and 4; x: (1, 3, H, W)."""
    features = backbone(x)
    full = {(layer, 1.0): gram(maps) for layer, maps in features.items()}
    in_order = {layer: sorted_values(maps) for layer, maps in features.items()}
    return Described(features, in_order, {**full, **grams(x, backbone, (2, 4))})


def compare(distorted: Described, reference: Described) -> dict[str, float]:
    """Every measure at every layer, ``"Style relu2_1"`` …: the larger, the more different."""
    values: dict[str, float] = {}
    for layer, maps in reference.features.items():
        step = {alpha: distorted.grams[layer, alpha] - reference.grams[layer, alpha] for alpha in (1, 2, 4)}
        found = {
            "Perceptual": perceptual(distorted.features[layer], maps),
            "PDL": pdl_of_sorted(
                distorted.sorted_values[layer], reference.sorted_values[layer], p=2
            ),  # as in the authors' tables
            "Style": l1_norm(step[1]),
            "MSS": l1_norm(step[1]) + l1_norm(step[2]),
            "DSD_2": l1_norm(step[1] - step[2]),  # Eq. 4, its four Gram matrices in another order
            "DSD_4": l1_norm(step[1] - step[4]),
        }
        values |= {f"{measure} {layer}": value.item() for measure, value in found.items()}
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
