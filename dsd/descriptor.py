"""The deep self-dissimilarity of an image: the difference of its Gram matrices at two scales (Eq. 2)."""

import math
from collections.abc import Sequence
from functools import lru_cache, partial
from numbers import Real

import numpy as np
import torch
from torch import Tensor

from dsd.checks import check_images
from dsd.frozen import Backbone
from dsd.gram import Normalize, gram, l1_norm
from dsd.precision import full_precision

# Values of a descriptor, by layer and scaling factor: ("relu3_1", 2) → one matrix or number per sample.
ByLayerAndAlpha = dict[tuple[str, float], Tensor]

# Pixels that go through the network together on a CPU, two images of 224²: VGG's largest activations then fit the 32 MB
# up to which the C library recycles memory. Larger ones cost a page fault per 4 KB.
PIXELS_AT_ONCE = 2**17


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
    if _largest([alpha]) > min(x.shape[2:]):
        raise ValueError(f"alpha must not exceed the image's shorter side, got {alpha} for {tuple(x.shape)}")
    if alpha == 1:
        return x
    with full_precision(x.device.type):
        rows, columns = (_resize_matrix(side, float(alpha), x.dtype, x.device) for side in x.shape[2:])
        return rows @ (x @ columns.mT)


def _largest(alphas: Sequence[float]) -> float:
    """Check scaling factors and return the largest."""
    if not isinstance(alphas, Sequence) or isinstance(alphas, str) or not alphas:
        raise ValueError(f"alphas must be a sequence of at least one scaling factor, got {alphas!r}")
    for alpha in alphas:
        if not (isinstance(alpha, Real) and math.isfinite(alpha) and alpha >= 1):
            raise ValueError(f"alpha must be a finite number of at least 1, got {alpha!r}")
    return max(alphas)


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


def grams(
    x: Tensor, backbone: Backbone, alphas: Sequence[float] = (1,), normalize: Normalize = "chw"
) -> ByLayerAndAlpha:
    """Gram matrices of every layer of the backbone at every scale x↓α (alpha = 1: the image itself).

    Features are reduced to their Gram matrix as soon as they are computed, so without gradients only one layer's
    features are in memory at a time. Values of `x` are not checked: losses feed predictions that overshoot [0, 1].

    Args:
        x: images, float (N, 3, H, W).
        backbone: the network; its layers are the ones reported.
        alphas: scaling factors, each at least 1.
        normalize: as for :func:`dsd.gram.gram`.

    Returns:
        {(layer, alpha): (N, C, C)}.

    Raises:
        ValueError: `x` is not an image batch, or too small for the deepest layer at the largest alpha.

    Example:
        >>> from dsd import VGG19
        >>> backbone = VGG19(("relu1_2", "relu2_1"), weights="random")
        >>> {key: tuple(g.shape) for key, g in grams(torch.rand(1, 3, 32, 32), backbone, (1, 2)).items()}
        {('relu1_2', 1): (1, 64, 64), ('relu2_1', 1): (1, 128, 128), ('relu1_2', 2): (1, 64, 64), \
('relu2_1', 2): (1, 128, 128)}
    """
    check_images(x, smallest=backbone.smallest, alpha=_largest(alphas), values=False)
    reduce = partial(gram, normalize=normalize)
    at_once = max(1, PIXELS_AT_ONCE // x[0, 0].numel()) if x.device.type == "cpu" else len(x)
    parts = [
        {(layer, alpha): g for alpha in alphas for layer, g in backbone(downscale(part, alpha), reduce).items()}
        for part in x.split(at_once)
    ]
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def dsd(
    x: Tensor,
    backbone: Backbone,
    alphas: Sequence[float] = (2,),
    normalize: Normalize = "chw",
    *,
    values: bool = True,
) -> ByLayerAndAlpha:
    """Deep self-dissimilarity DSD_α(x) = G(x) − G(x↓α) of every layer of the backbone (Eq. 2).

    Args:
        x: images, float (N, 3, H, W) in [0, 1], RGB.
        backbone: the network; its layers are the ones reported.
        alphas: scaling factors; the paper uses 2 or 4.
        normalize: as for :func:`dsd.gram.gram`; ``"chw"`` is the convention behind the paper's printed numbers.
        values: refuse values outside [0, 1]; a training loss switches this off, since networks overshoot.

    Returns:
        {(layer, alpha): (N, C, C)}, symmetric; differentiable in `x`.

    Raises:
        ValueError: `x` is not an image batch in [0, 1], or too small for the deepest layer at the largest alpha.

    Reference:
        Kligvasser et al., NeurIPS 2021, Eq. 2.

    Example:
        >>> from dsd import VGG19
        >>> x = torch.rand(2, 3, 32, 32)
        >>> dsd(x, VGG19(("relu2_1",), weights="random"))["relu2_1", 2].shape
        torch.Size([2, 128, 128])
    """
    check_images(x, smallest=backbone.smallest, alpha=_largest(alphas), values=values)
    scales = grams(x, backbone, (1, *alphas), normalize)
    return {(layer, alpha): scales[layer, 1] - scales[layer, alpha] for alpha in alphas for layer in backbone.layers}


def dsd_norm(
    x: Tensor, backbone: Backbone, alphas: Sequence[float] = (2,), normalize: Normalize = "chw"
) -> ByLayerAndAlpha:
    """‖DSD_α(x)‖₁ of every layer, the mean of |·| over the C² entries: low for smooth images, in the paper's reading.

    Args, Raises: as for :func:`dsd`.

    Returns:
        {(layer, alpha): (N,)}. Where the paper uses several layers, it sums them.

    Example:
        >>> from dsd import VGG19
        >>> x = torch.rand(2, 3, 32, 32, requires_grad=True)
        >>> norms = dsd_norm(x, VGG19(("relu1_2", "relu2_1"), weights="random"))
        >>> sum(norms.values()).mean().backward()
    """
    return {key: l1_norm(value) for key, value in dsd(x, backbone, alphas, normalize).items()}
