"""Small collections, and the scan of them that most tests do."""

import io
import struct
import tarfile
import zlib

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from dsd.scan.items import find_items
from dsd.scan.settings import Settings

LAYERS, ALPHAS = ("relu1_2", "relu2_1"), (2, 4)
SETTINGS = Settings(
    LAYERS, ALPHAS, "lite", "random", device="cpu", resize=40, crop=32, batch_size=4, shard_size=8, threads=1
)
OPTIONS = ["--layers=relu1_2,relu2_1", "--alphas=2,4", "--backbone=lite", "--weights=random", "--device=cpu"]
OPTIONS += ["--resize=40", "--crop=32", "--batch-size=4", "--shard-size=8", "--threads=1"]
COLUMNS = ["relu1_2_dsd2", "relu2_1_dsd2", "relu1_2_dsd4", "relu2_1_dsd4"]
STAMP = ["bytes", "mtime_ns", "sha256"]
# `dsd` of which each image takes its time.
SLOW = """
import sys, time
from dsd.scan import scoring
load = scoring.load_image
scoring.load_image = lambda path: (time.sleep(0.05), load(path))[1]
from dsd.cli import main
sys.exit(main(sys.argv[1:]))
"""
BROKEN = {
    "empty.jpg": "it is none of BMP, GIF,",
    "truncated.jpg": "it has no end marker",
    "page.jpg": "it is none of BMP, GIF,",
    "array.png": "it is none of BMP, GIF,",
    "animated.gif": "it is animated",
    "float.tif": "floating-point numbers, of unknown range",
    "folder.png": "no image at folder.png",
    "thin.png": "it is 100000×1 pixels, too long to be resized",
    "dangling.webp": "no image at dangling.webp",
    "bomb.png": "it is 100000×100000 pixels, and the limit is",
}


def save_good(folder, count=40):
    """Photographs of random pixels: sizes, suffixes and folders differ."""
    generator = np.random.default_rng(0)
    for number in range(count):
        place = folder / ("n01440764", "n01443537", "other")[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (48 + number % 5, 56 - number % 7, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{number:04}{('.png', '.jpg')[number % 2]}")
    return folder


def save_broken(folder):
    """What `BROKEN` lists."""
    folder.mkdir(exist_ok=True)
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG")
    (folder / "empty.jpg").touch()
    (folder / "truncated.jpg").write_bytes(jpeg.getvalue()[: len(jpeg.getvalue()) // 2])
    (folder / "page.jpg").write_text("<!DOCTYPE html><title>404 Not Found</title>")
    with (folder / "array.png").open("wb") as file:
        np.save(file, np.zeros(9))
    image.save(folder / "animated.gif", save_all=True, append_images=[Image.new("RGB", (64, 64))])
    Image.fromarray(np.ones((64, 64), np.float32)).save(folder / "float.tif")
    (folder / "folder.png").mkdir()
    Image.new("RGB", (1, 100_000)).save(folder / "thin.png")
    (folder / "dangling.webp").symlink_to(folder / "nowhere")
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0), b"IDAT": b"", b"IEND": b""}
    coded = [
        struct.pack(">I", len(c)) + name + c + struct.pack(">I", zlib.crc32(name + c)) for name, c in chunks.items()
    ]
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(coded))
    return folder


def save_tar(path, folder, reverse=False):
    """All images of a folder."""
    with tarfile.open(path, "w") as archive:
        for item in sorted(find_items(folder)[1], reverse=reverse):
            archive.add(folder / item.path, item.path)
    return path


def rows(out):
    """A table's."""
    return pq.read_table(out).to_pylist()


def fail(*_):
    """Stand in for what a full disk interrupts."""
    raise OSError("disk full")
