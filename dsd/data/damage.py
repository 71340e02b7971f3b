"""Damaged image files: what a decoder passes over without a word, where the file can tell."""

import io
import re
import zlib
from functools import lru_cache
from typing import BinaryIO

from PIL import Image

# The next marker of a JPEG. Within picture data FF 00 is an FF, and FF D0 to FF D7 are restarts.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_SEQUENTIAL, _SCAN, _END = (0xC0, 0xC1), 0xDA, 0xD9

# Bytes at the end of a JPEG's picture data that may be too many or too few: decoders read ahead, encoders pad.
_SLACK = 32


def check_integrity(file: BinaryIO) -> BinaryIO:
    """Check what a file says of its own integrity: the checksums of a PNG, the structure of a JPEG.

    Args:
        file: open, at its beginning.

    Returns:
        What to decode. If it is a :class:`SequentialJPEG`, its `check` comes afterwards.

    Raises:
        ValueError: it is damaged.
    """
    head = file.read(8)
    if head == b"\x89PNG\r\n\x1a\n":
        _check_png(file)
    file.seek(0)
    if head.startswith(b"\xff\xd8\xff"):
        data = file.read()
        scan = _only_scan(data)
        return SequentialJPEG(data, *scan) if scan and _pillow_accepts_sequential() else io.BytesIO(data)
    return file


class SequentialJPEG(io.BytesIO):
    """A JPEG whose picture is one stretch of data: if that is damaged, the decoder needs more of it, or less.

    libjpeg fills up what is missing with grey, skips what is left over, and Pillow has no way to tell. So the decoder
    gets the data in two parts, the second one small, and a few zeros in place of the end marker. It must ask for the
    second part. If that does not do, Pillow calls the file truncated.

    Args:
        data: of the file.
        start: where the picture's data begin.
        end: where they end.
    """

    def __init__(self, data: bytes, start: int, end: int) -> None:
        super().__init__(data[:end] + bytes(_SLACK))
        self.second = max(start, end - _SLACK)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, but not from both parts at once."""
        left = self.second - self.tell()
        if left > 0 and (size is None or not 0 <= size <= left):
            size = left
        return super().read(size)

    def check(self) -> None:
        """Call it after decoding.

        Raises:
            ValueError: the second part was not needed.
        """
        if self.tell() <= self.second:
            raise ValueError("it is damaged: its picture ends before its data")


def _only_scan(data: bytes) -> tuple[int, int] | None:
    """Where the picture data of a JPEG lie, if it is sequential and has them in one piece."""
    position = 2
    layers = start = None
    while marker := _MARKER.search(data, position):
        if start is not None:
            if marker[1][0] != _END:
                raise ValueError(f"it is damaged: marker FF{marker[1][0]:02X} interrupts its picture data")
            restarts = b"".join(_RESTART.findall(data, start, marker.start()))
            if restarts != bytes(0xD0 + count % 8 for count in range(len(restarts))):
                raise ValueError("it is damaged: restarts are missing in its picture data")
            return start, marker.start()
        if marker[1][0] == _END:
            return None
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        segment = data[marker.end() + 2 : position]
        if marker[1][0] in _SEQUENTIAL:
            layers = segment[5:6]
        elif marker[1][0] == _SCAN and segment[:1] == layers:
            start = position
    raise ValueError("it is damaged: it has no end marker")


@lru_cache
def _pillow_accepts_sequential() -> bool:
    """Whether this version of Pillow is content with a whole :class:`SequentialJPEG`."""
    file = io.BytesIO()
    Image.linear_gradient("L").save(file, "JPEG")
    data = file.getvalue()
    stream = SequentialJPEG(data, *(_only_scan(data) or (0, 0)))
    try:
        Image.open(stream, formats=["JPEG"]).load()
        stream.check()
    except (OSError, ValueError):
        return False
    return True


def _check_png(file: BinaryIO) -> None:
    """Compare the checksums of a PNG's chunks; Pillow skips those of the picture's."""
    kind = b""
    while kind != b"IEND":
        length, kind = int.from_bytes(file.read(4), "big"), file.read(4)
        checksum = zlib.crc32(file.read(length), zlib.crc32(kind)).to_bytes(4, "big")
        if file.read(4) != checksum:
            raise ValueError(f"it is cut off or damaged: the checksum of its part {kind!r} is wrong")
