"""Table 1 in print: the correlations of each set of images as Markdown and as LaTeX."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dsd import paper
from dsd.cite.latex import latex
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.markdown import markdown_table
from dsd.experiments.output import environment
from dsd.experiments.provenance import Result
from dsd.experiments.style import pretty
from dsd.quality.comparison import column

NETWORK_NAMES = {"alexnet": "AlexNet", "squeezenet": "SqueezeNet"}
SETS = {"live": "LIVE", "tid2013": "TID2013"}
REFERENCES, PAIRS = paper.FULL_REFERENCE["references"], paper.FULL_REFERENCE["pairs"]
PAPER = f"Paper: PieAPP ({REFERENCES} references, {PAIRS} pairs)"


def sets_of(result: Result) -> dict[str, str]:
    """The sets of images: {name: what it holds}."""
    sets = result.provenance["datasets"].values()
    return {(name := data["dataset"]): data["summary"].replace(name, set_name(name), 1) for data in sets}


def set_name(dataset: str) -> str:
    """A set's name as its authors write it."""
    return SETS.get(dataset, dataset)


def symbol(measure: str) -> str:
    """A measure's name with its index set low.

    Example:
        >>> symbol("DSD_2"), symbol("MSS")
        ('DSD$_2$', 'MSS')
    """
    return re.sub(r"_(\d)", r"$_\1$", measure)


def correlations_of(result: Result, dataset: str) -> pd.DataFrame:
    """The correlations of the paper's measures on one set of images, with the first padding, in the paper's order."""
    rows = result.table[(result.table.kind == "correlation") & (result.table.dataset == dataset)]
    rows = rows[rows.measure.isin(list(paper.TABLE1))]
    learned = rows.measure == "LPIPS"  # its networks have their own padding
    rows = rows[learned | (rows.padding == rows.padding[~learned].iloc[0])]
    place = rows.measure.map(list(paper.TABLE1).index)
    return rows.iloc[np.lexsort((rows.layer, place))]


def of_paper(rows: pd.DataFrame) -> pd.DataFrame:
    """The paper's correlations in place of ours; it has no intervals."""
    return rows.assign(pearson=rows.paper, pearson_low=np.nan, pearson_high=np.nan)


def deepest(rows: pd.DataFrame) -> str:
    """The deepest layer of some rows of :func:`correlations_of`."""
    return rows.layer[rows.measure != "LPIPS"].iloc[-1]


def ranks(rows: pd.DataFrame) -> pd.Series:
    """1 for the highest correlation, 2 for the next; those that are printed alike share a rank."""
    return rows.pearson.round(3).rank(ascending=False, method="min")


def printed(rows: pd.DataFrame) -> pd.DataFrame:
    """Measures × layers as text: ours with its interval, the paper's value in parentheses.

    Args:
        rows: as from :func:`correlations_of`.
    """

    def cell(row: Mapping[str, Any]) -> str:
        text = f"{row['pearson']:.3f} [{row['pearson_low']:.2f}, {row['pearson_high']:.2f}]"
        return text + ("" if pd.isna(row["paper"]) else f" ({row['paper']:.3f})")

    return _arranged(rows, cell)


def _arranged(rows: pd.DataFrame, cell: Callable[[Mapping[str, Any]], str]) -> pd.DataFrame:
    """Measures × layers; LPIPS, which is of a whole network, below the deepest layer."""
    last = deepest(rows)
    cells: dict[str, dict[str, str]] = {}
    for row in rows.to_dict("records"):
        name, layer = row["measure"], row["layer"]
        if name == "LPIPS":
            name, layer = f"LPIPS, whole {NETWORK_NAMES[layer]}", last
        cells.setdefault(name, {})[pretty(layer)] = cell({str(key): value for key, value in row.items()})
    return pd.DataFrame.from_dict(cells, orient="index").fillna("")


def markdown(cells: pd.DataFrame) -> str:
    """Measures × layers as Markdown."""
    return markdown_table(["Measure", *cells.columns], cells.itertuples())


def tabular(rows: pd.DataFrame, title: str) -> str:
    """Correlations and their intervals as LaTeX; the three highest are bold. Four layers are 5.5 in wide.

    Args:
        rows: as from :func:`correlations_of` or :func:`of_paper`.
        title: of the whole.
    """

    def cell(row: Mapping[str, Any]) -> str:
        number, low, high = (row[f"pearson{end}"] for end in ("", "_low", "_high"))
        text = f"\\textbf{{{short(number)}}}" if row["rank"] <= 3 else short(number)
        return text if pd.isna(low) else f"{text} {{\\scriptsize [{short(low, 2)}, {short(high, 2)}]}}"

    cells = _arranged(rows.assign(rank=ranks(rows)).dropna(subset="pearson"), cell)
    lines = [["Measure", *map(latex, cells.columns)]]
    lines += [[latex(symbol(str(name))), *row] for name, row in zip(cells.index, cells.to_numpy(), strict=True)]
    head, *body = (f"{' & '.join(line)} \\\\" for line in lines)
    columns = len(cells.columns)
    return "\n".join(
        [
            f"\\begin{{tabular}}{{@{{}}p{{1.35in}}*{{{columns}}}{{p{{0.9in}}}}@{{}}}}",
            f"\\multicolumn{{{1 + columns}}}{{@{{}}l}}{{{latex(title)}}} \\\\",
            *("\\toprule", head, "\\midrule", *body, "\\bottomrule"),
            "\\end{tabular}",
        ]
    )


def short(number: float, digits: int = 3) -> str:
    """A correlation without the zero that says nothing.

    Example:
        >>> short(0.5), short(-0.25, 2), short(0.9999)
        ('.500', '-.25', '1.000')
    """
    return f"{number:.{digits}f}".replace("0.", ".", 1)


def write_tables(result: Result, out_dir: str | Path) -> None:
    """Write a printed table for each set as tab1.md and tab1.tex; `out_dir`: as for :func:`.load_or_compute`."""
    sets = {summary: correlations_of(result, name) for name, summary in sets_of(result).items()}
    markdowns = [f"{summary}:\n\n{markdown(printed(rows))}" for summary, rows in sets.items()]
    parts = {PAPER: of_paper(next(iter(sets.values()))), **sets}
    tabulars = "\n\n\\medskip\n".join(tabular(rows, title) for title, rows in parts.items())
    caption = (
        "Pearson correlation of each measure, at each layer, with human preference. In brackets: 95% bootstrap "
        "intervals over references and images; of one reference, over its images only. Bold: the three highest of each "
        "part. LPIPS is of a whole network."
    )
    texts = {
        "md": "\n".join(markdowns),
        "tex": environment(
            "table", "tab1", f"\\footnotesize\\setlength{{\\tabcolsep}}{{4pt}}\n{tabulars}", caption, result
        ),
    }
    for suffix, text in texts.items():
        (REPOSITORY / out_dir / f"tab1.{suffix}").write_text(text, encoding="utf-8")


def differences(result: Result) -> pd.DataFrame:
    """Differences of correlations at the deepest layer, with intervals; "all": what one more reference has."""
    table = result.table
    own = correlations_of(result, next(iter(sets_of(result))))
    layer, padding = deepest(own), own.padding.iloc[0]
    rows = table[table.kind.isin(["difference", "next reference"])]
    minus = pd.DataFrame(map(column, rows.minus), index=rows.index)
    here, there = ((at.layer == layer) & (at.padding == padding) for at in (rows, minus))
    name = rows.measure.where(rows.measure != "LPIPS", rows.measure + " " + rows.layer)
    rows = rows.assign(difference=name + " − " + minus.measure)[(here | (rows.measure == "LPIPS")) & there]
    ends = ["pearson", "pearson_low", "pearson_high", "pearson_lowest", "pearson_highest"]
    return rows.set_index(["difference", "dataset"])[ends].sort_index()
