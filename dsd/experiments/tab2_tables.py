"""Table 2 in print: correlations by measure and set of images, as Markdown and as LaTeX."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from dsd import paper
from dsd.cite.latex import latex
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.markdown import markdown_table
from dsd.experiments.output import environment
from dsd.experiments.provenance import Result
from dsd.experiments.style import pretty
from dsd.experiments.tab1_tables import set_name, short, symbol
from dsd.noref.q_dsd import QDSD
from dsd.noref.regressor import LAYERS

WHOLE = ("sum", "image")  # places that are no single layer
TRAINED_ON = {("BRISQUE", "live")}  # its value there is no test
OTHER_MODEL = ("NIQE", "BRISQUE")  # the paper's values are of MATLAB's own


def measures_of(result: Result) -> list[str]:
    """The measures, the paper's first and in its order."""
    ours = correlations_of(result, next(iter(result.provenance["datasets"]))).measure
    return [*paper.TABLE2, *(name for name in ours if name not in paper.TABLE2)]


def correlations_of(result: Result, dataset: str) -> pd.DataFrame:
    """The correlations of whole measures on one set of images."""
    table = result.table
    return table[(table.kind == "correlation") & (table.dataset == dataset) & table.place.isin(WHOLE)]


def printed(result: Result) -> pd.DataFrame:
    """Measures × sets of images as text: the paper's value, then ours with its interval."""
    names = measures_of(result)
    columns = {"Paper: PieAPP": {name: short(value) for name, value in paper.TABLE2.items()}}
    for name in OTHER_MODEL:
        columns["Paper: PieAPP"][name] += " (another model)"
    for dataset in result.provenance["datasets"]:
        cells = columns[set_name(dataset)] = {}
        for row in correlations_of(result, dataset).to_dict("records"):
            numbers = short(row["pearson"]), short(row["pearson_low"], 2), short(row["pearson_high"], 2)
            text = "{} [{}, {}]".format(*numbers)
            cells[row["measure"]] = f"{text}, no test" if (row["measure"], dataset) in TRAINED_ON else text
    return pd.DataFrame(columns, index=names).fillna("–")


def by_layer(result: Result) -> pd.DataFrame:
    """Pearson correlations of Q_DSD at each layer alone, and of its sum; a column for each set of images."""
    table = result.table[(result.table.kind == "correlation") & (result.table.place != "image")]
    table = table.assign(dataset=table.dataset.map(set_name), place=table.place.map(pretty))
    return table.pivot(index=["measure", "place"], columns="dataset", values="pearson")


def differences(result: Result) -> pd.DataFrame:
    """Differences of two measures' correlations by set of images; "all": what one more reference has."""
    rows = result.table[result.table.kind.isin(["difference", "next reference"])]
    names = rows.measure + " − " + rows.minus.str.rsplit(n=1).str[0]
    rows = rows.assign(difference=names, dataset=rows.dataset.map(set_name))
    return rows.set_index(["difference", "dataset"])[["pearson", "pearson_low", "pearson_high"]].sort_index()


@torch.inference_mode()
def one_by_one(measure: QDSD, images: Mapping[str, Tensor]) -> pd.DataFrame:
    """What ψ expects of each image (3, H, W), ‖DSD‖, and their distance, by layer and summed."""
    columns = {}
    for name, x in images.items():
        expectation = measure.expectation(x[None].to(measure.backbone.device))
        distances = [*expectation.q_dsd[0].tolist(), expectation.q_dsd.sum().item()]
        columns[name, "expected"] = [*expectation.predicted[0].tolist(), expectation.predicted.sum().item()]
        columns[name, "‖DSD‖"] = [*expectation.norms[0].tolist(), expectation.norms.sum().item()]
        columns[name, "distance"] = distances
    return pd.DataFrame(columns, index=[*map(pretty, LAYERS), "sum"])


def write_tables(result: Result, out_dir: str | Path) -> None:
    """Write the printed table as tab2.md and tab2.tex; `out_dir`: as for :func:`.load_or_compute`."""
    cells = printed(result)
    head = ["Measure", *cells.columns]
    caption = (
        "Pearson correlation with human preference of measures without a reference. In brackets: 95% bootstrap "
        "intervals over references and images; of one reference, over its images only."
    )
    lines = [[latex(symbol(row[0])), *map(latex, row[1:])] for row in cells.itertuples()]
    rows = [" & ".join(line) + r" \\" for line in lines]
    columns = "l" * len(head)
    tabular = [
        f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        "\\toprule",
        " & ".join(map(latex, head)) + r" \\",
        "\\midrule",
    ]
    tabular += [*rows, "\\bottomrule", "\\end{tabular}"]
    texts = {
        "md": markdown_table(head, cells.itertuples()),
        "tex": environment("table", "tab2", "\\footnotesize\n" + "\n".join(tabular), caption, result),
    }
    for suffix, text in texts.items():
        (REPOSITORY / out_dir / f"tab2.{suffix}").write_text(text, encoding="utf-8")
