"""Image sets that people have rated: pairs of distorted images of one reference, and which is closer to it."""

import csv
import hashlib
import itertools
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dsd.data.distortion_types import type_in_name
from dsd.paths import find_folder

Kind = Literal["probability", "score difference"]
SCORES = {"dmos": 1, "score": 1, "mos": -1}  # how a rising value changes how bad the image is


@dataclass(frozen=True)
class Pair:
    """Two distorted images of one reference, and how much people prefer `a`."""

    reference: Path
    a: Path
    b: Path
    preference: float
    """Probability that `a` is preferred, or the difference of human scores: how much worse `b` is."""


@dataclass(frozen=True)
class RatedImages:
    """Rated pairs of one data set.

    Args:
        name: what a table calls the data set.
        pairs: the pairs, those of a reference in any order.
        kind: what `preference` is in each of them.
        types: {image: its distortion}, of images whose names don't say it; see :func:`.type_in_name`.

    Example:
        >>> pair = Pair(Path("set/x.png"), Path("set/x/blurred.png"), Path("set/x/noisy.png"), 0.7)
        >>> RatedImages("set", [pair], "probability").provenance()["images"]
        2
    """

    name: str
    pairs: list[Pair]
    kind: Kind
    types: Mapping[Path, str] = field(default_factory=dict)

    @classmethod
    def pieapp(cls, folder: str | Path, split: str = "test") -> "RatedImages":
        """Read PieAPP as published: labels/, reference_images/ and distorted_images/, each with a folder per split.

        A label file's columns are taken by position: reference, A, B, and as probability that A is preferred the last
        one whose values all lie in [0, 1]. Where the reference is one of the two, so it is here.

        Args:
            folder: a path, or a name under the data root.
            split: ``"train"``, ``"val"`` or ``"test"``.

        Raises:
            FileNotFoundError: no such folder, no label files in it, or images that they name are missing.
            ValueError: a label file cannot be understood; file, line and what is expected are named.

        Reference:
            Prashnani et al., "PieAPP: perceptual image-error assessment through pairwise preference", CVPR 2018.
        """
        root = find_folder(folder).absolute()
        labels = root / "labels" / split
        files = sorted(labels.glob("ref_*_pairwise_labels.csv"))
        if not files:
            raise FileNotFoundError(f"no ref_*_pairwise_labels.csv in {labels}: PieAPP's published layout is expected")
        pairs = []
        for file in files:
            header, rows = _read(file)
            if len(header) < 4:
                raise ValueError(
                    f"{file}, line 1: reference, distorted A, distorted B, preference for A are expected, got {header}"
                )
            columns = range(len(header) - 1, 2, -1)
            column = next((c for c in columns if all(_is_probability(cells[c]) for _, cells in rows)), columns[0])
            for line, cells in rows:
                references = root / "reference_images" / split
                distorted = root / "distorted_images" / split / Path(cells[0]).stem
                a, b = ((references if name == cells[0] else distorted) / name for name in cells[1:3])
                pairs.append(Pair(references / cells[0], a, b, _probability(file, line, cells[column])))
        return cls(f"PieAPP {split}", _complete(pairs, labels), "probability")

    @classmethod
    def csv(cls, path: str | Path) -> "RatedImages":
        """Read a table of ratings, whose image paths are relative to its folder. Other columns may be there too.

        - reference, a, b, preference: the probability that a is preferred to b.
        - reference, distorted, and a score: `dmos` or `score` (higher is worse), or `mos` (higher is better). Each two
          images of a reference are a pair, in the order of the table; its preference is how much worse b is than a. A
          column `distortion` says of what type the distortion is.

        Args:
            path: the CSV, or its path under the data root. Its folder gives the set its name.

        Raises:
            FileNotFoundError: no such table, or images that it names are missing.
            ValueError: it cannot be understood; file, line and what is expected are named.
        """
        path = find_folder(Path(path).parent).resolve() / Path(path).name
        header, rows = _read(path)
        header = [name.lower() for name in header]
        scores = [name for name in header if name in SCORES]
        probabilities = {"reference", "a", "b", "preference"} <= set(header)
        if not probabilities and not ({"reference", "distorted"} <= set(header) and len(scores) == 1):
            raise ValueError(
                f"{path}, line 1: the columns reference, a, b, preference, or reference, distorted and one of "
                f"{', '.join(SCORES)} are expected, got {', '.join(header)}"
            )
        pairs = []
        badness: dict[Path, dict[Path, float]] = {}
        types: dict[Path, str] = {}
        for line, cells in rows:
            row = dict(zip(header, cells, strict=True))
            reference = path.parent / row["reference"]
            if probabilities:
                preference = _probability(path, line, row["preference"])
                pairs.append(Pair(reference, path.parent / row["a"], path.parent / row["b"], preference))
                continue
            rated, distorted = badness.setdefault(reference, {}), path.parent / row["distorted"]
            if distorted in rated:
                raise ValueError(f"{path}, line {line}: one row per image is expected, {row['distorted']} has another")
            types[distorted] = row.get("distortion", "")
            rated[distorted] = SCORES[scores[0]] * _number(path, line, scores[0], row[scores[0]])
        for reference, rated in badness.items():
            pairs += [Pair(reference, a, b, rated[b] - rated[a]) for a, b in itertools.combinations(rated, 2)]
        if not pairs:
            raise ValueError(f"{path}: at least two distorted images of one reference are expected")
        kind: Kind = "probability" if probabilities else "score difference"
        return cls(path.parent.name, _complete(pairs, path), kind, types)

    @property
    def root(self) -> Path:
        """The deepest folder that holds all images."""
        return Path(os.path.commonpath([image.parent for image in _images_of(self.pairs)]))

    def images(self) -> dict[Path, list[Path]]:
        """The distinct distorted images of each reference, sorted; the reference itself where it was rated too."""
        distorted: dict[Path, set[Path]] = {}
        for pair in self.pairs:
            distorted.setdefault(pair.reference, set()).update((pair.a, pair.b))
        return {reference: sorted(images) for reference, images in distorted.items()}

    def type_of(self, image: Path) -> str:
        """The distortion of one of its images; "" where neither the file's name nor a table says it."""
        return type_in_name(image.stem) or self.types.get(image, "")

    def provenance(self) -> dict[str, str | int]:
        """What a table must say about its data: name, counts, SHA-256 of the relative file names and preferences."""
        root = self.root
        lines = sorted(
            ",".join([image.relative_to(root).as_posix() for image in (pair.reference, pair.a, pair.b)])
            + f",{pair.preference!r}"
            for pair in self.pairs
        )
        images = self.images()
        return {
            "summary": f"{self.name} ({len(images)} reference{'s' * (len(images) > 1)}, {len(self.pairs)} pairs)",
            "dataset": self.name,
            "references": len(images),
            "images": sum(map(len, images.values())),
            "pairs": len(self.pairs),
            "pairs_sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        }


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and numbered rows of a CSV, cells without surrounding spaces."""
    if not path.is_file():
        raise FileNotFoundError(f"no table of ratings at {path}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: a CSV in UTF-8 is expected: {error}") from error
    if len(rows) < 2:
        raise ValueError(f"{path}: a header and at least one row are expected, got {len(rows)} lines")
    header = rows[0][1]
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(
                f"{path}, line {line}: {len(header)} cells are expected as in the header, got {len(cells)}"
            )
    return header, rows[1:]


def _number(path: Path, line: int, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{path}, line {line}: {name} must be a number, got {cell!r}")
    return value


def _is_probability(cell: str) -> bool:
    try:
        return 0 <= float(cell) <= 1
    except ValueError:
        return False


def _probability(path: Path, line: int, cell: str) -> float:
    if not _is_probability(cell):
        raise ValueError(f"{path}, line {line}: preference must be a probability in [0, 1], got {cell!r}")
    return float(cell)


def _images_of(pairs: Iterable[Pair]) -> list[Path]:
    return sorted({image for pair in pairs for image in (pair.reference, pair.a, pair.b)})


def _complete(pairs: list[Pair], source: Path) -> list[Pair]:
    """The pairs, if all their images are there."""
    images = _images_of(pairs)
    missing = [str(image) for image in images if not image.is_file()]
    if missing:
        first = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise FileNotFoundError(f"{len(missing)} of the {len(images)} images in {source} are missing: {first}")
    return pairs
