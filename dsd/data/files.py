"""What lies below a folder."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path


def walk(folder: Path) -> Iterator[Path]:
    """All files, folders and links below a folder; hidden ones, whose names start with a dot, are left out.

    Links to folders are followed, and no folder is entered twice: real folders are entered first, then links to
    folders that were not. So a link back to the folder, or to one above it, adds nothing but itself.

    Args:
        folder: where to begin; it is no part of the result.

    Returns:
        Paths that begin with `folder`, in the same order each time: those of one folder by name.

    Raises:
        OSError: a folder cannot be listed; it is named.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as place:
        ...     Path(place, "loop").symlink_to(place)
        ...     [path.name for path in walk(Path(place))]
        ['loop']
    """
    entered = {_identity(above) for above in folder.resolve().parents}
    real, links = [folder], list[Path]()
    while real or links:
        place = real.pop() if real else links.pop(0)
        if (identity := _identity(place)) in entered:
            continue
        entered.add(identity)
        with os.scandir(place) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
        visible.sort(key=lambda entry: entry.name)
        yield from (place / entry.name for entry in visible)
        real += [place / entry.name for entry in reversed(visible) if entry.is_dir(follow_symlinks=False)]
        links += [path for entry in visible if entry.is_symlink() and (path := place / entry.name).is_dir()]


def _identity(folder: Path) -> tuple[int, int]:
    """What a folder is on its disk, whatever its path."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(paths: Sequence[Path]) -> str:
    """SHA-256 of the files' contents, in their order."""
    together = hashlib.sha256()
    for path in paths:
        together.update(hashlib.sha256(path.read_bytes()).digest())
    return together.hexdigest()
