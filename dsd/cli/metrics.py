"""`dsd metrics`: the measures that `dsd score` knows."""

import argparse

from dsd.quality.metrics import METRICS, NO_REFERENCE


def run(options: argparse.Namespace) -> int:
    """Print a line for each measure."""
    width = max(map(len, {**METRICS, **NO_REFERENCE})) + 2
    for heading, metrics in (("with a reference:", METRICS), ("\nwithout a reference:", NO_REFERENCE)):
        print(heading)
        for name, metric in metrics.items():
            print(f"{name:<{width}}{'↑' if metric.higher_is_better else '↓'} {metric.summary}")
    print("\n↑ higher is better, ↓ lower is better")
    return 0
