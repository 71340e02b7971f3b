"""x↓α: MATLAB's `imresize`, antialiased bicubic."""

import math
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from dsd.checks import check_alphas, check_features, check_integer
from dsd.precision import at_least_float32, full_precision


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
        TypeError: `x` is no tensor.
        ValueError: `x` is sparse, not of floats, not (N, C, H, W), or empty; alpha is below 1, not finite, or more than
            the shorter side.

    Example:
        >>> downscale(torch.rand(2, 3, 9, 8), alpha=2).shape
        torch.Size([2, 3, 5, 4])
    """
    check_features(x, "x")
    if check_alphas([alpha]) > min(x.shape[2:]):
        raise ValueError(f"alpha must not exceed the image's shorter side, got {alpha} for {tuple(x.shape)}")
    if alpha == 1:
        return x
    exact = at_least_float32(x)
    rows, columns = (resize_matrix(side, float(alpha), exact.dtype, x.device) for side in x.shape[2:])
    return _Resample.apply(exact, rows, columns).to(x.dtype)


def enlarge(x: Tensor, factor: int) -> Tensor:
    """Bicubic enlargement, what MATLAB's ``imresize(x, factor)`` computes: Keys' cubic, borders mirrored.

    Args:
        x: float (N, C, H, W).
        factor: a whole number, at least 1.

    Returns:
        (N, C, factor·H, factor·W), dtype of `x`. Not clipped: a cubic overshoots [0, 1] a little at sharp edges.

    Raises:
        TypeError: `x` is no tensor.
        ValueError: `x` is sparse, not of floats, not (N, C, H, W), or empty; `factor` is no integer from 1.

    Example:
        >>> enlarge(torch.rand(2, 3, 9, 8), 4).shape
        torch.Size([2, 3, 36, 32])
    """
    check_features(x, "x")
    check_integer(factor, "factor", 1)
    exact = at_least_float32(x)
    rows, columns = (resize_matrix(side, 1 / factor, exact.dtype, x.device) for side in x.shape[2:])
    return _Resample.apply(exact, rows, columns).to(x.dtype)


class _Resample(torch.autograd.Function):
    """R x Cᵀ, in full precision both ways: autograd alone would follow an autocast around ``backward()``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        ctx.save_for_backward(rows, columns)
        with full_precision():
            return rows @ (x @ columns.mT)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        rows, columns = ctx.saved_tensors
        return _Resample.apply(gradient, rows.mT, columns.mT), None, None


@lru_cache(maxsize=16)
def resize_matrix(
    side: int,
    alpha: float,
    dtype: torch.dtype,
    device: torch.device,
    borders: Literal["mirror", "replicate"] = "mirror",
) -> Tensor:
    """The weights of antialiased bicubic resizing along one dimension; :func:`downscale` multiplies by two of them.

    Args:
        side: pixels of the original.
        alpha: factor; below 1 the image becomes larger.
        dtype: of the result.
        device: of the result.
        borders: what lies beyond the image: its mirror image, or its outermost pixel again and again.

    Returns:
        (⌈side/alpha⌉, side); each row's sum is 1.

    Example:
        >>> resize_matrix(4, 2, torch.float64, torch.device("cpu"), "replicate")
        tensor([[ 0.5000,  0.4336,  0.1133, -0.0469],
                [-0.0469,  0.1133,  0.4336,  0.5000]], dtype=torch.float64)
    """
    resized = math.ceil(side / alpha - 1e-9)  # 21/1.4 is 15, not 15.000000000000002
    centres = (np.arange(resized) + 0.5) * alpha - 0.5  # in pixels of the original
    stretch = max(alpha, 1)  # antialiasing; nothing to stretch where an image is enlarged
    taps = np.floor(centres - 2 * stretch)[:, None] + np.arange(math.ceil(4 * stretch) + 2)
    distance = np.abs(centres[:, None] - taps) / stretch
    weights = np.where(
        distance <= 1,
        1.5 * distance**3 - 2.5 * distance**2 + 1,
        np.where(distance <= 2, -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2, 0),
    )
    weights /= weights.sum(axis=1, keepdims=True)
    source = taps.astype(int)
    if borders == "mirror":
        source %= 2 * side
        source = np.minimum(source, 2 * side - 1 - source)
    matrix = np.zeros((resized, side))
    np.add.at(matrix, (np.arange(resized)[:, None], source.clip(0, side - 1)), weights)
    with torch.inference_mode(False):  # a cached inference tensor could not be used in a later backward pass
        return torch.as_tensor(matrix, dtype=dtype, device=device)
