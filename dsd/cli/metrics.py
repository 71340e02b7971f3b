"""`dsd metrics`: the measures that `dsd score` knows."""

import argparse

from dsd.quality.metrics import METRICS


def run(options: argparse.Namespace) -> int:
    """Print a line for each measure."""
    width = max(map(len, METRICS)) + 2
    for name, metric in METRICS.items():
        print(f"{name:<{width}}{'↑' if metric.higher_is_better else '↓'} {metric.summary}")
    print("\n↑ higher is better, ↓ lower is better")
    return 0
