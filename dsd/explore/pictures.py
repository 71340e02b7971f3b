"""The images that can be explored: photographs that come along, and uploads."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from dsd.data.distortions import DISTORTIONS
from dsd.data.images import find_image, load_image
from dsd.data.views import crop_square, resize_short_side

SIDE = 256  # of what is shown and measured, in pixels
MARGIN = 16  # around it: a shift shows more of the photograph instead of a border
CENTRE = 176  # of what curves and optimisations take: the least that MS-SSIM has scales for


@dataclass(frozen=True, eq=False)
class Picture:
    """A square of a photograph; pictures are equal only to themselves, so answers can be kept by them."""

    name: str
    """What messages and captions call it."""
    pixels: Tensor
    """Float (3, SIDE + 2·MARGIN, SIDE + 2·MARGIN) in [0, 1]."""
    note: str
    """How large the file's image is, and what was done to it."""


@dataclass(frozen=True)
class Degradation:
    """A distortion with amounts that rise in strength."""

    label: str
    """What it is, and how strength is counted."""
    amounts: tuple[float, ...]
    """Of strengths 1, 2, …; strength 0 leaves the image."""
    apply: Callable[[Tensor, float], Tensor] | None
    """(3, H, W), amount → the same shape; None: a shift of the square."""


_LABELS = {
    "blur": "blur, σ in pixels",
    "noise": "white noise, σ",
    "jpeg": "JPEG, quality",
    "down_up": "down- and upsampling, factor",
}
DEGRADATIONS = {
    **{kind: Degradation(_LABELS[kind], amounts, apply) for kind, (apply, amounts) in DISTORTIONS.items()},
    "shift": Degradation("shift to the right, pixels", (1, 2, 4, 16), None),
}


@lru_cache
def open_photograph(name: str) -> Picture:
    """A photograph that comes along, as a picture.

    Args:
        name: as for :func:`dsd.data.images.find_image`.

    Raises:
        FileNotFoundError, ValueError: there is none, or it cannot be used.

    Example:
        >>> open_photograph("chelsea.png").pixels.shape
        torch.Size([3, 288, 288])
    """
    return _prepare(load_image(find_image(name)), name)


def open_upload(content: bytes, name: str) -> Picture:
    """A file that was sent, as a picture.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        ValueError: it cannot be used: the message says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(content)
        try:
            return _prepare(load_image(path), name)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), name)) from None


def _prepare(image: Tensor, name: str) -> Picture:
    whole = SIDE + 2 * MARGIN
    height, width = image.shape[1:]
    note = f"{width}×{height} pixels; the middle, {SIDE}×{SIDE} after the short side is brought to {whole}"
    if min(height, width) < whole:
        note += ". It was enlarged, so it is blurred: do not read its values as the file's"
    return Picture(name, crop_square(resize_short_side(image, whole, name), whole, name=name).contiguous(), note)


def degrade(picture: Picture, kind: str, strength: int, side: int = SIDE) -> Tensor:
    """The middle of a picture, degraded.

    Args:
        picture: the picture.
        kind: a key of `DEGRADATIONS`.
        strength: 0 leaves it as it is; k takes the k-th amount.
        side: of the square that is returned, at most `SIDE`. What lies around it takes part in the degradation.

    Returns:
        Float (3, side, side) in [0, 1].

    Raises:
        KeyError: another kind.
        IndexError: there is no such strength.

    Example:
        >>> degrade(open_photograph("coffee.png"), "blur", 2, side=64).shape
        torch.Size([3, 64, 64])
    """
    return crop_square(_degraded(picture, kind, strength), side)


@lru_cache(maxsize=64)
def _degraded(picture: Picture, kind: str, strength: int) -> Tensor:
    degradation = DEGRADATIONS[kind]
    if not strength:
        return crop_square(picture.pixels, SIDE)
    amount = degradation.amounts[strength - 1]
    if degradation.apply is None:
        return crop_square(picture.pixels, SIDE, position=(0.5, 0.5 - amount / (2 * MARGIN)))
    return degradation.apply(crop_square(picture.pixels, SIDE), amount).clamp(0, 1)
