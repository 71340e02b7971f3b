"""Images for trying a network where it was not trained: small, flat and saturated ones, and pages."""

import random
import string
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dsd.data.images import from_pil, save_image
from dsd.data.views import Photographs

# The RGB cube's corners (black, blue, green, …, white) and its middle, grey.
CHOSEN = torch.tensor([*product((0.0, 1.0), repeat=3), (0.5, 0.5, 0.5)])
FAINT = 2 / 255  # standard deviation of the noise
CONTRAST = 4
FINER = 4  # pages are drawn so many times as large, then reduced, so that edges are smooth


def write_unusual(
    photographs: Photographs, folder: Path, *, small: int, count: int, seed: int
) -> dict[str, Photographs]:
    """Images of several kinds that few photographs are like, written as PNG, of the photographs' size.

    - ``small``: the photographs, `small` pixels wide and high, with as much in view.
    - ``flat colours``: of one colour; first the eight corners of the RGB cube and mid-grey, then random ones.
    - ``nearly flat``: such, with white noise of a standard deviation of 2 levels out of 255.
    - ``saturated``: the photographs x as 0.5 + 4 (x − 0.5), cut at 0 and 1.
    - ``pages``: text, charts and line drawings in turn.

    Args:
        photographs: of which the first `count` are made small and saturated.
        folder: where to; a folder for each kind.
        small: side in pixels.
        count: images of each kind; of ``small`` and ``saturated``, at most as many as there are photographs.
        seed: of everything random.

    Returns:
        {kind: its images}.

    Raises:
        ValueError: `count` below 1.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    side, generator, drawing = photographs.crop, torch.Generator().manual_seed(seed), random.Random(seed)
    views = photographs.views[:count]
    colours = torch.cat([CHOSEN, torch.rand(count, 3, generator=generator)])[:count, :, None, None]
    flat = colours.expand(-1, -1, side, side)
    images: dict[str, Iterable[Tensor]] = {
        "flat colours": flat,
        "nearly flat": (flat + FAINT * torch.randn(flat.shape, generator=generator)).clamp(0, 1),
        "saturated": [(0.5 + CONTRAST * (photographs[k] - 0.5)).clamp(0, 1) for k in range(len(views))],
        "pages": [page(("text", "chart", "lines")[k % 3], side, drawing) for k in range(count)],
    }
    resize = None if photographs.resize is None else round(photographs.resize * small / side)
    kinds = {"small": Photographs(views, "small", resize=resize, crop=small)}
    for kind, pictures in images.items():
        (folder / kind).mkdir(parents=True)
        for k, x in enumerate(pictures):
            save_image(x, folder / kind / f"{k:03}.png")
        kinds[kind] = Photographs.from_folder(folder / kind, resize=None, crop=side)
    return kinds


def page(kind: str, side: int, generator: random.Random) -> Tensor:
    """Draw a page of ``text``, a bar ``chart``, or a drawing of ``lines``, dark on white; float (3, side, side).

    Example:
        >>> page("text", 64, random.Random(0)).shape
        torch.Size([3, 64, 64])
    """
    size = FINER * side
    image = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(image)

    def colour() -> tuple[int, int, int]:
        return generator.randrange(160), generator.randrange(160), generator.randrange(160)

    def place() -> tuple[int, int]:
        return generator.randrange(size), generator.randrange(size)

    if kind == "text":
        height = FINER * generator.randint(9, 20)
        font, ink = ImageFont.load_default(height), generator.choice([(0, 0, 0), colour()])
        for top in range(height, size - height, round(1.4 * height)):
            words = ("".join(generator.choices(string.ascii_lowercase, k=generator.randint(2, 9))) for _ in range(40))
            draw.text((height, top), " ".join(words), ink, font)
    elif kind == "chart":
        bars, bottom = generator.randint(4, 12), size - size // 8
        draw.line([(size // 8, size // 8), (size // 8, bottom), (size - size // 8, bottom)], "black", FINER)
        width = (size - size // 4) // bars
        for left in range(size // 8 + width // 4, bottom - width // 2, width):
            draw.rectangle((left, generator.randint(size // 8, bottom), left + width // 2, bottom), colour())
    else:
        for _ in range(generator.randint(8, 20)):
            if generator.random() < 0.5:
                draw.line([place(), place()], colour(), FINER * generator.randint(1, 3))
            else:
                (left, top), radius = place(), generator.randrange(size // 16, size // 3)
                draw.ellipse((left - radius, top - radius, left + radius, top + radius), None, colour(), 2 * FINER)
    return from_pil(image.reduce(FINER))
