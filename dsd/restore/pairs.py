"""What a restoration network learns from: pairs of crops, degraded and clean."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from dsd.data.images import load_image
from dsd.restore.degrade import Like, low_resolution


class Pairs(Protocol):
    """A set of photographs, crops of which can be drawn together with their degraded versions."""

    def __len__(self) -> int:
        """Count the photographs."""

    def crop(self, index: int, side: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """One pair of a photograph: degraded (3, side/s, side/s) and clean (3, side, side), in [0, 1]."""


class Aligned:
    """Whole images, degraded and clean, whose positions correspond: for super-resolution, and for pairs from files.

    Args:
        degraded: uint8 (3, H, W), one each.
        clean: uint8 (3, s·H, s·W), one each.
        scale: s.
    """

    def __init__(self, degraded: Sequence[Tensor], clean: Sequence[Tensor], scale: int) -> None:
        self.degraded, self.clean, self.scale = degraded, clean, scale

    def __len__(self) -> int:
        """Count the photographs."""
        return len(self.clean)

    def crop(self, index: int, side: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """One pair: the place is drawn evenly."""
        small = side // self.scale
        image = self.degraded[index]
        top, left = (int(random.integers(length - small + 1)) for length in image.shape[1:])
        x = image[:, top : top + small, left : left + small]
        top, left = top * self.scale, left * self.scale
        y = self.clean[index][:, top : top + side, left : left + side]
        return x / 255, y / 255


def downscaled(paths: Sequence[Path], scale: int, like: Like = "matlab-8bit", *, quiet: bool = False) -> Aligned:
    """Photographs, cut to multiples of the scale, and their low-resolution versions, made here.

    Args:
        paths: photographs, which are decoded at once and kept in 8 bits.
        scale: factor.
        like: whose downscaling, see :func:`dsd.restore.degrade.low_resolution`.
        quiet: show no progress.
    """
    clean, degraded = [], []
    for path in tqdm(paths, "downscaling", unit="image", disable=quiet):
        image = load_image(path)
        height, width = (side // scale * scale for side in image.shape[1:])
        image = image[:, :height, :width]
        clean.append((255 * image).round().byte())
        degraded.append((255 * low_resolution(image[None], scale, like)[0]).round().clamp(0, 255).byte())
    return Aligned(degraded, clean, scale)


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
        self.pairs, self.side, self.steps, self.seed = pairs, side, steps, seed
        self.each, self.noise = each, noise
        self.samples = range(rank * (size // count), (rank + 1) * (size // count))

    def __len__(self) -> int:
        """Count the steps."""
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        """Draw one batch: the same whenever it is asked for."""
        crops, places = [], []
        for sample in self.samples:
            random = np.random.default_rng((self.seed, step, sample))
            place = -1 if self.each is None else int(random.integers(len(self.pairs) * self.each))
            crops.append(self.draw(random) if place < 0 else self.of_pool(place))
            places.append(place)
        degraded, clean = (torch.stack(some) for some in zip(*crops, strict=True))
        return Batch(degraded, clean, torch.tensor(places))

    def of_pool(self, place: int) -> tuple[Tensor, Tensor]:
        """A pair of the pool: the same whenever it is asked for."""
        assert self.each is not None
        return self.draw(np.random.default_rng((self.seed, place)), place // self.each)

    def draw(self, random: np.random.Generator, index: int | None = None) -> tuple[Tensor, Tensor]:
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
