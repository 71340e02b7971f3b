"""Q_DSD at 512² and, with lite only, 4096²: seconds and peak memory of an image; VGG-19 where its weights are.

python benchmarks/noref.py [--rounds 5]
"""

import argparse
from functools import partial

import torch
from _measure import interleaved, peak_mib, print_peak, write

from dsd import QDSD

SIDES = (512, 4096)


def run(backbone: str, alpha: float, side: int) -> None:
    """Q_DSD of one image."""
    metric = QDSD(backbone, alpha, device="cpu")
    x = torch.rand(1, 3, side, side)
    with torch.inference_mode():
        print_peak(lambda: metric(x))


def main() -> None:
    """Measure, print and write noref.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="of timing at 512²; one at 4096²")
    parser.add_argument("--peak", nargs=3, metavar=("BACKBONE", "ALPHA", "SIDE"), help="measure memory only")
    options = parser.parse_args()
    if options.peak:
        backbone, alpha, side = options.peak
        run(backbone, float(alpha), int(side))
        return
    metrics = {}
    for backbone in ("lite", "vgg19"):
        for alpha in (2, 4):
            try:
                metrics[backbone, alpha] = QDSD(backbone, alpha, device="cpu")
            except FileNotFoundError as error:
                print(error)
    rows: list[dict[str, object]] = []
    for side in SIDES:
        x = torch.rand(1, 3, side, side)
        if side > SIDES[0]:  # VGG-19 takes minutes
            metrics = {key: metric for key, metric in metrics.items() if key[0] == "lite"}
        candidates = {f"{name} {alpha}": partial(metric, x) for (name, alpha), metric in metrics.items()}
        with torch.inference_mode():
            seconds = interleaved(candidates, options.rounds if side == SIDES[0] else 1)
        for backbone, alpha in metrics:
            peak = peak_mib(__file__, "--peak", backbone, str(alpha), str(side))
            took = seconds[f"{backbone} {alpha}"]
            rows.append(
                {"measure": "Q_DSD", "backbone": backbone, "alpha": alpha, "side": side}
                | {"seconds": took, "images_per_second": 1 / took, "peak_mib": peak}
            )
    write(__file__, rows)


if __name__ == "__main__":
    main()
