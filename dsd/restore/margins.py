"""Photographs in memory, crops of which are drawn with a margin around them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from dsd.data.images import load_image


class WithMargin:
    """Photographs, decoded at once and kept in 8 bits: what :class:`.Pairs` that are made of them have in common.

    Args:
        paths: their files.
        margin: pixels that a crop needs on each side.
        purpose: of the margin, for messages.
        quiet: show no progress.

    Raises:
        FileNotFoundError: a photograph is missing.
        ValueError: there are none, or one cannot be used.

    Example:
        >>> from dsd.data.images import embedded_photographs
        >>> pairs = WithMargin(embedded_photographs()[:1], 4, "the blur", quiet=True)
        >>> pairs.around(0, 64, np.random.default_rng(0)).shape
        torch.Size([3, 72, 72])
    """

    def __init__(self, paths: Sequence[Path], margin: int, purpose: str, *, quiet: bool = False) -> None:
        if not paths:
            raise ValueError("paths must hold at least one photograph")
        self.paths, self.margin, self.purpose = paths, margin, purpose
        self.photographs = [
            (255 * load_image(path)).round().byte() for path in tqdm(paths, "decoding", unit="image", disable=quiet)
        ]

    def __len__(self) -> int:
        """Count the photographs."""
        return len(self.photographs)

    def check(self, side: int) -> None:
        """Refuse photographs that are smaller than a crop with its margins.

        Raises:
            ValueError: one is; the message names it.
        """
        needed = side + 2 * self.margin
        for path, photograph in zip(self.paths, self.photographs, strict=True):
            height, width = photograph.shape[1:]
            if min(height, width) < needed:
                raise ValueError(
                    f"{path} is {height}×{width} pixels: a crop of {side}×{side} with a margin of {self.margin} for "
                    f"{self.purpose} needs {needed}×{needed}"
                )

    def around(self, index: int, side: int, random: np.random.Generator) -> Tensor:
        """A crop of one photograph with its margins, (3, side + 2 margin, …) in [0, 1]: the place is drawn evenly."""
        photograph, needed = self.photographs[index], side + 2 * self.margin
        top, left = (int(random.integers(length - needed + 1)) for length in photograph.shape[1:])
        return photograph[:, top : top + needed, left : left + needed] / 255
