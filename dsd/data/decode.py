"""Image files as arrays: which formats are read, how large an image may be, what its pixels mean."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dsd.data.damage import SequentialJPEG, check_integrity

# No others are read: Pillow has Ghostscript, a program, draw EPS files.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

# Cameras reach 11648×8736, 102 million. In float32 an image of the limit's size is 1.4 GB.
MAX_PIXELS = 120_000_000

# Tags of a TIFF.
BITS, PHOTOMETRIC, PLANAR, COLOUR_MAP, EXTRA, SAMPLE_FORMAT, SUBSAMPLING = 258, 262, 284, 320, 338, 339, 530
WHITE_IS_ZERO, YCBCR = 0, 6


def read_pixels(path: Path) -> np.ndarray:
    """Decode an image file.

    Returns:
        uint8 (H, W, 3), or for 16-bit grey float32 (H, W) in [0, 1].

    Raises:
        Exception: it cannot be used; of many types, which Pillow raises for damaged files.
    """
    with path.open("rb") as file, _pillows_limit_off():
        stream = check_integrity(file)
        try:
            image: Image.Image = Image.open(stream, formats=FORMATS)
        except UnidentifiedImageError as error:
            raise ValueError(f"it is none of {', '.join(FORMATS)}, or of a kind that Pillow cannot read") from error
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"it is {width}×{height} pixels, and the limit is {MAX_PIXELS:,} in all")
        if getattr(image, "is_animated", False) and image.format != "MPO":  # MPO: a phone's still with extras
            raise ValueError("it is animated or has several pages, a still image is expected")
        if check := {"JPEG": _check_jpeg, "PNG": _prepare_png, "TIFF": _check_tiff}.get(image.format or ""):
            check(image)
        ImageOps.exif_transpose(image, in_place=True)
        if isinstance(stream, SequentialJPEG):
            stream.check()
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return _grey(image)
    if image.mode in ("I", "F", "LAB"):
        raise ValueError(f"its pixels are of Pillow's mode {image.mode}, of unknown range or colour")
    return np.asarray(_rgb(image))


_lock = threading.Lock()  # held while the limit changes, not while work is done
_inside: set[object] = set()  # one for each thread that has not left
_callers: list[int | None] = []  # Pillow's limit from before the first of them


def _after_fork_in_child() -> None:
    """Release the lock; the threads that were inside do not exist here, so none of them brings the limit back."""
    if _inside:
        Image.MAX_IMAGE_PIXELS = _callers[0]
        _inside.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):  # a process forked while another thread holds the lock would wait for it forever
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork_in_child)


@contextmanager
def _pillows_limit_off() -> Iterator[None]:
    """Pillow's own limit, which warns first, is off inside: MAX_PIXELS holds. It is one for all threads."""
    entry = object()
    try:
        with _lock:
            if not _inside:
                _callers[:] = [Image.MAX_IMAGE_PIXELS]
            _inside.add(entry)
            Image.MAX_IMAGE_PIXELS = None
        yield
    finally:
        with _lock:
            if _inside == {entry}:
                Image.MAX_IMAGE_PIXELS = _callers[0]
            _inside.discard(entry)


def _check_jpeg(image: Image.Image) -> None:
    if image.mode == "CMYK" and "adobe" not in image.info:
        raise ValueError("its colours are CMYK without Adobe's marker, which may be inverted or not")


def _prepare_png(image: Any) -> None:
    """Refuse what Pillow reads wrongly; bring the transparent one of 4 or 16 greys to 8 bits, as it does the greys."""
    bits = image.tile[0][3] if image.tile else None
    key = image.info.get("transparency")
    if image.mode == "P" and image.palette is None:
        raise ValueError("it has no palette")
    if key is not None and bits == "RGB;16B":
        raise ValueError("it is of 16 bits and one of its colours is transparent, which Pillow cannot tell from others")
    if key is not None and bits in ("L;2", "L;4"):
        image.info["transparency"] = key * {"L;2": 85, "L;4": 17}[bits]


def _check_tiff(image: Any) -> None:
    """Refuse what Pillow reads wrongly."""
    tags, raw = image.tag_v2, image.info["compression"] == "raw"
    if set(tags.get(SAMPLE_FORMAT, (1,))) != {1}:
        raise ValueError("its pixels are signed or floating-point numbers, of unknown range")
    if tags.get(PLANAR, 1) == 2 and (
        image.mode in ("LA", "La", "PA")
        or (image.mode == "RGBA" and EXTRA not in tags)
        or (raw and (set(tags.get(BITS, (1,))) != {8} or tags.get(PHOTOMETRIC, 0) == WHITE_IS_ZERO))
    ):
        raise ValueError("its colours lie in separate planes, of a kind that Pillow cannot read")
    if raw and tags.get(PHOTOMETRIC) == YCBCR and tags.get(SUBSAMPLING, (2, 2)) != (1, 1):
        raise ValueError("its colours are YCbCr of lower resolution, not compressed, which Pillow cannot read")
    if image.mode in ("P", "PA") and max(tags[COLOUR_MAP]) < 256:
        raise ValueError("its colour map has 8 bits, 16 are expected")


def _grey(image: Any) -> np.ndarray:
    """Grey of more than 8 bits."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    grey = values.astype(np.float32) / (2 ** tags.get(BITS, (16,))[0] - 1)  # Pillow leaves 12 bits as they are
    if tags and tags.get(PHOTOMETRIC, 0) == WHITE_IS_ZERO:  # it negates 8 bits, but not 16
        grey = 1 - grey
    if (key := image.info.get("transparency")) is not None:
        grey[values == key] = 1
    return grey


def _rgb(image: Image.Image) -> Image.Image:
    """As RGB; what is transparent lies over white."""
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        if image.mode != "RGBA":
            image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")
