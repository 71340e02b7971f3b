"""The README's rows of the tables, and of Fig. 9, which has the networks of Table 3."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from dsd import paper
from dsd.experiments.fig9_points import TRUTH, points_of
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Result
from dsd.experiments.style import pretty
from dsd.experiments.tab1_tables import correlations_of, set_name, sets_of, short
from dsd.experiments.tab2_tables import OTHER_MODEL, TRAINED_ON, WHOLE, printed
from dsd.experiments.tab3_tables import AUTHORS, NOISE, WORDS, differences, digits, first_set, rows_of
from dsd.experiments.verdict import (
    DIRECTION,
    NOT,
    OTHER_DATA,
    OTHER_LAYER,
    UNDECIDED,
    Verdict,
    judge_numbers,
    origin_of,
)

AMONG_BEST = 3  # so many ranks
HIGHEST = "the highest correlation"
OTHER_RATINGS = "images and ratings of other sets than PieAPP"
Differences = Mapping[str, Mapping[tuple[str, str], Sequence[float]]]
NEXT = "all"  # sets together: what is expected of one more reference
ENDS = ("pearson", "pearson_low", "pearson_high")
CLOSE = 0.02  # correlations are the same number: the paper's images come with random noise
SHORT = "short trainings, other photographs"
COMPARED = (  # in Table 1
    (("DSD_2", "relu5_1"), ("DSD_2", "relu2_1")),
    (("DSD_2", "relu5_1"), ("LPIPS", "alexnet")),
    (("DSD_2", "relu5_1"), ("Perceptual", "relu5_1")),
    (("DSD_2", "relu5_1"), ("Style", "relu5_1")),
    (("DSD_2", "relu4_1"), ("Perceptual", "relu4_1")),
    (("DSD_2", "relu4_1"), ("MSS", "relu4_1")),
    (("DSD_2", "relu5_1"), ("MSS", "relu5_1")),
)


def table1(result: Result | None) -> Iterator[Verdict]:
    """The measures' correlations, the highest one, and differences that the text claims.

    Args:
        result: None where there is none yet.
    """
    if result is None:
        yield from _table1_alone()
        return
    origin = origin_of(result)
    sets = {name: correlations_of(result, name) for name in sets_of(result)}
    for measure, values_there in paper.TABLE1.items():
        own = {name: rows[rows.measure == measure].set_index("layer").pearson for name, rows in sets.items()}
        here = "; ".join(
            f"{set_name(name)} {_numbers(values.reindex(list(values_there)))}" for name, values in own.items()
        )
        pairs = [
            (float(values.get(layer, np.nan)), value)
            for values in own.values()
            for layer, value in values_there.items()
        ]
        verdict = judge_numbers(pairs, origin, CLOSE)
        number, why = _numbers(pd.Series(values_there)), why_of(verdict)
        yield Verdict("Tab. 1", _of(measure), number, here, **origin, verdict=verdict, why=why)
    theirs = _highest(next(iter(sets.values())), "paper")
    ours = {name: _highest(rows, "pearson") for name, rows in sets.items()}
    here = "; ".join(f"{set_name(name)} {_cell(row, 'pearson')}" for name, row in ours.items())
    same = [all(row[key] == theirs[key] for row in ours.values()) for key in ("measure", "layer")]
    verdict = DIRECTION if all(same) else OTHER_LAYER if same[0] else NOT
    yield Verdict(
        "Tab. 1",
        HIGHEST,
        _cell(theirs, "paper"),
        here,
        **origin,
        verdict=verdict,
        why="our criterion: the same cell on every set of images",
    )
    paddings = next(iter(sets.values())).drop_duplicates("measure").set_index("measure").padding
    rows = result.table.assign(name=result.table.measure + " " + result.table.layer + " " + result.table.padding)
    measured = measured_differences(rows)
    for one, other in COMPARED:
        gap = paper.TABLE1[one[0]][one[1]] - paper.TABLE1[other[0]][other[1]]
        keys = [f"{measure} {layer} {paddings.get(measure, '')}" for measure, layer in (one, other)]
        yield _compared("Tab. 1", _minus(one, other), gap, measured, keys, origin)


def _table1_alone() -> Iterator[Verdict]:
    """What the paper prints, with nothing beside it."""
    for measure, values in paper.TABLE1.items():
        yield Verdict("Tab. 1", _of(measure), _numbers(pd.Series(values)))
    cells = [(value, measure, layer) for measure, values in paper.TABLE1.items() for layer, value in values.items()]
    value, measure, layer = max(cells)
    yield Verdict("Tab. 1", HIGHEST, f"{measure} at {pretty(layer)}, {short(value)}")
    for one, other in COMPARED:
        gap = paper.TABLE1[one[0]][one[1]] - paper.TABLE1[other[0]][other[1]]
        yield _compared("Tab. 1", _minus(one, other), gap)


def measured_differences(table: pd.DataFrame) -> Differences:
    """Differences of two columns' correlations: of each set, and, where there are several, on one more reference.

    Args:
        table: of Table 1 or 2; `name` and `minus` are the columns' names.

    Returns:
        {set: {(one, other): [value, low, high]}}; the set `NEXT` is one more reference.
    """
    rows = table[table.kind.isin(["difference", "next reference"])]
    return {
        str(dataset): {(row["name"], row["minus"]): [row[end] for end in ENDS] for row in own.to_dict("records")}
        for dataset, own in rows.groupby("dataset", sort=False)
    }


def table2(result: Result | None) -> Iterator[Verdict]:
    """The measures' correlations, and how far DSD_4 is ahead of others; `result`: None where there is none yet."""
    cells = None if result is None else printed(result)
    origin = {} if result is None else origin_of(result)
    for measure, value in paper.TABLE2.items():
        number = short(value) + (" (another model)" if measure in OTHER_MODEL else "")
        says = f"{measure}, without a reference"
        if measure == "Ma":
            yield Verdict("Tab. 2", f"{says} (a cited value)", number, why="its code and model are not here")
        elif result is None or cells is None or measure not in cells.index:
            yield Verdict("Tab. 2", says, number)
        else:
            here = "; ".join(f"{name} {cells[name][measure]}" for name in cells.columns[1:]).replace("-", "−")
            whole = result.table[(result.table.kind == "correlation") & result.table.place.isin(WHOLE)]
            own = whole.pearson[whole.measure == measure].tolist()
            verdict = judge_numbers([(correlation, value) for correlation in own], origin, CLOSE)
            if measure in OTHER_MODEL:
                verdict = OTHER_DATA
            yield Verdict("Tab. 2", says, number, here, **origin, verdict=verdict, why=why_of(verdict))
    measured: Differences = {}
    if result is not None:
        minus = result.table.minus.str.rsplit(n=1).str[0]
        measured = measured_differences(result.table.assign(name=result.table.measure, minus=minus))
    for other in ("DSD_2", "NIQE", "Ma", "BRISQUE"):
        gap, says = paper.TABLE2["DSD_4"] - paper.TABLE2[other], f"DSD_4 − {other}, without a reference"
        known = {name for measure, name in TRAINED_ON if measure == other}  # no test, nor is a mean with it
        fair = {name: own for name, own in measured.items() if not known or name not in known | {NEXT}}
        row = _compared("Tab. 2", says, gap, fair, ("DSD_4", other), origin)
        yield replace(row, why=row.why or "Ma's code and model are not here") if other == "Ma" else row


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
    yield Verdict("Tab. 3", says, number, f"{name} {here}", **origin, verdict=OTHER_DATA, why=SHORT)
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
        yield Verdict("Tab. 3", says, f"rank {rank} of {len(paper.TABLE3)}", here, **origin, verdict=verdict, why=SHORT)
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
        f"NIQE {with_interval(row['niqe'], row['niqe_low'], row['niqe_high'])}, rank {1 + len(lower)} of "
        f"{rows.index.nunique()}{which}; SSIM {row['ssim']:.3f}; {'' if row['on_front'] else 'not '}on the front"
    )
    verdict = DIRECTION if len(lower) < AMONG_BEST else NOT
    why = f"our criterion: one of the {AMONG_BEST} lowest; short trainings"
    yield Verdict("Fig. 9", says, "–", here, **origin_of(result), verdict=verdict, why=why)


def _from_style(
    measure: str, gap: float, noise: float, row: Mapping[Hashable, Any], origin: Mapping[str, str]
) -> Verdict:
    """DSD − Style: the paper's difference beside the noise of its trainings, ours beside that of images and seeds."""
    places = 3 if measure == "LPIPS" else 2
    spread = "one seed" if pd.isna(row["seed std"]) else f"± {row['seed std']:.{places}f} over {row['seeds']} seeds"
    here = f"{with_interval(row['mean'], row['low'], row['high'], form=f'+.{places}f')}, {spread}"
    number = f"{gap:+.{places}f} (Style − MSS: up to {noise:.{places}f})"
    same = DIRECTION if gap * row["mean"] > 0 else NOT
    verdict = same if row["beyond"] == "images and seeds" else UNDECIDED
    number, here = (text.replace("-", "−") for text in (number, here))
    why = f"beyond the noise of images and of seeds; {SHORT}"
    if abs(gap) <= noise:
        verdict, why = UNDECIDED, "the paper's own difference is within the noise of its trainings"
    return Verdict("Tab. 3", f"{measure}: DSD − Style at ReLU2_2", number, here, **origin, verdict=verdict, why=why)


def _compared(
    item: str,
    says: str,
    gap: float,
    measured: Differences | None = None,
    names: Sequence[str] = (),
    origin: Mapping[str, str] | None = None,
) -> Verdict:
    """A difference of correlations: the paper's; ours, for one more reference and on each set.

    The paper's sign holds where it would on one more reference. It does not where it would not, or where it does not on
    any set, of at least two.
    """
    number = _signed([gap])
    found = {name: ends for name, own in (measured or {}).items() if (ends := _difference(own, *names))}
    if not found:
        return Verdict(item, says, number)
    signs = {name: np.sign(gap) * _sign(ends) for name, ends in found.items()}
    sets = [sign for name, sign in signs.items() if name != NEXT]
    verdict = UNDECIDED
    if signs.get(NEXT) == 1:
        verdict = DIRECTION
    elif signs.get(NEXT) == -1 or (len(sets) > 1 and set(sets) == {-1}):
        verdict = NOT
    order = sorted(found, key=lambda name: name != NEXT)
    here = "; ".join(
        f"{'one more reference' if name == NEXT else set_name(name)} {_signed(found[name])}" for name in order
    )
    why = (
        "plain Pearson; it holds if one more reference would have the sign, it fails if no set has it"
        if NEXT in found
        else "one set decides nothing"
    )
    return Verdict(item, says, number, here, **origin or {}, verdict=verdict, why=why)


def _signed(ends: Sequence[float]) -> str:
    """A difference, and its interval where there is one."""
    middle, *interval = (f"{end:+.2f}".replace("-", "−") for end in ends)
    return f"{middle} [{', '.join(interval)}]" if interval else middle


def _sign(ends: Sequence[float]) -> int:
    """Of a difference; 0 where its interval includes 0."""
    _, low, high = ends
    return (low > 0) - (high < 0)


def why_of(verdict: str) -> str:
    """What decides about a correlation."""
    return OTHER_RATINGS if verdict == OTHER_DATA else f"our criterion: at most {CLOSE} apart"


def _of(measure: str) -> str:
    """A row of Table 1."""
    layers = " / ".join(pretty(layer).removeprefix("ReLU") for layer in paper.FULL_REFERENCE["layers"])
    return f"{measure}, ReLU {layers}" if len(paper.TABLE1[measure]) > 1 else measure


def _minus(one: tuple[str, str], other: tuple[str, str]) -> str:
    """A difference of two cells of Table 1."""
    says = " − ".join(f"{measure} at {pretty(layer)}" for measure, layer in (one, other))
    return says.replace("LPIPS at alexnet", "LPIPS (AlexNet)")


def _highest(rows: pd.DataFrame, column: str) -> dict[Hashable, Any]:
    """The row of the highest correlation."""
    return rows.nlargest(1, column).to_dict("records")[0]


def _cell(row: Mapping[Hashable, Any], column: str) -> str:
    return f"{row['measure']} at {pretty(row['layer'])}, {short(row[column])}"


def _difference(differences: Mapping[tuple[str, str], Sequence[float]], one: str, other: str) -> Sequence[float] | None:
    """A difference of correlations and its bounds, whichever way round it was measured; None: it was not."""
    if (one, other) in differences:
        return differences[one, other]
    if (other, one) not in differences:
        return None
    middle, low, high = differences[other, one]
    return [-middle, -high, -low]


def _numbers(values: pd.Series) -> str:
    return " / ".join("–" if pd.isna(value) else short(value).replace("-", "−") for value in values)
