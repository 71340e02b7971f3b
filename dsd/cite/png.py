"""PNG files with a stamp: their pixels, and writing them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from dsd.atomic import atomic_write


def pixels(image: Image.Image) -> bytes:
    """Size and pixels of an image, the same however the file stores them.

    Args:
        image: 8 bits per channel.

    Example:
        >>> pixels(Image.new("L", (1, 1), 5)) == pixels(Image.new("RGB", (1, 1), (5, 5, 5)))
        True
    """
    return f"{image.width}×{image.height} ".encode() + image.convert("RGBA").tobytes()


def write(image: Image.Image, path: Path, name: str, about: Mapping[str, Any]) -> None:
    """Write an image with its stamp.

    Args:
        image: with its resolution and the program that drew it in `info`, as matplotlib's PNGs have them.
        path: of the file.
        name: the title.
        about: the stamp.
    """
    text = PngImagePlugin.PngInfo()
    text.add_text("Software", str(image.info.get("Software", "")))
    text.add_text("Title", name)
    text.add_itxt("Description", json.dumps(about, indent=2, ensure_ascii=False))
    with atomic_write(path) as file:
        image.save(file, "PNG", pnginfo=text, dpi=image.info.get("dpi", (300, 300)))
