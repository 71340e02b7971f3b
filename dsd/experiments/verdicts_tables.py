"""The README's rows of the tables, and of Fig. 9, which has the networks of Table 3."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from dsd import paper
from dsd.experiments.fig9_points import TRUTH, points_of
from dsd.experiments.provenance import Result
from dsd.experiments.style import pretty
from dsd.experiments.tab1_tables import correlations_of, set_name, sets_of, short
from dsd.experiments.tab2_tables import printed
from dsd.experiments.tab3_tables import AUTHORS, NOISE, WORDS, differences, digits, first_set, rows_of
from dsd.experiments.verdict import DIRECTION, NOT, OTHER_DATA, UNDECIDED, Verdict, origin_of

AMONG_BEST = 3  # so many ranks
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


def table3(result: Result | None) -> Iterator[Verdict]:
    """DSD's numbers at ReLU2_2, whether it is among the best losses there, and how far it is from Style.

    Args:
        result: None where there is none yet.
    """
    layer, best = "relu2_2", paper.TABLE3["DSD"]["relu2_2"]
    says = "×4 super-resolution by loss; PSNR / LPIPS / NIQE of DSD at ReLU2_2"
    number = " / ".join(f"{value:g}" for value in best)
    own = None if result is None else rows_of(result, "loss", first_set(result))
    own = None if own is None else own[(own.statistic == "mean") & (own.layer == layer)].set_index("name")
    if result is None or own is None or "DSD" not in own.index:
        yield Verdict("Tab. 3", says, number)
        return
    origin, name = origin_of(result), first_set(result)
    here = " / ".join(digits(measure, float(own[measure]["DSD"])) for measure in AUTHORS)
    yield Verdict("Tab. 3", says, number, f"{name} {here}", **origin, verdict=OTHER_DATA)
    gaps = differences(result, name).reset_index()
    gaps = gaps[(gaps.layer == pretty(layer)) & gaps.difference.isin([f"DSD − {loss}" for loss in paper.TABLE3])]
    for k, measure in enumerate(WORDS):
        if measure == "PSNR":
            continue
        rank = 1 + sum(values[layer][k] < best[k] for values in paper.TABLE3.values())
        rows = gaps[gaps.measure == measure]
        lower, higher = (rows[rows.beyond.str.startswith("images") & (sign * rows["mean"] > 0)] for sign in (1, -1))
        here = f"of {len(rows)} losses {len(lower)} are lower and {len(higher)} higher, beyond the noise of images"
        verdict = NOT if len(lower) > 1 else DIRECTION if len(higher) else UNDECIDED
        says = f"DSD is among the best in {measure} at {pretty(layer)}"
        yield Verdict("Tab. 3", says, f"rank {rank} of {len(paper.TABLE3)}", here, **origin, verdict=verdict)
    for k, measure in enumerate(WORDS):
        for row in gaps[(gaps.measure == measure) & (gaps.difference == "DSD − Style")].to_dict("records"):
            yield _from_style(measure, best[k] - paper.TABLE3["Style"][layer][k], NOISE[k], row, origin)


def figure9(result: Result | None) -> Iterator[Verdict]:
    """Which rank DSD's best network has in NIQE, and whether it is on the front; `result`: None where there is none."""
    says = "DSD's super-resolution is among the best in NIQE, without a GAN"
    rows = None if result is None else points_of(result, "sr").set_index("name").drop(TRUTH)
    if result is None or rows is None or "DSD" not in rows.index:
        yield Verdict("Fig. 9", says, "–")
        return
    (row,) = rows[rows.index == "DSD"].nsmallest(1, "niqe").to_dict("records")
    lower = rows.index[(rows.niqe < row["niqe"]) & (rows.index != "DSD")].unique()
    which = f" (lower: {', '.join(map(str, lower))})" if len(lower) else ""
    here = (
        f"NIQE {row['niqe']:.2f} [{row['niqe_low']:.2f}, {row['niqe_high']:.2f}], rank {1 + len(lower)} of "
        f"{rows.index.nunique()}{which}; SSIM {row['ssim']:.3f}; {'' if row['on_front'] else 'not '}on the front"
    )
    verdict = DIRECTION if len(lower) < AMONG_BEST else NOT
    yield Verdict("Fig. 9", says, "–", here, **origin_of(result), verdict=verdict)


def _from_style(
    measure: str, gap: float, noise: float, row: Mapping[Hashable, Any], origin: Mapping[str, str]
) -> Verdict:
    """DSD − Style: the paper's difference beside the noise of its trainings, ours beside that of images and seeds."""
    places = 3 if measure == "LPIPS" else 2
    spread = "one seed" if pd.isna(row["seed std"]) else f"± {row['seed std']:.{places}f} over {row['seeds']} seeds"
    here = f"{row['mean']:+.{places}f} [{row['low']:+.{places}f}, {row['high']:+.{places}f}], {spread}"
    number = f"{gap:+.{places}f} (Style − MSS: up to {noise:.{places}f})"
    same = DIRECTION if gap * row["mean"] > 0 else NOT
    verdict = same if row["beyond"] == "images and seeds" else UNDECIDED
    number, here = (text.replace("-", "−") for text in (number, here))
    return Verdict("Tab. 3", f"{measure}: DSD − Style at ReLU2_2", number, here, **origin, verdict=verdict)


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
