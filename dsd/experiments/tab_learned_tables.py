"""What tab-learned prints: agreement with people for each kind of weights, and differences."""

from pathlib import Path

import pandas as pd

from dsd.cite.latex import latex
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.fig_networks import NAMES as NETWORKS
from dsd.experiments.markdown import markdown_table, with_interval
from dsd.experiments.output import environment
from dsd.experiments.provenance import Result
from dsd.experiments.tab1_tables import set_name
from dsd.learned.held_out import COMPARED, MORE

STATISTICS = {"pearson": "Pearson correlation", "agreement": "Share of pairs"}
KINDS = {
    "published": "as published",
    "uniform": "all weights 1",
    "balanced": "layers equal",
    "layers": "learned, by layer",
    "channels": "learned, by channel",
    "shuffled": "learned from shuffled answers",
}
NAMES = {"lpips": "LPIPS", "dsd": "DSD", MORE: "DSD less LPIPS"}


def values_of(result: Result, statistic: str, minus: str = "") -> pd.DataFrame:
    """Rows of one statistic; with `minus`, differences from it."""
    table = result.table.fillna({"minus": ""})
    return table[(table.kind == statistic) & (table.minus == minus)]


def label(measure: str, network: str) -> str:
    """What a row is called.

    Example:
        >>> label("lpips", "alexnet"), label("dsd", "vgg19")
        ('LPIPS, AlexNet', 'DSD, VGG-19')
    """
    return f"{NAMES[measure]}, {NETWORKS.get(network, network)}"


def printed(result: Result, statistic: str = "pearson") -> pd.DataFrame:
    """Measures × kinds of weights as text, with 95 % intervals in brackets."""
    return _as_text(values_of(result, statistic).replace({"heads": KINDS}), list(KINDS.values()), "heads")


def differences(result: Result, statistic: str = "pearson") -> pd.DataFrame:
    """Learned by channel less each other kind of weights, and how much more that is for DSD than for LPIPS."""
    table = result.table.fillna({"minus": ""})
    rows = table[(table.kind == statistic) & (table.heads == "channels") & (table.minus != "")]
    columns = [f"less {KINDS[other]}" for kind, other in COMPARED if kind == "channels"]
    return _as_text(rows.assign(less="less " + rows.minus.map(KINDS)), columns, "less")


def _as_text(rows: pd.DataFrame, columns: list[str], by: str) -> pd.DataFrame:
    text = [with_interval(*row) for row in rows[["value", "low", "high"]].to_numpy(float)]
    names = [label(*place) for place in zip(rows.measure, rows.network, strict=True)]
    rows = rows.assign(text=text, name=names, dataset=rows.dataset.map(set_name))
    wide = rows.pivot(index=["dataset", "name"], columns=by, values="text")
    order = pd.MultiIndex.from_frame(rows[["dataset", "name"]].drop_duplicates())
    return wide.reindex(index=order, columns=columns).fillna("–")


def write_tables(result: Result, out_dir: str | Path) -> None:
    """Write :func:`printed` and :func:`differences` as tab-learned.md, the first of them as tab-learned.tex.

    Args:
        result: from :func:`.load_or_compute`.
        out_dir: as for :func:`.save_figure`.
    """
    texts = []
    for statistic, name in STATISTICS.items():
        tables = {name: printed(result, statistic), f"{name}: differences": differences(result, statistic)}
        for title, table in tables.items():
            names, *rows = _lines(table)
            texts.append(f"{title}:\n\n{markdown_table(names, rows)}")
    head, *body = (" & ".join(map(latex, line)) + " \\\\" for line in _lines(printed(result)))
    rules = [f"\\begin{{tabular}}{{@{{}}*{{{len(KINDS) + 2}}}{{l}}@{{}}}}", "\\toprule", head, "\\midrule", *body]
    tabular = "\\scriptsize\n" + "\n".join([*rules, "\\bottomrule", "\\end{tabular}"])
    about = (
        "Pearson correlation with human preference, by weights of channels. Learned weights are tested on a reference "
        "held out. In brackets: 95% bootstrap intervals over references and images."
    )
    folder = REPOSITORY / out_dir
    (folder / "tab-learned.md").write_text("\n".join(texts), encoding="utf-8")
    text = environment("table", "tab-learned", tabular, about, result)
    (folder / "tab-learned.tex").write_text(text, encoding="utf-8")


def _lines(table: pd.DataFrame) -> list[list[str]]:
    """The head, then the rows."""
    rows = zip(table.index, table.to_numpy(), strict=True)
    return [["Images", "Measure", *table.columns], *([*map(str, at), *cells] for at, cells in rows)]
