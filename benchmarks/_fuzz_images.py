"""Damaged image files, of all formats that `load_image` takes, and of some that it does not."""

import io
import re
import struct
import tempfile
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _fuzz import CRASHED, REFUSED, RIGHT, SILENT, UNDETECTED, Outcome, Random, damage
from PIL import Image

from dsd.data.images import load_image

SECONDS = 30  # that a file may take
# Suffix, PIL's mode, PIL's options.
KINDS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    *((".bmp", mode, {}) for mode in ("RGB", "L", "P", "1")),
    *((".gif", mode, {}) for mode in ("P", "L")),
    (".jpg", "RGB", {"quality": 90}),
    (".jpg", "RGB", {"progressive": True}),
    (".jpeg", "L", {}),
    (".jpg", "CMYK", {}),
    *((".png", mode, {}) for mode in ("RGB", "L", "LA", "RGBA", "P", "1", "I;16")),
    *((".ppm", mode, {}) for mode in ("RGB", "L", "1")),
    *((".tif", mode, {}) for mode in ("RGB", "L", "RGBA", "CMYK", "I;16", "P")),
    *((".tiff", "RGB", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")),
    (".tif", "1", {"compression": "group4"}),
    (".webp", "RGB", {"quality": 90}),
    (".webp", "RGB", {"lossless": True}),
    (".webp", "RGBA", {}),
)
FOREIGN = ("EPS", "ICO", "PCX", "TGA", "SGI", "JPEG2000", "PDF", "IM", "MSP", "XBM")


def encode(image: Image.Image, form: str, **options: Any) -> bytes:
    """A file's content."""
    image.save(file := io.BytesIO(), form, **options)
    return file.getvalue()


def whole_files(random: Random) -> list[tuple[str, bytes]]:
    """(suffix, content) of files as they should be."""
    waves = np.add.outer(np.sin(np.arange(40) / 5), np.cos(np.arange(52) / 7)) * 50 + 128
    pixels = np.clip(waves[..., None] + random.normal(0, 8, (40, 52, 3)), 0, 255).astype(np.uint8)
    rgb = Image.fromarray(pixels)
    files = []
    for suffix, mode, options in KINDS:
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257) if mode == "I;16" else rgb.convert(mode)
        if mode in ("LA", "RGBA"):
            image.putalpha(Image.fromarray(pixels[..., 1]))
        files.append((suffix, encode(image, Image.registered_extensions()[suffix], **options)))
    return files


def foreign_files() -> list[tuple[str, bytes]]:
    """Formats that `load_image` must not open, under names that it takes."""
    image = Image.new("L", (16, 16), 99)
    return [(".jpg", encode(image.convert("1") if form in ("MSP", "XBM") else image, form)) for form in FOREIGN]


def enlarge(content: bytes, random: Random) -> bytes | None:
    """The same file with a width and height that it has not; None where the format is not known here."""
    width, height = (int(random.choice([5_000, 13_000, 60_000, 65_535])) for _ in range(2))
    changed = bytearray(content)
    if content.startswith(b"\x89PNG"):
        head = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
        return content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:]
    if content.startswith(b"BM"):
        struct.pack_into("<ii", changed, 18, width, height)
    elif content.startswith(b"GIF"):
        struct.pack_into("<HH", changed, 6, width, height)
        struct.pack_into("<HH", changed, content.index(b",", 13) + 5, width, height)
    elif content.startswith(b"\xff\xd8") and (frame := re.search(rb"\xff[\xc0\xc2]\x00", content)):
        struct.pack_into(">HH", changed, frame.start() + 5, height, width)
    elif content[:1] == b"P":
        return re.sub(rb"\d+ \d+", f"{width} {height}".encode(), content, count=1)
    elif content.startswith(b"II*\0"):
        (directory,) = struct.unpack_from("<I", content, 4)
        for entry in range(directory + 2, directory + 26, 12):
            if (tag := struct.unpack_from("<H", content, entry)[0]) in (256, 257):
                struct.pack_into("<HII", changed, entry + 2, 4, 1, width if tag == 256 else height)
    else:
        return None
    return bytes(changed)


def images(count: int, seed: int) -> list[Outcome]:
    """Load damaged files. An error must name the file; what is loaded must be an image, and the same if nothing tells.

    Args:
        count: of files.
        seed: of the damage.
    """
    random = np.random.default_rng(seed)
    outcomes, originals = [], []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole, foreign = whole_files(random), foreign_files()
        for suffix, content in whole:
            path = Path(folder, f"whole{suffix}")
            path.write_bytes(content)
            originals.append(load_image(path))
        for number in range(count):
            chosen = random.integers(len(whole))
            suffix, content = whole[chosen]
            original: torch.Tensor | None = originals[chosen]
            kind = random.random()
            if kind < 0.1:
                how, content = "large", enlarge(content, random) or content
            elif kind < 0.15:
                how, suffix = "suffix", whole[random.integers(len(whole))][0]
            elif kind < 0.2:
                how, original = "foreign", None
                suffix, content = foreign[random.integers(len(foreign))]
            else:
                how, content = damage(content, whole[random.integers(len(whole))][1], random)
            path = Path(folder, f"{number}{suffix}")
            path.write_bytes(content)
            result, what = _load(path, original, content == whole[chosen][1])
            outcomes.append(Outcome(result, f"{how} {KINDS[chosen]}: {what}"))
            path.unlink()
    return outcomes


def _load(path: Path, original: torch.Tensor | None, intact: bool) -> tuple[str, str]:
    """Load a file and judge what comes.

    Args:
        path: of the file.
        original: what it held before it was damaged; None: it must not be opened.
        intact: nothing has changed.
    """
    start = time.monotonic()
    try:
        x = load_image(path)
    except (ValueError, FileNotFoundError) as error:
        if intact:
            return SILENT, f"an intact file was refused: {error}"
        return (REFUSED, "") if str(path) in str(error) else (CRASHED, f"the file is not named: {error}")
    except Exception as error:
        return CRASHED, f"{type(error).__name__}: {error}"
    if (seconds := time.monotonic() - start) > SECONDS:
        return CRASHED, f"{seconds:.0f} s"
    if original is None:
        return SILENT, "a foreign format was opened"
    if x.dtype != torch.float32 or x.ndim != 3 or len(x) != 3 or not x.numel() or not (x.min() >= 0 and x.max() <= 1):
        return SILENT, f"no image: {x.dtype}, {tuple(x.shape)}, from {x.min()} to {x.max()}"
    if torch.equal(x, original):
        return RIGHT, ""
    return UNDETECTED, f"{tuple(x.shape)}"
