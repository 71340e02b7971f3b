"""Photographs distorted by known amounts, as rated pairs: a stand-in for human ratings where there are none."""

import csv
from itertools import combinations
from pathlib import Path

from dsd.data.distortions import DISTORTIONS
from dsd.data.images import save_image
from dsd.data.rated import RatedImages
from dsd.data.views import Photographs


def write_distorted(photographs: Photographs, folder: Path) -> RatedImages:
    """Write every view and its distorted copies as PNG, and pairs in which the weaker distortion is preferred for sure.

    Pairs are of one kind of distortion: strengths of different kinds cannot be compared.

    Args:
        photographs: the views; each is a reference.
        folder: where to; ``ratings.csv`` in it can be read with :meth:`RatedImages.csv`.

    Returns:
        The rated pairs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("reference", "a", "b", "preference")]
    for index in range(len(photographs)):
        x = photographs[index]
        reference = f"{index:02}.png"
        save_image(x, folder / reference)
        for kind, (distort, amounts) in DISTORTIONS.items():
            names = [f"{index:02}_{kind}_{amount:g}.png" for amount in amounts]
            for name, amount in zip(names, amounts, strict=True):
                save_image(distort(x, amount).clamp(0, 1), folder / name)
            for weaker, stronger in combinations(names, 2):
                # Both ways round: a correlation needs preferences that vary.
                rows += [(reference, weaker, stronger, "1"), (reference, stronger, weaker, "0")]
    with (folder / "ratings.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return RatedImages.csv(folder / "ratings.csv")
