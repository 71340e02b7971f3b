"""Image files: where they are, how they are read and written."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from dsd.atomic import atomic_write
from dsd.checks import check_images
from dsd.data.decode import read_pixels
from dsd.data.files import walk
from dsd.paths import data_root, find_folder

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}

# The photographs inside scikit-image's wheel, public domain or CC0.
EMBEDDED = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "motorcycle_left.png",
    "rocket.jpg",
)


def find_images(folder: str | Path) -> list[Path]:
    """All image files under a folder, sorted by path; hidden ones are left out, no folder is entered twice.

    Raises:
        FileNotFoundError: there is no such folder, or no image in it.
        OSError: a folder below it cannot be listed; it is named.
    """
    folder = find_folder(folder)
    paths = sorted(path for path in walk(folder) if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise FileNotFoundError(f"no image in {folder}: looked for {', '.join(sorted(SUFFIXES))}")
    return paths


def find_image(name: str | Path) -> Path:
    """Find an image by its path, by its path under the data root, or as one of scikit-image's photographs.

    Raises:
        FileNotFoundError: it is at none of these places.
        ModuleNotFoundError: it is one of scikit-image's photographs, and scikit-image is not installed.

    Example:
        >>> find_image("coffee.png").parent.parent.name
        'skimage'
    """
    candidates = [Path(name), data_root() / name]
    for path in candidates:
        if path.is_file():
            return path
    if str(name) in EMBEDDED:
        return embedded_photographs()[EMBEDDED.index(str(name))]
    raise FileNotFoundError(f"no image {name}: looked at {candidates[0]}, {candidates[1]} and {', '.join(EMBEDDED)}")


def embedded_photographs() -> list[Path]:
    """The photographs inside scikit-image's wheel: ten, from 384×303 to 741×500 pixels, five in colour.

    Raises:
        ModuleNotFoundError: scikit-image is not installed (``pip install dsd[figures]``).
    """
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the embedded photographs are scikit-image's: pip install scikit-image")
    return [Path(package.origin).parent / "data" / name for name in EMBEDDED]


def load_image(path: str | Path) -> Tensor:
    """Read an image as a viewer would show it: turned upright, grey and CMYK as RGB, transparency over white.

    The formats are BMP, GIF, JPEG, PNG, PPM, TIFF and WebP, whatever the file's name says. Grey of 12 or 16 bits keeps
    its precision; 16-bit colour comes with 8 bits. Colour profiles and gamma are not applied.

    Damage that a file tells of is an error: a missing end, a wrong checksum in a PNG, more or fewer data in a JPEG than
    its picture needs. Most changed bytes inside other formats, and inside progressive JPEGs, leave no trace.

    Returns:
        float32 (3, H, W) in [0, 1].

    Raises:
        TypeError: `path` is no path.
        FileNotFoundError: no such file.
        ValueError: the file cannot be used; it is named. It is no image of these formats, or may not be opened. It is
            damaged, animated, or larger than 120 million pixels. Its values have no known range or meaning
            (floating-point, signed, 32-bit, LAB, CMYK without Adobe's marker). Or Pillow cannot read its kind, or reads
            it wrongly (colours in separate planes, say, or one transparent colour of 16 bits).
        MemoryError: the machine has too little memory for it.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path must be a string or a Path, got {type(path).__name__}")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no image at {path}")
    try:
        pixels = read_pixels(path)
    except MemoryError:  # the machine's, and not the file's
        raise
    except Exception as error:  # decoders raise what they like
        raise ValueError(f"cannot use {path}: {str(error) or type(error).__name__}") from error
    return _to_float(pixels) if pixels.ndim == 3 else torch.from_numpy(pixels).expand(3, -1, -1).contiguous()


def image_size(path: str | Path) -> tuple[int, int]:
    """Height and width of an image file in pixels, out of its header.

    Raises:
        ValueError: the file is no image; it is named.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no image: {error}") from None


def from_pil(image: Image.Image) -> Tensor:
    """An RGB image of PIL as float32 (3, H, W) in [0, 1], in PIL's order in memory: colours of a pixel side by side."""
    return _to_float(np.asarray(image))


def _to_float(pixels: np.ndarray) -> Tensor:
    """From uint8 (H, W, 3)."""
    return torch.from_numpy(np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)).permute(2, 0, 1)


def to_uint8(x: Tensor) -> np.ndarray:
    """An image as PIL and matplotlib take it: 8 bits, rounded down as torchvision does.

    Args:
        x: float (3, H, W) in [0, 1].

    Returns:
        uint8 (H, W, 3).

    Raises:
        ValueError: `x` is no such image.

    Example:
        >>> to_uint8(torch.tensor([1.0, 0.5, 0.0])[:, None, None])
        array([[[255, 127,   0]]], dtype=uint8)
    """
    check_images(x[None])
    return (x.permute(1, 2, 0).numpy(force=True) * 255).astype(np.uint8)


def save_image(x: Tensor, path: str | Path) -> None:
    """Write an image as a file of 8 bits, as :func:`to_uint8` rounds; what has its name is complete.

    Args:
        x: float (3, H, W) in [0, 1].
        path: of the file; its suffix says the format.

    Raises:
        ValueError: `x` is no such image; or no format has this suffix.
    """
    path = Path(path)
    pixels, suffixes = to_uint8(x), Image.registered_extensions()
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"unknown file extension of {path}: no image format has it")
    with atomic_write(path) as file:
        Image.fromarray(pixels).save(file, suffixes[path.suffix.lower()])


def luma(x: Tensor) -> Tensor:
    """Luma Y of BT.601, (N, 1, H, W), of RGB images (N, 3, H, W)."""
    return (x * x.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)
