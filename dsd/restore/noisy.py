"""Pairs for denoising, whose clean crops may lie beside the noisy ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dsd.checks import check_integer, check_number
from dsd.restore.margins import WithMargin

NOISE_STD = 25 / 255  # the usual test of denoising


def with_noise(x: Tensor, std: float, random: np.random.Generator) -> Tensor:
    """White Gaussian noise on an image, which is then rounded to 8 bits and cut to their range, as a file's is.

    Args:
        x: float (3, H, W) in [0, 1].
        std: standard deviation of the noise, on the same scale; 0: none.
        random: gives the noise.
    """
    if std:
        x = x + std * torch.from_numpy(random.standard_normal(tuple(x.shape), dtype=np.float32))
    return (255 * x).round().clamp(0, 255) / 255


class Noisy(WithMargin):
    """Photographs, crops of which are paired with noisy ones at a place close by: :class:`.Pairs` of scale 1.

    Both directions of the way from the noisy to the clean crop are drawn evenly from −`misaligned` to `misaligned`
    pixels. So, with 0, each pixel has its clean value as a target; with as many pixels as a crop is wide, both share a
    quarter of their area on average. Noisy crops lie at least `margin` pixels from the photograph's borders.

    Args:
        paths: photographs, which are decoded at once and kept in 8 bits.
        noise_std: standard deviation of the noise, in sRGB values from 0 to 1.
        misaligned: the longest way in each direction, in pixels.
        margin: in pixels, at least `misaligned`; None: as much. Sources of one margin have their noisy crops from the
            same places, however misaligned they are.
        quiet: show no progress.

    Raises:
        FileNotFoundError: a photograph is missing.
        ValueError: there are no photographs, or one cannot be used; or an argument is outside its range.

    Reference:
        Mechrez, Talmi, Zelnik-Manor: The contextual loss for image transformation with non-aligned data, ECCV 2018.

    Example:
        >>> from dsd.data.images import embedded_photographs
        >>> x, y = Noisy(embedded_photographs()[:1], misaligned=8, quiet=True).crop(0, 64, np.random.default_rng(0))
        >>> x.shape, y.shape
        (torch.Size([3, 64, 64]), torch.Size([3, 64, 64]))
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        noise_std: float = NOISE_STD,
        misaligned: int = 0,
        margin: int | None = None,
        quiet: bool = False,
    ) -> None:
        self.noise_std = check_number(noise_std, "noise_std")
        self.misaligned = check_integer(misaligned, "misaligned", 0)
        margin = misaligned if margin is None else check_integer(margin, "margin", misaligned)
        super().__init__(paths, margin, "the misalignment", quiet=quiet)

    def crop(self, index: int, side: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """One pair of a photograph, noisy and clean: the places are drawn evenly.

        Args:
            index: of the photograph.
            side: of the crops in pixels.
            random: gives everything that is random.

        Returns:
            Two float32 (3, side, side) in [0, 1].
        """
        at, far, around = self.margin, self.misaligned, self.around(index, side, random)
        top, left = (at - far + int(random.integers(2 * far + 1)) for _ in range(2))
        x = with_noise(around[:, at : at + side, at : at + side], self.noise_std, random)
        return x, around[:, top : top + side, left : left + side]
