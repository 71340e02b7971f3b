"""Damaged files, senseless calls and kills at random times: what comes of each, counted.

python benchmarks/fuzz.py [images] [calls] [weights] [checkpoints] [scan] [score] [optimize] [--seed 0]
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from _fuzz import CRASHED, RESULTS, SILENT, Outcome
from _fuzz_calls import calls
from _fuzz_files import checkpoints, weights
from _fuzz_images import images
from _fuzz_kills import kill, optimise, scan, score
from _measure import write

# How often each is tried, and by what.
KINDS: dict[str, tuple[int, Callable[[int, int], list[Outcome]]]] = {
    "images": (1000, images),
    "calls": (1000, calls),
    "weights": (300, weights),
    "checkpoints": (100, checkpoints),
    "scan": (10, partial(kill, scan)),
    "score": (10, partial(kill, score)),
    "optimize": (10, partial(kill, optimise)),
}


def trials(kind: str, seed: int) -> tuple[list[Outcome], float, float]:
    """What came of a kind's trials, in how many seconds, and by how many MiB this process has grown at most."""
    torch.set_num_threads(2)
    before, start = _mib("VmRSS"), time.perf_counter()
    count, attempt = KINDS[kind]
    outcomes = attempt(count, seed)
    return outcomes, time.perf_counter() - start, _mib("VmHWM") - before


def _mib(field: str) -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[field].split()[0]) / 1024


def main() -> None:
    """Try, print what went wrong and a table, and write fuzz.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="kind", help=f"{', '.join(KINDS)} (all)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"unknown kind {', '.join(sorted(unknown))}; valid ones: {', '.join(KINDS)}")
    table = Path(__file__).with_suffix(".csv")
    earlier: list[dict[Any, Any]] = []
    if table.exists():  # of the other kinds
        earlier = pd.read_csv(table).drop(columns="machine").to_dict("records")
    rows: dict[str, dict[str, Any]] = {row["kind"]: row for row in earlier}
    for kind in options.kinds or KINDS:
        # A process of its own: one that dies is noticed, and memory is this kind's.
        with ProcessPoolExecutor(1, get_context("spawn")) as process:
            outcomes, seconds, peak = process.submit(trials, kind, options.seed).result()
        counts = Counter(outcome.result for outcome in outcomes)
        bad = Counter(outcome for outcome in outcomes if outcome.result in (SILENT, CRASHED))
        for outcome, times in bad.items():
            print(f"{kind}: {outcome.result}, {times} times: {outcome.what.splitlines()[0][:200]}")
        rows[kind] = {"kind": kind, "tried": len(outcomes), **{result: counts[result] for result in RESULTS}}
        rows[kind] |= {"seconds": seconds, "peak_MiB": peak}
    write(__file__, [rows[kind] for kind in KINDS if kind in rows])


if __name__ == "__main__":
    main()
