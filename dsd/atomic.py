"""Files that are either the old one or the new one, whenever the machine stops."""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import IO, Any

DAY = 24 * 60 * 60  # seconds; a file that nobody has written to for so long has no writer any more


@contextmanager
def atomic_write(path: Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a file that has its name only when it is complete and on the disk.

    Until then it is ``.<name>.<32 digits>`` beside it. What a process that was killed left there is removed when the
    file is written a day later or more.

    Args:
        path: of the file; its folder must be there.
        mode: ``"wb"``, ``"w"``, or ``"w+b"`` where it is read again before it is complete.
        options: of :meth:`pathlib.Path.open`.
    """
    for left in path.parent.glob(f".{escape(path.name)}.{'[0-9a-f]' * 32}"):
        with suppress(OSError):  # another process removes it, too
            if time.time() - left.stat().st_mtime > DAY:
                left.unlink()
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with partial.open(mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
