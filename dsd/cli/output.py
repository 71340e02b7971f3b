"""What commands print: names that cannot steer a terminal, and a terminal that cannot stop a command."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from select import select
from typing import Any, TextIO


def escape(text: str) -> str:
    r"""One line that does nothing to a terminal: control characters and the like as Python writes them.

    Example:
        >>> print(escape("é\n\x1b[2J\udcff"))
        é\n\x1b[2J\udcff
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def steady_streams() -> Iterator[Callable[[], None]]:
    """Standard output and error that take everything, so that work goes on.

    What a full device or a reader who has left does not take is dropped, a closed stream leads nowhere, characters that
    the encoding lacks are escaped. Streams that a caller has put in their place stay.

    Yields:
        A function that writes what is waiting. It raises OSError if output was lost, and not to a reader who had left.
    """
    before = sys.stdout, sys.stderr
    output, errors = (
        _steady(stream) if stream is own else stream
        for stream, own in zip(before, (sys.__stdout__, sys.__stderr__), strict=True)
    )
    sys.stdout, sys.stderr = output, errors

    def finish() -> None:
        output.flush()
        raw = getattr(getattr(output, "buffer", None), "raw", None)
        error = raw.error if isinstance(raw, _Stream) else None
        if error and not isinstance(error, BrokenPipeError):
            raise OSError(f"cannot write to standard output: {error.strerror}")

    try:
        yield finish
    finally:
        output.flush()
        errors.flush()
        sys.stdout, sys.stderr = before


def _steady(stream: TextIO | None) -> TextIO:
    if stream is not None:
        stream.flush()
        descriptor, encoding = stream.fileno(), stream.encoding
    else:  # it was closed; this keeps its number from the next file that is opened
        descriptor, encoding = os.open(os.devnull, os.O_WRONLY), "utf-8"
    raw = _Stream(descriptor, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=True)


class _Stream(io.FileIO):
    """What cannot be written is dropped; the last reason is kept."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            while (written := super().write(data)) is None:  # a pipe that does not block is full
                select([], [self], [])
            return written
        except OSError as error:
            self.error = error
            return len(data)
