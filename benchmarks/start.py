"""Seconds until commands answer and imports are done, each in a process of its own; and in units of `import torch`.

python benchmarks/start.py [--rounds 9]
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from _measure import interleaved, write

DSD = str(Path(sys.executable).with_name("dsd"))
COMMANDS = {
    "python, nothing imported": [sys.executable, "-c", "pass"],
    "dsd --help": [DSD, "--help"],
    "dsd metrics": [DSD, "metrics"],
    "dsd score --backbone vgg11 (unknown)": [DSD, "score", "--reference=x", "--distorted=y", "--backbone=vgg11"],
    "import torch": [sys.executable, "-c", "import torch"],
    "import dsd": [sys.executable, "-c", "import dsd"],
    "import dsd, its losses, backbones and load_image": [
        sys.executable,
        "-c",
        "import dsd; dsd.DSDLoss, dsd.LossSum, dsd.VGG19, dsd.VGG19Lite, dsd.FeatureExtractor, dsd.load_image",
    ],
}


def started(command: list[str]) -> Callable[[], object]:
    """What runs a command to its end, whatever its exit code."""
    return lambda: subprocess.run(command, capture_output=True, check=False)


def main() -> None:
    """Measure, print and write start.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    seconds = interleaved({name: started(command) for name, command in COMMANDS.items()}, options.rounds)
    write(
        __file__,
        [
            {"what": name, "seconds": value, "of_import_torch": value / seconds["import torch"]}
            for name, value in seconds.items()
        ],
    )


if __name__ == "__main__":
    main()
