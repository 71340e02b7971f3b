"""Seconds, and seconds of processors, until a tab of the explorer answers to each of its controls (lite).

python benchmarks/explore.py

Beside other work seconds say little; processor seconds, over two cores, say about what an idle machine takes. `load` is
how many processes wanted the machine's cores meanwhile.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch
from _measure import write

from dsd.explore.answers import prepare
from dsd.explore.app import TABS
from dsd.explore.pictures import open_photograph
from dsd.explore.views import Choice

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png")  # each is one round
CONTROLS: dict[str, Callable[[Choice], Choice]] = {
    "photograph": lambda choice: choice,
    "layer": lambda choice: choice.changed(layer="relu2_1"),
    "alpha": lambda choice: choice.changed(alpha=4),
    "strength": lambda choice: choice.changed(strength=2),
    "degradation": lambda choice: choice.changed(kind="jpeg", strength=2),
}
WITHOUT = {"Measures": ("layer", "alpha"), "Enlarge": ("layer", "alpha")}  # controls that change nothing there


def main() -> None:
    """Measure, print and write explore.csv."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    prepare("lite")
    rows: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for name in ("rocket.jpg", *PHOTOGRAPHS):
        for tab, answer in TABS.items():
            for control, change in CONTROLS.items():
                if control in WITHOUT.get(tab, ()):
                    continue
                choice = change(Choice(open_photograph(name)))
                wall, cpu = time.perf_counter(), time.process_time()
                answer(choice)
                if name in PHOTOGRAPHS:  # the first one warms up
                    spent = time.perf_counter() - wall, time.process_time() - cpu
                    rows.setdefault((tab, control), []).append(spent)
    medians = {key: [statistics.median(values) for values in zip(*spent, strict=True)] for key, spent in rows.items()}
    load, threads = round(os.getloadavg()[1]), torch.get_num_threads()
    write(
        __file__,
        [
            {"tab": tab, "control": control, "seconds": wall, "cpu_seconds": cpu, "threads": threads, "load": load}
            for (tab, control), (wall, cpu) in medians.items()
        ],
    )


if __name__ == "__main__":
    main()
