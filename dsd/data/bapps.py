"""BAPPS: patches that people compared, as published; triplets (2AFC) and pairs (JND)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from dsd.checks import check_choice
from dsd.data.images import SUFFIXES
from dsd.paths import find_folder

Question = Literal["2afc", "jnd"]
# What lies in a subset's folder: images, the reference first, and what people said of them.
FOLDERS = {"2afc": ("ref", "p0", "p1", "judge"), "jnd": ("p0", "p1", "same")}
SUBSETS = ("traditional", "cnn", "mix", "superres", "deblur", "color", "frameinterp")  # as the paper orders them


@dataclass(frozen=True)
class Judgement:
    """Images that people compared with a reference."""

    subset: str
    reference: Path
    images: tuple[Path, ...]
    """Two of a triplet, one of a pair."""
    share: float
    """Of the people: for a triplet, that found the second image closer; for a pair, that called both the same."""


@dataclass(frozen=True)
class JudgedImages:
    """Triplets or pairs of one data set.

    Example:
        >>> root = Path("set/2afc/val")
        >>> triplet = Judgement("cnn", root / "cnn/ref/0.png", (root / "cnn/p0/0.png", root / "cnn/p1/0.png"), 0.8)
        >>> JudgedImages("BAPPS val", "2afc", root, [triplet]).provenance()["summary"]
        'BAPPS val (1 triplet)'
    """

    name: str
    """What a table calls the data set."""
    question: Question
    """``"2afc"``: which of two is closer to the reference? ``"jnd"``: are both the same?"""
    root: Path
    judgements: list[Judgement]
    by_people: bool = True
    """Whether people were asked."""

    @classmethod
    def read(cls, folder: str | Path, question: Question, *, split: str = "val") -> "JudgedImages":
        """Read a folder of BAPPS's published layout.

        In it lie ``2afc/<split>/<subset>/{ref,p0,p1}/*.png`` and ``judge/*.npy``, and
        ``jnd/<split>/<subset>/{p0,p1}/*.png`` and ``same/*.npy``; what belongs together has one number.

        Args:
            folder: a path, or a name under the data root.
            question: ``"2afc"`` or ``"jnd"``.
            split: ``"train"`` or ``"val"``.

        Raises:
            FileNotFoundError: a folder or a file is missing; it is named.
            ValueError: another question; or a file of answers does not hold one number from 0 to 1; it is named.

        Reference:
            Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018.
        """
        check_choice(question, "question", get_args(Question))
        root = find_folder(folder) / question / split
        subsets = sorted(path for path in root.glob("*") if path.is_dir()) if root.is_dir() else []
        if not subsets:
            raise FileNotFoundError(f"no subset in {root}: {_layout(question)} are expected there")
        order = {subset: number for number, subset in enumerate(SUBSETS)}
        subsets.sort(key=lambda path: order.get(path.name, len(order)))
        judgements = [judgement for subset in subsets for judgement in _read_subset(subset, question)]
        return cls(f"BAPPS {split}", question, root, judgements)

    def provenance(self) -> dict[str, Any]:
        """What a table must say about its data: name, counts, SHA-256 of the relative file names and answers."""
        lines, counts = [], dict[str, int]()
        for at in self.judgements:
            names = [path.relative_to(self.root).as_posix() for path in (at.reference, *at.images)]
            lines.append(",".join([*names, repr(at.share)]))
            counts[at.subset] = counts.get(at.subset, 0) + 1
        what = "triplet" if self.question == "2afc" else "pair"
        return {
            "summary": f"{self.name} ({len(lines)} {what}{'s' * (len(lines) != 1)})",
            "dataset": self.name,
            "question": self.question,
            "by_people": self.by_people,
            "count": len(lines),
            "subsets": counts,
            "judgements_sha256": hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest(),
        }


def _layout(question: Question) -> str:
    *images, answers = FOLDERS[question]
    return f"folders <subset>/{{{','.join(images)}}}/*.png and <subset>/{answers}/*.npy"


def _read_subset(folder: Path, question: Question) -> list[Judgement]:
    """What lies in a subset's folders, in the order of its numbers."""
    files: dict[str, dict[str, Path]] = {}
    for kind in FOLDERS[question]:
        if not (folder / kind).is_dir():
            raise FileNotFoundError(f"no folder {folder / kind}: {_layout(question)} are expected")
        wanted = {".npy"} if kind == FOLDERS[question][-1] else SUFFIXES
        files[kind] = {path.stem: path for path in (folder / kind).iterdir() if path.suffix.lower() in wanted}
    numbers = sorted(set().union(*files.values()))
    if not numbers:
        raise FileNotFoundError(f"no files in {folder}: {_layout(question)} are expected")
    for number in numbers:
        for kind, there in files.items():
            if number not in there:
                other = next(paths[number] for paths in files.values() if number in paths)
                raise FileNotFoundError(f"no file {folder / kind / number}.*: it belongs to {other}")
    *images, answers = files.values()
    return [
        Judgement(folder.name, images[0][number], tuple(at[number] for at in images[1:]), _read_share(answers[number]))
        for number in numbers
    ]


def _read_share(path: Path) -> float:
    """The one number from 0 to 1 in a file of NumPy."""
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{path} is no NumPy array of numbers: {error}") from None
    if not isinstance(values, np.ndarray) or values.size != 1 or values.dtype.kind not in "biuf":
        got = f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise ValueError(f"{path} must hold one number, the share of people, got {got}")
    share = float(values.item())
    if not 0 <= share <= 1:
        raise ValueError(f"{path} must hold a share of people from 0 to 1, got {share!r}")
    return share
