"""`dsd score` on 200 pairs of 512²: images per second, and peak memory at 50 and at 200 pairs.

python benchmarks/score.py [--weights auto] [--pairs 200]
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
from _measure import peak_mib, print_peak_of_command, write

from dsd.data.images import save_image
from dsd.data.views import Photographs


def write_pairs(folder: Path, count: int) -> None:
    """Crops of the embedded photographs, and the same with noise."""
    views = Photographs.from_folder("embedded", resize=600, crop=512, count=count, crops=-(-count // 10))
    for name in ("reference", "distorted"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        x = views[index]
        save_image(x, folder / "reference" / f"{index:03}.png")
        noisy = (x + 0.05 * torch.randn_like(x)).clamp(0, 1)
        save_image(noisy, folder / "distorted" / f"{index:03}.png")


def main() -> None:
    """Measure, print and write score.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of:
        folder = options.peak_of
        command = ["score", "--reference", f"{folder}/reference", "--distorted", f"{folder}/distorted"]
        print_peak_of_command([*command, "--weights", options.weights])
        return
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as place:
        for count in (options.pairs // 4, options.pairs):
            folder = Path(place) / str(count)
            write_pairs(folder, count)
            start = time.perf_counter()
            peak = peak_mib(__file__, "--weights", options.weights, "--peak-of", str(folder))
            seconds = time.perf_counter() - start
            rows.append({"pairs": count, "seconds": seconds, "pairs_per_s": count / seconds, "peak_MiB": peak})
    write(__file__, rows)


if __name__ == "__main__":
    main()
