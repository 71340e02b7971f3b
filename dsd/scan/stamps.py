"""Which bytes a row of the table is of: size and time of a file, and SHA-256 of its content."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from dsd.scan.items import Item

CHUNK = 2**20  # bytes that are in memory at a time


class Stamp(NamedTuple):
    """What identifies the content of an item; all None where it cannot be read."""

    bytes: int | None = None
    mtime_ns: int | None = None
    """When the file was last written, in nanoseconds since 1970; of a member of a tar: the tar."""
    sha256: str | None = None
    """Of the content, in hexadecimal digits; None where only size and time were looked at."""


class WrittenError(ValueError):
    """A file was written to while it was read."""


def quick_stamp(root: Path, item: Item) -> Stamp:
    """Size and time of an item, without reading it."""
    path = root / (item.tar or item.path)
    try:
        status = path.stat()
    except OSError:
        return Stamp()
    if item.reason or not stat.S_ISREG(status.st_mode) or not os.access(path, os.R_OK):
        return Stamp()
    return Stamp(status.st_size if item.tar is None else item.size, status.st_mtime_ns)


def full_stamp(root: Path, item: Item) -> Stamp:
    """Size, time and SHA-256 of an item."""
    if quick_stamp(root, item) == Stamp():  # a named pipe that is opened waits for ever
        return Stamp()
    try:
        with (root / (item.tar or item.path)).open("rb") as file:
            return _read(file, item)
    except OSError:
        return Stamp()


@contextmanager
def open_item(root: Path, item: Item) -> Iterator[tuple[Path, Stamp]]:
    """A file with the content of an item, for as long as it is needed, and its stamp.

    Raises:
        OSError: it cannot be read.
        WrittenError: it was written to meanwhile.
    """
    path = root / (item.tar or item.path)
    if item.tar is not None:
        with path.open("rb") as file, tempfile.NamedTemporaryFile() as copy:
            stamp = _read(file, item, copy)
            copy.flush()
            yield Path(copy.name), stamp
        return
    stamp = full_stamp(root, item)
    try:
        yield path, stamp
    except ValueError:  # it may come of that
        _check_unchanged(root, item, stamp)
        raise
    _check_unchanged(root, item, stamp)


def _check_unchanged(root: Path, item: Item, stamp: Stamp) -> None:
    if quick_stamp(root, item)[:2] != stamp[:2]:
        raise WrittenError("it was written to while it was read")


def _read(file: IO[bytes], item: Item, copy: IO[bytes] | None = None) -> Stamp:
    """The stamp of an item of an open file; its content goes to `copy`."""
    status = os.fstat(file.fileno())
    size = left = status.st_size if item.tar is None else item.size
    sha256 = hashlib.sha256()
    file.seek(item.offset)
    while chunk := file.read(min(CHUNK, left)):
        sha256.update(chunk)
        left -= len(chunk)
        if copy:
            copy.write(chunk)
    return Stamp(size, status.st_mtime_ns, sha256.hexdigest())
