"""What a restoration network learns from: pairs of crops, degraded and clean."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from dsd.data.images import image_size
from dsd.data.restoration_sets import PairedFiles
from dsd.restore.degrade import Like, low_resolution


class Pairs(Protocol):
    """A set of photographs, crops of which can be drawn together with their degraded versions."""

    def __len__(self) -> int:
        """Count the photographs."""

    def check(self, side: int) -> None:
        """Refuse photographs that are smaller than a crop of this side.

        Raises:
            ValueError: one is; the message names it.
        """

    def crop(self, index: int, side: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """One pair of a photograph: degraded (3, side/s, side/s) and clean (3, side, side), in [0, 1]."""


class Files(Sequence[tuple[Tensor, Tensor]]):
    """Whole images, degraded and clean, in 8 bits. Where a set has no degraded ones, low-resolution ones are made.

    Args:
        sets: of one scale.
        like: whose downscaling, see :func:`dsd.restore.degrade.low_resolution`.
    """

    def __init__(self, sets: Sequence[PairedFiles], like: Like = "matlab-8bit") -> None:
        self.items = [(one, name) for one in sets for name in one.items]
        self.like = like

    def __len__(self) -> int:
        """Count the images."""
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Read one pair: (3, H, W) and (3, s·H, s·W)."""
        files, name = self.items[index]
        degraded, clean = files.load(name)
        if degraded is None:
            degraded = low_resolution(clean[None], files.scale, self.like)[0]
        return tuple((255 * image).round().clamp(0, 255).byte() for image in (degraded, clean))  # type: ignore[return-value]

    def path(self, index: int) -> Path:
        """The clean file."""
        files, name = self.items[index]
        return files.items[name][1]


class Aligned:
    """Crops of whole images, degraded and clean, whose positions correspond: :class:`.Pairs` out of files.

    Args:
        files: whole images.
        scale: how many times larger the clean ones are.
        keep: decode them at once and keep them in memory, or read them again for each crop.
        quiet: show no progress.
    """

    def __init__(self, files: Files, scale: int, *, keep: bool = True, quiet: bool = False) -> None:
        self.files, self.scale, self.keep = files, scale, keep
        reading = tqdm(files, "reading pairs", unit="image", disable=quiet) if keep else ()
        self.images: Sequence[tuple[Tensor, Tensor]] = list(reading) if keep else files

    def __len__(self) -> int:
        """Count the photographs."""
        return len(self.files)

    def check(self, side: int) -> None:
        """Refuse images that are smaller than a crop; of those that are not kept the files' headers are read.

        Raises:
            ValueError: one is; the message names it.
        """
        for index in range(len(self)):
            path = self.files.path(index)
            height, width = self.images[index][1].shape[1:] if self.keep else image_size(path)
            if min(height, width) // self.scale * self.scale < side:
                raise ValueError(f"{path} is {height}×{width} pixels: crops are {side}×{side}")

    def crop(self, index: int, side: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """One pair: the place is drawn evenly."""
        degraded, clean = self.images[index]
        small = side // self.scale
        top, left = (int(random.integers(length - small + 1)) for length in degraded.shape[1:])
        x = degraded[:, top : top + small, left : left + small]
        top, left = top * self.scale, left * self.scale
        return x / 255, clean[:, top : top + side, left : left + side] / 255


class Batch(NamedTuple):
    """Pairs of one step."""

    degraded: Tensor
    """(N, 3, H, W)."""
    clean: Tensor
    """(N, 3, s·H, s·W)."""
    places: Tensor
    """(N,): which crops of the pool they are; −1 without a pool."""


class Batches(Dataset[Batch]):
    """Item k is the batch of step k + 1. Sample i of it follows from (seed, k, i) alone.

    So the batches of several processes, side by side, are those of one.

    Args:
        pairs: what crops are taken of.
        side: of a clean crop, in pixels.
        size: of the whole batch, a multiple of `count`.
        steps: how many batches there are.
        seed: of all that is random.
        each: crops of a photograph in a fixed pool; None: a new crop every time.
        noise: whether 8-bit values are spread over their width, (255·x + U[0, 1]) / 256, as the authors do.
        rank: number of this process.
        count: how many processes there are.

    Raises:
        ValueError: a photograph is smaller than a crop; the message names it.
    """

    def __init__(
        self,
        pairs: Pairs,
        *,
        side: int,
        size: int,
        steps: int,
        seed: int,
        each: int | None = None,
        noise: bool = False,
        rank: int = 0,
        count: int = 1,
    ) -> None:
        pairs.check(side)
        self.pairs, self.side, self.steps, self.seed = pairs, side, steps, seed
        self.each, self.noise = each, noise
        self.samples = range(rank * (size // count), (rank + 1) * (size // count))

    def __len__(self) -> int:
        """Count the steps."""
        return self.steps

    @property
    def places(self) -> int:
        """Count the crops of the pool."""
        return len(self.pairs) * (self.each or 0)

    def __getitem__(self, step: int) -> Batch:
        """Draw one batch: the same whenever it is asked for."""
        crops, places = [], []
        for sample in self.samples:
            random = np.random.default_rng((1, self.seed, step, sample))
            place = -1 if self.each is None else int(random.integers(self.places))
            crops.append(self._draw(random) if place < 0 else self.of_pool(place))
            places.append(place)
        degraded, clean = (torch.stack(some) for some in zip(*crops, strict=True))
        return Batch(degraded, clean, torch.tensor(places))

    def of_pool(self, place: int) -> tuple[Tensor, Tensor]:
        """A pair of the pool: the same whenever it is asked for."""
        assert self.each is not None
        return self._draw(np.random.default_rng((2, self.seed, place)), place // self.each)

    def _draw(self, random: np.random.Generator, index: int | None = None) -> tuple[Tensor, Tensor]:
        """A pair of one photograph, half of them mirrored."""
        index = int(random.integers(len(self.pairs))) if index is None else index
        pair = self.pairs.crop(index, self.side, random)
        if random.random() < 0.5:
            pair = pair[0].flip(2), pair[1].flip(2)
        if self.noise:
            x, y = ((255 * image + _uniform(image, random)) / 256 for image in pair)
            return x, y
        return pair


def _uniform(image: Tensor, random: np.random.Generator) -> Tensor:
    return torch.from_numpy(random.random(tuple(image.shape), dtype=np.float32))
