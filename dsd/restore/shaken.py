"""Pairs for deblurring: crops of photographs, and the same as a camera that moved would have taken them."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from dsd.checks import check_choice, check_integer, check_number
from dsd.restore.blur import average_frames, camera_shake, motion_blur
from dsd.restore.margins import WithMargin
from dsd.restore.noisy import with_noise

Blur = Literal["shake", "frames"]
FRAMES = 7, 13  # of a video that become one, as in GoPro


class Shaken(WithMargin):
    """Photographs, crops of which are blurred by a new camera shake each: :class:`.Pairs` of scale 1.

    A pair: a crop is taken with a margin of half a kernel, blurred in linear light, and cut to its size, so that what
    moved in from beyond its borders is real. The blur is that of a :func:`.camera_shake`, or the mean of some frames of
    a video in which the camera moves evenly (:func:`.average_frames`). Noise is added to the sRGB values, which are
    then rounded to 8 bits, as a file's are. Length and roughness of the camera's path are drawn evenly.

    Args:
        paths: photographs, which are decoded at once and kept in 8 bits.
        kernel_side: of the blur kernels in pixels, odd.
        lengths: shortest and longest path of the camera in pixels. With the default, kernels are about as wide as
            those that Levin et al. measured.
        noise_std: standard deviation of the noise, in sRGB values from 0 to 1. The default is that of real blurred
            photographs, estimated on those of Levin et al. and of GoPro (0.001 to 0.003). 0: none.
        blur: ``"shake"`` or ``"frames"``.
        quiet: show no progress.

    Raises:
        FileNotFoundError: a photograph is missing.
        ValueError: there are no photographs, or one cannot be used; or an argument is outside its range.

    Reference:
        Levin, Weiss, Durand, Freeman: Understanding and evaluating blind deconvolution algorithms, CVPR 2009.

    Example:
        >>> from dsd.data.images import embedded_photographs
        >>> x, y = Shaken(embedded_photographs()[:1], quiet=True).crop(0, 64, np.random.default_rng(0))
        >>> x.shape, y.shape
        (torch.Size([3, 64, 64]), torch.Size([3, 64, 64]))
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        kernel_side: int = 25,
        lengths: tuple[float, float] = (5, 50),
        noise_std: float = 0.002,
        blur: Blur = "shake",
        quiet: bool = False,
    ) -> None:
        if check_integer(kernel_side, "kernel_side", 1) % 2 == 0:
            raise ValueError(f"kernel_side must be odd, got {kernel_side}")
        shortest, longest = lengths
        if check_number(shortest, "the shortest of lengths") > check_number(longest, "the longest of lengths"):
            raise ValueError(f"lengths must be the shortest and the longest, got {lengths}")
        check_choice(blur, "blur", get_args(Blur))
        self.kernel_side, self.lengths, self.blur = kernel_side, lengths, blur
        self.noise_std = check_number(noise_std, "noise_std")
        super().__init__(paths, kernel_side // 2, "the blur", quiet=quiet)

    def crop(self, index: int, side: int, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """One pair of a photograph, blurred and sharp: the place is drawn evenly.

        Args:
            index: of the photograph.
            side: of the crop in pixels.
            random: gives everything that is random.

        Returns:
            Two float32 (3, side, side) in [0, 1].
        """
        sharp = self.around(index, side, random)
        inside = slice(self.margin, self.margin + side)
        x = with_noise(self._blurred(sharp[None], random)[0, :, inside, inside], self.noise_std, random)
        return x, sharp[:, inside, inside]

    def _blurred(self, x: Tensor, random: np.random.Generator) -> Tensor:
        length = random.uniform(*self.lengths)
        if self.blur == "shake":
            return motion_blur(x, camera_shake(random, side=self.kernel_side, length=length, roughness=random.random()))
        angle, frames = 2 * math.pi * random.random(), int(random.integers(*FRAMES, endpoint=True))
        way = min(length, self.kernel_side - 1) * (torch.arange(frames) / (frames - 1) - 0.5)
        return average_frames(x, torch.stack([way * math.cos(angle), way * math.sin(angle)], dim=1))
