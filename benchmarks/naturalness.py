"""NIQE and BRISQUE at 512² and 4096²: images per second, peak memory, and against deepinv's NIQE where it is installed.

deepinv computes in float64, too, and gets the same parameters; values of both are in the table.

    python benchmarks/naturalness.py [--rounds 5]
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from _measure import peak_mib, print_peak, write
from torch import Tensor

from dsd.data.images import embedded_photographs, load_image
from dsd.quality.brisque import BRISQUE
from dsd.quality.niqe import NIQE

SIDES = (512, 4096)
MEASURES = ("NIQE", "BRISQUE", "NIQE, deepinv")


def make(measure: str) -> Callable[[Tensor], Tensor]:
    """A measure by its name in the table."""
    if measure != "NIQE, deepinv":
        return {"NIQE": NIQE, "BRISQUE": BRISQUE}[measure]()
    from deepinv.loss.metric import NIQE as THEIRS

    own = NIQE()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "niqe.pt"
        torch.save({"mu": own.mean, "cov": own.covariance}, path)
        theirs = THEIRS(path, round_tensor=True, dtype=torch.float64)
    return lambda x: theirs(x.double() * 255)


def photograph(side: int) -> Tensor:
    """An embedded photograph, enlarged where it must be, with a little noise: no area is constant."""
    x = F.interpolate(load_image(embedded_photographs()[4])[None], size=(side, side), mode="bicubic")
    torch.manual_seed(0)
    return (0.1 + 0.8 * x.clamp(0, 1) + 0.01 * torch.randn_like(x)).clamp(0, 1)


def measure_one_side(side: int, measures: list[str], rounds: int) -> list[dict[str, object]]:
    """A row for each measure; every round runs all of them in turn, after one of warm-up."""
    x, calls = photograph(side), {name: make(name) for name in measures}
    seconds: dict[str, list[float]] = {name: [] for name in measures}
    values: dict[str, float] = {}
    for number in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            values[name] = call(x).item()
            if number:
                seconds[name].append(time.perf_counter() - start)
    rows: list[dict[str, object]] = []
    for name in measures:
        ratios = [mine / other for mine, other in zip(seconds[name], seconds["NIQE"], strict=True)]
        row: dict[str, object] = {"side": side, "measure": name, "value": values[name]}
        row["images_per_s"] = 1 / statistics.median(seconds[name])
        row["time_over_NIQE"] = statistics.median(ratios)
        row["peak_MiB"] = peak_mib(__file__, "--peak-of", name, str(side))
        rows.append(row)
    return rows


def main() -> None:
    """Measure, print and write naturalness.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak-of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of:
        name, side = options.peak_of
        call, x = make(name), photograph(int(side))
        call(photograph(512))  # what libraries allocate once
        print_peak(lambda: call(x))
        return
    measures = list(MEASURES)
    if find_spec("deepinv") is None:
        print("deepinv is not installed (pip install deepinv, in an environment of its own): NIQE is not compared")
        measures.remove("NIQE, deepinv")
    write(__file__, [row for side in SIDES for row in measure_one_side(side, measures, options.rounds)])


if __name__ == "__main__":
    main()
