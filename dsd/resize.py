"""x↓α: MATLAB's `imresize`, antialiased bicubic."""

import math
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from dsd.checks import check_alphas
from dsd.precision import full_precision


def downscale(x: Tensor, alpha: float) -> Tensor:
    """x↓α: antialiased bicubic, to the last digit what MATLAB's ``imresize(x, 1/alpha)`` computes.

    Keys' cubic (a = −1/2) stretched by alpha, borders mirrored with the edge pixel repeated, output size
    ⌈side / alpha⌉. Not clipped: a cubic overshoots [0, 1] a little at sharp edges. Written as two products with a
    (resized × original) matrix because ``torch.nn.functional.interpolate`` renormalises at borders instead of
    mirroring, and padding can't be aligned with the sampling grid for every non-integer alpha.

    Args:
        x: float (N, C, H, W).
        alpha: factor, at least 1, integer or not.

    Returns:
        (N, C, ⌈H/alpha⌉, ⌈W/alpha⌉), dtype of `x`.

    Raises:
        ValueError: `x` is not such a tensor; alpha is below 1, not finite, or more than the shorter side.

    Example:
        >>> downscale(torch.rand(2, 3, 9, 8), alpha=2).shape
        torch.Size([2, 3, 5, 4])
    """
    if not isinstance(x, Tensor) or not x.is_floating_point() or x.ndim != 4:
        was = f"{x.dtype} {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"x must be a float tensor of shape (N, C, H, W), got {was}")
    if check_alphas([alpha]) > min(x.shape[2:]):
        raise ValueError(f"alpha must not exceed the image's shorter side, got {alpha} for {tuple(x.shape)}")
    if alpha == 1:
        return x
    with full_precision(x.device.type):
        rows, columns = (_resize_matrix(side, float(alpha), x.dtype, x.device) for side in x.shape[2:])
        return rows @ (x @ columns.mT)


@lru_cache(maxsize=16)
def _resize_matrix(side: int, alpha: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(⌈side/alpha⌉, side) weights of MATLAB's bicubic `imresize` along one dimension."""
    resized = math.ceil(side / alpha - 1e-9)  # 21/1.4 is 15, not 15.000000000000002
    centres = (np.arange(resized) + 0.5) * alpha - 0.5  # in pixels of the original
    taps = np.floor(centres - 2 * alpha)[:, None] + np.arange(math.ceil(4 * alpha) + 2)
    distance = np.abs(centres[:, None] - taps) / alpha
    weights = np.where(
        distance <= 1,
        1.5 * distance**3 - 2.5 * distance**2 + 1,
        np.where(distance <= 2, -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2, 0),
    )
    weights /= weights.sum(axis=1, keepdims=True)
    mirrored = taps.astype(int) % (2 * side)
    mirrored = np.minimum(mirrored, 2 * side - 1 - mirrored)
    matrix = np.zeros((resized, side))
    np.add.at(matrix, (np.arange(resized)[:, None], mirrored), weights)
    with torch.inference_mode(False):  # a cached inference tensor could not be used in a later backward pass
        return torch.as_tensor(matrix, dtype=dtype, device=device)
