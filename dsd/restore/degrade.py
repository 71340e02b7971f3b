"""The degradation of super-resolution: bicubic downscaling, as published low-resolution images were made."""

from typing import Literal, get_args

import torch
from torch import Tensor

from dsd.checks import check_alphas, check_choice, check_images
from dsd.resize import downscale, resize_matrix

Like = Literal["matlab", "matlab-8bit", "selfexsr"]


def low_resolution(hr: Tensor, scale: int = 4, like: Like = "matlab") -> Tensor:
    """Low-resolution images (LR) of high-resolution ones (HR), by antialiased bicubic downscaling.

    Three ways are in use. They differ beyond the image's borders and in rounding:

    - ``"matlab"``: mirrored borders, never rounded. MATLAB's ``imresize`` in floating point, :func:`dsd.downscale`.
    - ``"matlab-8bit"``: the same, rounded to 8 bits at the end, as it is when LR is written to a file. ESRGAN's LR of
      ``baboon`` and ``comic`` are reproduced bit for bit. DIV2K's bicubic LR are MATLAB's too (not compared).
    - ``"selfexsr"``: replicated borders, the height first, rounded to 8 bits after each of the two passes. The files of
      SelfExSR, on which benchmarks report: BSD100 ×4 is reproduced bit for bit, all 100 images.

    The last two begin with HR in 8 bits, round halves up, and have no gradient.

    Args:
        hr: float (N, 3, H, W) in [0, 1]; H and W are multiples of `scale`.
        scale: factor, a whole number.
        like: which LR the result is like.

    Returns:
        (N, 3, H/scale, W/scale), dtype of `hr`. ``"matlab"`` overshoots [0, 1] a little at sharp edges.

    Raises:
        ValueError: `hr` is no such batch; its size is no multiple of `scale`; there is no such `like`.

    Reference:
        Huang, Singh, Ahuja: Single Image Super-Resolution from Transformed Self-Exemplars, CVPR 2015 (SelfExSR).

    Example:
        >>> low_resolution(torch.rand(1, 3, 24, 40), scale=4, like="selfexsr").shape
        torch.Size([1, 3, 6, 10])
    """
    check_images(hr, "hr")
    check_choice(like, "like", get_args(Like))
    if check_alphas([scale]) != int(scale) or any(side % scale for side in hr.shape[2:]):
        raise ValueError(f"hr must be cut to multiples of scale, a whole number; got {tuple(hr.shape)}, scale={scale}")
    if like == "matlab":
        return downscale(hr, scale)
    pixels = _round(hr.detach().double() * 255)
    if like == "matlab-8bit":
        pixels = _round(downscale(pixels, scale))
    else:
        rows, columns = (resize_matrix(side, scale, pixels.dtype, hr.device, "replicate") for side in hr.shape[2:])
        pixels = _round(_round(rows @ pixels) @ columns.mT)
    return pixels.to(hr.dtype) * (1 / 255)


def _round(pixels: Tensor) -> Tensor:
    """To whole numbers from 0 to 255, halves up as MATLAB does; torch.round would take them to even ones."""
    return torch.floor(pixels + 0.5).clamp(0, 255)
