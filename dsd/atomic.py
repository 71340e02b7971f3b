"""Files that are either the old one or the new one, whenever the machine stops."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def atomic_write(path: Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a file that has its name only when it is complete and on the disk.

    Args:
        path: of the file; its folder must be there.
        mode: ``"wb"``, ``"w"``, or ``"w+b"`` where it is read again before it is complete.
        options: of :meth:`pathlib.Path.open`.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with partial.open(mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
