"""What the network's padding does to ‖DSD‖: ranks with zeros against ranks with reflection, and what each follows.

Intervals are 95 % bootstrap intervals over photographs.

    python benchmarks/padding.py [--images imagenet-sample] [--count 200]
"""

import argparse

import numpy as np
import pandas as pd
from _measure import write
from torch import Tensor

from dsd import dsd_norm, load_backbone
from dsd.data.views import Photographs
from dsd.quality.norms import tabulate
from dsd.quality.resampling import interval
from dsd.quality.statistics import STATISTICS, statistics

LAYERS = ("relu1_2", "relu3_1", "relu4_1", "relu5_1")
ALPHAS = (2, 4)
RESAMPLES = 500


def measure_norms(images: str, count: int) -> pd.DataFrame:
    """‖DSD‖ of each photograph, by "layer alpha padding", and its statistics."""
    networks = {padding: load_backbone("vgg19", LAYERS, padding=padding) for padding in ("zeros", "reflect")}

    def measure(x: Tensor) -> dict[str, Tensor]:
        norms = {
            f"{layer} {alpha} {padding}": value
            for padding, network in networks.items()
            for (layer, alpha), value in dsd_norm(x, network, ALPHAS).items()
        }
        return norms | statistics(x)

    return tabulate(Photographs.from_folder(images, count=count), measure)


def summarise(table: pd.DataFrame) -> list[dict[str, object]]:
    """A row for each layer and alpha."""
    draws = np.random.default_rng(0).integers(len(table), size=(RESAMPLES, len(table)))
    rows: list[dict[str, object]] = []
    for layer in LAYERS:
        for alpha in ALPHAS:
            zeros, reflect = (table[f"{layer} {alpha} {padding}"] for padding in ("zeros", "reflect"))
            samples = [zeros.corr(reflect, "spearman")]
            samples += [zeros.iloc[draw].corr(reflect.iloc[draw], "spearman") for draw in draws]
            rank, low, high = interval(pd.Series(samples))
            row: dict[str, object] = {"layer": layer, "alpha": alpha, "images": len(table), "spearman": rank}
            row |= {"spearman_low": low, "spearman_high": high, "mean_ratio": zeros.mean() / reflect.mean()}
            for name in STATISTICS:
                row |= {f"{name}, zeros": zeros.corr(table[name], "spearman")}
                row |= {f"{name}, reflect": reflect.corr(table[name], "spearman")}
            rows.append(row)
    return rows


def main() -> None:
    """Measure, print and write padding.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="imagenet-sample")
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    write(__file__, summarise(measure_norms(options.images, options.count)))


if __name__ == "__main__":
    main()
