"""Batches of triplets: of what was measured of them, or of crops of their images."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset

from dsd.data.bapps import Judgement
from dsd.data.images import load_image


class Triplets(Protocol):
    """Triplets, some of which can be taken."""

    def __len__(self) -> int:
        """Count them."""

    def take(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """What is needed of those with these numbers; the last tensor, (N,), is the share for the second image."""


class Measured:
    """Triplets as (m of the first image, m of the second, share), (N, K), (N, K), (N,).

    Args:
        channels: m of each pair of a reference and an image, (pairs, K).
        first: number of each triplet's first image among the pairs.
        second: of its second image.
        share: of people who found the second one closer.
    """

    def __init__(self, channels: Tensor, first: Sequence[int], second: Sequence[int], share: Sequence[float]) -> None:
        self.channels, self.first, self.second = channels, torch.tensor(first), torch.tensor(second)
        self.share = torch.tensor(share, dtype=torch.float32)

    def __len__(self) -> int:
        """Count triplets."""
        return len(self.share)

    def take(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Those with these numbers."""
        return self.channels[self.first[chosen]], self.channels[self.second[chosen]], self.share[chosen]


class Patches:
    """Triplets as (first image, second image, reference, share), (N, 3, S, S) and (N,): crops at one random place.

    Args:
        triplets: the images and shares.
        side: S, in pixels. The share is that of whole images.
    """

    def __init__(self, triplets: Sequence[Judgement], side: int) -> None:
        self.triplets, self.side = triplets, side

    def __len__(self) -> int:
        """Count triplets."""
        return len(self.triplets)

    def take(self, chosen: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Those with these numbers.

        Raises:
            ValueError: an image cannot be read, is smaller than a crop, or of another size than its reference.
        """
        crops = [self._crop(self.triplets[index], generator) for index in chosen.tolist()]
        share = torch.tensor([self.triplets[index].share for index in chosen.tolist()])
        return *(torch.stack(images) for images in zip(*crops, strict=True)), share

    def _crop(self, at: Judgement, generator: torch.Generator) -> list[Tensor]:
        paths = (*at.images, at.reference)
        images = [load_image(path) for path in paths]
        height, width = images[-1].shape[1:]
        for path, image in zip(paths, images, strict=True):
            if image.shape != images[-1].shape or min(height, width) < self.side:
                raise ValueError(
                    f"{path} must have the size of its reference, {width}×{height}, and at least {self.side}×"
                    f"{self.side} pixels; got {image.shape[2]}×{image.shape[1]}"
                )
        top, left = (int(torch.randint(size - self.side + 1, (), generator=generator)) for size in (height, width))
        return [image[:, top : top + self.side, left : left + self.side] for image in images]


class Batches(Dataset[tuple[Tensor, ...]]):
    """Item k is the batch of step k + 1, drawn with the seed and the step.

    Args:
        triplets: what is drawn from.
        size: of a batch.
        steps: how many batches there are.
        seed: of the draw.
        rank: number of this process, whose batches are its own.
        count: how many processes there are.
    """

    def __init__(self, triplets: Triplets, *, size: int, steps: int, seed: int, rank: int = 0, count: int = 1) -> None:
        self.triplets, self.size, self.steps = triplets, size, steps
        self.seed, self.rank, self.count = seed, rank, count

    def __len__(self) -> int:
        """Count the steps."""
        return self.steps

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        """Draw one batch: the same whenever it is asked for."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index * self.count + self.rank)
        return self.triplets.take(torch.randint(len(self.triplets), (self.size,), generator=generator), generator)
