"""Every number that the paper prints, one by one, beside ours with its interval."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dsd import paper
from dsd.experiments.fig3_extremes import of_panel
from dsd.experiments.provenance import Result
from dsd.experiments.style import pretty
from dsd.experiments.tab1_tables import correlations_of, set_name, sets_of, short
from dsd.experiments.tab3_tables import AUTHORS, digits, first_set, rows_of
from dsd.experiments.verdict import OTHER_DATA, Verdict, judge, judge_numbers, origin_of
from dsd.experiments.verdicts import found
from dsd.experiments.verdicts_figures import CLASSES, figure6
from dsd.experiments.verdicts_tables import CLOSE, SHORT, table2, why_of


def printed_numbers(folder: Path) -> list[Verdict]:
    """A row for each number, or for the three numbers of a cell of Table 3.

    Args:
        folder: of the figures' files; what is not there was not run.
    """
    of = {"fig3": _classes, "fig6": figure6, "tab1": _table1, "tab2": table2, "tab3": _table3}
    results = {name: found(name, folder) for name in of}
    rows = [row for name, numbers in of.items() for row in judge(numbers(results[name]), results[name])]
    return [row for row in rows if row.paper != "–" and " − " not in row.says]  # differences are no printed numbers


def _classes(result: Result | None) -> Iterator[Verdict]:
    """Mean and standard deviation of ‖DSD_2‖ over a class of ImageNet's validation set."""
    for wnid, values in paper.CLASS_STATISTICS.items():
        says = f"‖DSD_2‖ of ImageNet's class {CLASSES[wnid]}, mean ± standard deviation, ×10⁻³"
        number = f"{1e3 * values['mean']:.1f} ± {1e3 * values['std']:.2g}"
        rows = None if result is None else of_panel(result.table, "classes")
        rows = None if rows is None else rows[rows.group == wnid]
        if result is None or rows is None or rows.empty:
            yield Verdict("Sec. 3.3", says, number, why="needs ImageNet's validation set")
            continue
        norm, origin = rows[result.parameters["backbone"]], origin_of(result)
        error = 1.96 * norm.sem()
        here = (
            f"{1e3 * norm.mean():.1f} [{1e3 * (norm.mean() - error):.1f}, {1e3 * (norm.mean() + error):.1f}] ± "
            f"{1e3 * norm.std():.2g}, {len(norm)} images"
        )
        verdict = judge_numbers([(norm.mean(), values["mean"]), (norm.std(), values["std"])], origin, 0.05e-3)
        yield Verdict("Sec. 3.3", says, number, here, **origin, verdict=verdict, why="to the printed digits")


def _table1(result: Result | None) -> Iterator[Verdict]:
    """Each measure at each layer."""
    sets = {} if result is None else {name: correlations_of(result, name) for name in sets_of(result)}
    for measure, layers in paper.TABLE1.items():
        for layer, value in layers.items():
            says = measure if measure == "LPIPS" else f"{measure} at {pretty(layer)}"
            cells = {
                set_name(name): rows[(rows.measure == measure) & (rows.layer == layer)] for name, rows in sets.items()
            }
            own = {name: rows.to_dict("records")[0] for name, rows in cells.items() if not rows.empty}
            if result is None or not own:
                yield Verdict("Tab. 1", says, short(value))
                continue
            here = "; ".join(f"{name} {_correlation(row)}" for name, row in own.items())
            origin = origin_of(result)
            verdict = judge_numbers([(row["pearson"], value) for row in own.values()], origin, CLOSE)
            yield Verdict("Tab. 1", says, short(value), here, **origin, verdict=verdict, why=why_of(verdict))


def _correlation(row: Mapping[Any, Any]) -> str:
    low, high = (short(row[f"pearson_{end}"], 2) for end in ("low", "high"))
    return f"{short(row['pearson'])} [{low}, {high}]".replace("-", "−")


def _table3(result: Result | None) -> Iterator[Verdict]:
    """PSNR / LPIPS / NIQE of each loss at each layer."""
    name = "" if result is None else first_set(result)
    keys = ["name", "layer", "statistic"]
    own: dict[Any, Any] = {} if result is None else rows_of(result, "loss", name).set_index(keys).to_dict("index")
    for loss, layers in paper.TABLE3.items():
        for layer, values in layers.items():
            says = f"×4 super-resolution with {loss} at {pretty(layer)}: PSNR / LPIPS / NIQE"
            number = " / ".join(digits(measure, value) for measure, value in zip(AUTHORS, values, strict=True))
            if result is None or (loss, layer, "mean") not in own:
                yield Verdict("Tab. 3", says, number)
                continue
            mean, low, high = (own[loss, layer, end] for end in ("mean", "low", "high"))
            here = " / ".join(
                f"{digits(measure, mean[measure])} [{digits(measure, low[measure])}, {digits(measure, high[measure])}]"
                for measure in AUTHORS
            )
            origin = origin_of(result)
            yield Verdict("Tab. 3", says, number, f"{name} {here}", **origin, verdict=OTHER_DATA, why=SHORT)
