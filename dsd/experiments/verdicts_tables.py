"""The README's rows of Tables 1 and 2."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from dsd import paper
from dsd.experiments.provenance import Result
from dsd.experiments.style import pretty
from dsd.experiments.tab1_tables import correlations_of, set_name, sets_of, short
from dsd.experiments.tab2_tables import printed
from dsd.experiments.verdict import DIRECTION, NOT, OTHER_DATA, UNDECIDED, Verdict, origin_of

COMPARED = (  # in Table 1
    (("DSD_2", "relu5_1"), ("DSD_2", "relu2_1")),
    (("DSD_2", "relu5_1"), ("LPIPS", "alexnet")),
    (("DSD_2", "relu5_1"), ("Perceptual", "relu5_1")),
    (("DSD_2", "relu5_1"), ("Style", "relu5_1")),
    (("DSD_2", "relu4_1"), ("Perceptual", "relu4_1")),
    (("DSD_2", "relu4_1"), ("MSS", "relu4_1")),
)


def table1(result: Result) -> Iterator[Verdict]:
    """The measures' correlations, the highest one, and differences that the text claims."""
    table, origin = result.table, origin_of(result)
    sets = {name: correlations_of(result, name) for name in sets_of(result)}
    layers = " / ".join(pretty(layer).removeprefix("ReLU") for layer in paper.FULL_REFERENCE["layers"])
    for measure, values_there in paper.TABLE1.items():
        own = {name: rows[rows.measure == measure].set_index("layer").pearson for name, rows in sets.items()}
        here = "; ".join(f"{set_name(name)} {_numbers(values[list(values_there)])}" for name, values in own.items())
        of = f"{measure}, ReLU {layers}" if len(values_there) > 1 else measure
        yield Verdict("Tab. 1", of, _numbers(pd.Series(values_there)), here, **origin, verdict=OTHER_DATA)
    theirs = _highest(next(iter(sets.values())), "paper")
    ours = {name: _highest(rows, "pearson") for name, rows in sets.items()}
    here = "; ".join(f"{set_name(name)} {_cell(row, 'pearson')}" for name, row in ours.items())
    same = [all(row[key] == theirs[key] for row in ours.values()) for key in ("measure", "layer")]
    verdict = DIRECTION if all(same) else "same measure, other layer" if same[0] else NOT
    number = _cell(theirs, "paper")
    yield Verdict("Tab. 1", "the highest correlation", number, here, **origin, verdict=verdict)
    paddings = next(iter(sets.values())).drop_duplicates("measure").set_index("measure").padding
    further = table[table.kind == "next reference"]
    names = zip(further.measure + " " + further.layer + " " + further.padding, further.minus, strict=True)
    bounds = further[["pearson", "pearson_low", "pearson_high"]].to_numpy().tolist()
    differences = dict(zip(names, bounds, strict=True))
    for one, other in COMPARED:
        gap = paper.TABLE1[one[0]][one[1]] - paper.TABLE1[other[0]][other[1]]
        keys = [f"{measure} {layer} {paddings[measure]}" for measure, layer in (one, other)]
        says = " − ".join(f"{measure} at {pretty(layer)}" for measure, layer in (one, other))
        says = says.replace("LPIPS at alexnet", "LPIPS (AlexNet)")
        yield _compared("Tab. 1", says, gap, _difference(differences, *keys), origin)


def table2(result: Result) -> Iterator[Verdict]:
    """The measures' correlations, and how far DSD_4 is ahead of others."""
    origin, cells = origin_of(result), printed(result)
    for measure, (number, *own) in zip(cells.index, cells.itertuples(index=False), strict=True):
        here = "; ".join(f"{name} {cell}" for name, cell in zip(cells.columns[1:], own, strict=True))
        says = f"{measure}, without a reference"
        if measure == "Ma":
            yield Verdict("Tab. 2", f"{says} (a cited value)", number)
        elif measure in paper.TABLE2:
            yield Verdict("Tab. 2", says, number, here, **origin, verdict=OTHER_DATA)
    rows = result.table[result.table.kind == "next reference"]
    names = zip(rows.measure, rows.minus.str.rsplit(n=1).str[0], strict=True)
    bounds = dict(zip(names, rows[["pearson", "pearson_low", "pearson_high"]].to_numpy().tolist(), strict=True))
    for one, other in (("DSD_4", "DSD_2"), ("DSD_4", "NIQE")):
        number = paper.TABLE2[one] - paper.TABLE2[other]
        yield _compared(
            "Tab. 2", f"{one} − {other}, without a reference", number, _difference(bounds, one, other), origin
        )


def _compared(item: str, says: str, gap: float, bounds: Sequence[float], origin: Mapping[str, str]) -> Verdict:
    """A difference of correlations: the paper's, ours, and whether one more reference leaves it its sign."""
    middle, low, high = bounds
    verdict = UNDECIDED if low < 0 < high else DIRECTION if low * gap > 0 else NOT
    number, here = (text.replace("-", "−") for text in (f"{gap:+.2f}", f"{middle:+.2f} [{low:+.2f}, {high:+.2f}]"))
    return Verdict(item, says, number, here, **origin, verdict=verdict)


def _highest(rows: pd.DataFrame, column: str) -> dict[Hashable, Any]:
    """The row of the highest correlation."""
    return rows.nlargest(1, column).to_dict("records")[0]


def _cell(row: Mapping[Hashable, Any], column: str) -> str:
    return f"{row['measure']} at {pretty(row['layer'])}, {short(row[column])}"


def _difference(differences: Mapping[tuple[str, str], list[float]], one: str, other: str) -> list[float]:
    """A difference of correlations and its bounds, whichever way round it was measured."""
    if (one, other) in differences:
        return differences[one, other]
    middle, low, high = differences[other, one]
    return [-middle, -high, -low]


def _numbers(values: pd.Series) -> str:
    return " / ".join(map(short, values))
