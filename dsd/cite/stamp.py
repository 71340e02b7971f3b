"""Stamps: how a figure came about, inside its own files, and whether these are still what was stamped."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from dsd.cite import pdf, png
from dsd.data.files import file_digest

DIGEST = "stamp_sha256"
FILES = "drawn_from"  # the table and the pictures that a figure is drawn from: {file: SHA-256}
NEEDED = {"commit", "parameters", "datasets"}
NETWORK = {"backbone", "weights", "weights_sha256", "precision"}  # all of them, or none: numbers of no network
REMEDY = "take the file anew from where it was rendered, or render it again with `make`"


@dataclass(frozen=True)
class Stamp:
    """What a figure's file says about it."""

    name: str
    """Of the figure, ``fig2``; ``tab1-types`` of a table's further one."""
    caption: str
    """Text, in which what stands between two $ is mathematics; "" where no picture lies beside numbers."""
    provenance: Mapping[str, Any]
    """Commit, parameters, network, data, versions, machine."""
    verified: bool
    """Whether the file is what was stamped; False: an older stamp, which cannot tell."""


def seal(about: Mapping[str, Any], content: bytes = b"") -> dict[str, Any]:
    """A stamp with the digest of itself and of what it stands on: SHA-256 of its JSON, keys sorted, and the content.

    Args:
        about: what the stamp says; a digest that it has already is replaced.
        content: the pixels, say.

    Returns:
        The stamp as JSON holds it, and ``stamp_sha256``.

    Example:
        >>> seal({"commit": "1234567"}, b"pixels")["stamp_sha256"][:8]
        '380e2d85'
    """
    plain = json.loads(json.dumps({key: value for key, value in about.items() if key != DIGEST}))
    text = json.dumps(plain, sort_keys=True, ensure_ascii=False)
    return plain | {DIGEST: hashlib.sha256(text.encode() + b"\0" + content).hexdigest()}


def read_stamp(path: Path) -> Stamp:
    """Read the stamp in a figure's file, and make sure that the file is what was stamped.

    What is compared, and what that notices:

    - PNG: size, pixels and the stamp's text. Another compression of the same pixels is no change.
    - PDF: every byte.
    - JSON: its text, and the tables and pictures that it names, where they lie beside it.
    - CSV: every byte, with the digest in the JSON beside it.

    The digest needs no secret: whoever changes a file on purpose can write a new one. It notices what an accident, an
    editor or a converter did. An older stamp has no digest, and a file from which both the digest and the list of
    digests were taken looks like one.

    Args:
        path: .png, .pdf, .json or .csv, as an experiment wrote it.

    Raises:
        ValueError: the file is of another kind, cannot be read, has no stamp, or is not what was stamped.
        OSError: there is no such file.
    """
    readers = {".png": _read_png, ".pdf": _read_pdf, ".json": _read_json, ".csv": _read_csv}
    if path.suffix not in readers:
        raise ValueError(f"{path} must be one of a figure's files: {', '.join(readers)}")
    return readers[path.suffix](path)


def check_files(about: Mapping[str, Any], folder: Path) -> None:
    """Make sure that the table and pictures that a stamp names are those that were stamped.

    Args:
        about: what the stamp says; an older one names none.
        folder: where they lie; what does not lie there is passed over.

    Raises:
        ValueError: one is another.
    """
    for name, digest in about.get(FILES, {}).items():
        if (folder / name).is_file() and file_digest(folder / name) != digest:
            raise ValueError(f"{folder / name} is not what was stamped: it has changed since; {REMEDY}")


def summary(origin: Mapping[str, Any]) -> str:
    """Preset, network (where there is one), data and commit: what a reader must know of a figure.

    Args:
        origin: its provenance.
    """
    data = ", ".join(dict.fromkeys(data["summary"] for data in origin["datasets"].values()))
    parts = [f"{origin['parameters']['preset']} preset", data, f"commit {origin['commit']}"]
    if "backbone" in origin:
        weights = f"{origin['weights']} {origin['weights_sha256'][:8]}"
        parts.insert(1, f"{origin['backbone']}, {weights}, {origin['precision']}")
    return " · ".join(parts)


def _read_png(path: Path) -> Stamp:
    try:
        with Image.open(path) as image:
            text = image.info.get("Description", "")
            content = png.pixels(image)
    except FileNotFoundError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    about = _parse(text, path)
    return Stamp(path.stem, str(about.get("caption", "")), about, _is_sealed(about, content, path))


def _read_pdf(path: Path) -> Stamp:
    content = path.read_bytes()
    about = _parse(pdf.subject(content), path)
    sealed = pdf.is_sealed(content)
    if sealed is False or (sealed is None and FILES in about):
        raise _changed(path)
    return Stamp(path.stem, str(about.get("caption", "")), about, bool(sealed))


def _read_json(path: Path) -> Stamp:
    about = _parse(path.read_text(encoding="utf-8"), path)
    verified = _is_sealed(about, b"", path)
    check_files(about, path.parent)
    picture = path.with_suffix(".png")
    beside = _read_png(picture) if picture.is_file() else None
    if beside and _computation(beside.provenance) != _computation(about):
        raise ValueError(f"{picture} was drawn from other numbers than those of {path}: {REMEDY}")
    return Stamp(path.stem, beside.caption if beside else "", about, verified)


def _read_csv(path: Path) -> Stamp:
    content = file_digest(path)
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise ValueError(f"{path} has its stamp in {beside.name}, which must lie beside it")
    stamp = _read_json(beside)
    files = stamp.provenance.get(FILES)
    if files is not None and files.get(path.name) != content:
        raise _changed(path)
    return stamp


def _parse(text: str, path: Path) -> dict[str, Any]:
    """What a stamp's text says."""
    try:
        about = json.loads(text)
    except ValueError:
        about = None
    if not isinstance(about, dict) or not about.keys() >= NEEDED or 0 < len(about.keys() & NETWORK) < len(NETWORK):
        raise ValueError(
            f"{path} has no stamp: a figure's files have one as `make` writes them, and lose it where another program "
            "saves them again"
        )
    return about


def _is_sealed(about: Mapping[str, Any], content: bytes, path: Path) -> bool:
    """Whether a stamp has a digest, which then must be right; older ones name no files either."""
    if DIGEST not in about and FILES not in about:
        return False
    if seal(about, content)[DIGEST] != about.get(DIGEST):
        raise _changed(path)
    return True


def _computation(about: Mapping[str, Any]) -> dict[str, Any]:
    """What a stamp says of the numbers, and not of their picture."""
    return {key: value for key, value in about.items() if key not in (DIGEST, "caption")}


def _changed(path: Path) -> ValueError:
    return ValueError(f"{path} is not what was stamped: it has changed since; {REMEDY}")
