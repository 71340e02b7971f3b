"""Rated image sets by name: a table of ratings, a folder as a set's authors published it, or photographs to distort."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from dsd.data.rated import RatedImages
from dsd.data.synthetic import write_distorted
from dsd.data.views import Photographs
from dsd.paths import find_folder

# A folder in which this lies is read by that. A further data set: its reader, and a line here.
LAYOUTS = {
    "labels": "dsd.data.rated:RatedImages.pieapp",
}


def load_rated(images: str, folder: Path, **options: Any) -> RatedImages:
    """Rated images: a CSV of ratings, a folder in one of `LAYOUTS`, or photographs to distort by known amounts.

    Args:
        images: the CSV or folder, or its name under the data root; ``"embedded"`` for scikit-image's photographs.
        folder: where distorted copies of photographs are written.
        options: of :meth:`dsd.data.views.Photographs.from_folder`, for photographs.

    Raises:
        FileNotFoundError: there is no such CSV or folder, or no image in it.
        ValueError: the ratings cannot be understood.
    """
    if images.endswith(".csv"):
        return RatedImages.csv(images)
    for content, read in LAYOUTS.items():
        if images != "embedded" and (find_folder(images) / content).exists():
            return resolve_name(read)(images)
    return write_distorted(Photographs.from_folder(images, **options), folder)


def load_rated_sets(images: str | Sequence[str], **options: Any) -> Iterator[RatedImages]:
    """Several sets, one after the other. Distorted copies of photographs are there until the next one is asked for.

    Args:
        images: as for :func:`load_rated`, one or several.
        options: as there.

    Raises:
        FileNotFoundError, ValueError: as there.
        ValueError: two sets have one name.
    """
    names = set()
    for name in [images] if isinstance(images, str) else images:
        with tempfile.TemporaryDirectory() as folder:
            rated = load_rated(name, Path(folder) / "known distortions", **options)
            if rated.name in names:
                raise ValueError(f"images must be of different sets, two are called {rated.name}")
            names.add(rated.name)
            yield rated
