"""Photographs in memory, parts of which are drawn."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from dsd.data.images import load_image


class Photographs:
    """Photographs, decoded at once and kept in 8 bits.

    Args:
        paths: their files.
        quiet: show no progress.

    Raises:
        FileNotFoundError: a photograph is missing.
        ValueError: there are none, or one cannot be used.

    Example:
        >>> from dsd.data.images import embedded_photographs
        >>> Photographs(embedded_photographs()[:1], quiet=True).part(0, 64, np.random.default_rng(0)).shape
        torch.Size([3, 64, 64])
    """

    def __init__(self, paths: Sequence[Path], *, quiet: bool = False) -> None:
        if not paths:
            raise ValueError("paths must hold at least one photograph")
        self.paths = paths
        self.pixels = [
            (255 * load_image(path)).round().byte() for path in tqdm(paths, "decoding", unit="image", disable=quiet)
        ]

    def __len__(self) -> int:
        """Count them."""
        return len(self.pixels)

    def check(self, side: int, margin: int, purpose: str) -> None:
        """Refuse photographs that are smaller than a crop with a margin around it, which is needed for `purpose`.

        Raises:
            ValueError: one is; the message names it.
        """
        needed = side + 2 * margin
        for path, photograph in zip(self.paths, self.pixels, strict=True):
            height, width = photograph.shape[1:]
            if min(height, width) < needed:
                raise ValueError(
                    f"{path} is {height}×{width} pixels: a crop of {side}×{side} with a margin of {margin} for "
                    f"{purpose} needs {needed}×{needed}"
                )

    def part(self, index: int, side: int, random: np.random.Generator) -> Tensor:
        """A square of one photograph, (3, side, side) in [0, 1]: the place is drawn evenly."""
        photograph = self.pixels[index]
        top, left = (int(random.integers(length - side + 1)) for length in photograph.shape[1:])
        return photograph[:, top : top + side, left : left + side] / 255
