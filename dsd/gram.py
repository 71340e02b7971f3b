"""Gram matrices: of deep features (Eq. 1) and of RGB patches (Eq. 3)."""

from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from dsd.checks import check_choice, check_features, check_images, check_integer, check_tensor
from dsd.precision import at_least_float32, full_precision

Normalize = Literal["chw", "hw"]


def gram_matrix(features: Tensor, normalize: Normalize = "chw") -> Tensor:
    r"""Gram matrix of feature maps, one per sample.

    .. math:: G_{ij} = \frac{1}{Z} \sum_k \varphi^i_k \varphi^j_k

    with Z = C·H·W for ``"chw"`` (the convention behind the paper's printed numbers) or H·W for ``"hw"`` (its Eq. 1).
    Always accumulated in float32 or better: a DSD is a small difference of two of these.

    Args:
        features: float (N, C, H, W).
        normalize: ``"chw"`` or ``"hw"``.

    Returns:
        (N, C, C), symmetric and positive semi-definite; float32, or float64 for float64 features.

    Raises:
        TypeError: `features` is no tensor.
        ValueError: it is sparse, not of floats, of a wrong number of dimensions, or has an empty side; unknown
            `normalize`.

    Reference:
        Kligvasser et al., "Deep Self-Dissimilarities as Powerful Visual Fingerprints", NeurIPS 2021, Eq. 1.

    Example:
        >>> features = torch.rand(2, 8, 5, 7, requires_grad=True)
        >>> gram_matrix(features).shape
        torch.Size([2, 8, 8])
        >>> gram_matrix(features).sum().backward()
    """
    check_choice(normalize, "normalize", get_args(Normalize))
    check_features(features)
    with full_precision():
        flat = at_least_float32(features.flatten(2))
        positions = flat.shape[2]
        return _ProductWithItself.apply(flat) / (positions * (flat.shape[1] if normalize == "chw" else 1))


class _ProductWithItself(torch.autograd.Function):
    """A Aᵀ, whose gradient (g + gᵀ) A is one product; autograd would make two, g A and gᵀ A."""

    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        ctx.save_for_backward(a)
        return a @ a.mT

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (a,) = ctx.saved_tensors
        with full_precision():
            return (gradient + gradient.mT) @ a


def patch_gram(x: Tensor, size: int, normalize: Normalize = "chw") -> Tensor:
    """Gram matrix of all vectorised size×size RGB patches that lie inside the image (Eq. 3).

    Memory is that of the patches, N · 3·size² · (H−size+1)·(W−size+1) values: choose the batch size by it.

    Args:
        x: images, float (N, 3, H, W).
        size: side n of a patch, at least 1.
        normalize: as for :func:`gram_matrix`, with C = 3·size².

    Returns:
        (N, 3·size², 3·size²); rows ordered by channel, then row, then column of the patch.

    Raises:
        TypeError: `x` is no tensor.
        ValueError: `x` is not an image batch, or smaller than a patch; `size` is no integer of at least 1; unknown
            `normalize`.

    Reference:
        Kligvasser et al., NeurIPS 2021, Eq. 3.

    Example:
        >>> patch_gram(torch.rand(2, 3, 16, 16), size=5).shape
        torch.Size([2, 75, 75])
    """
    size = check_integer(size, "size", 1)
    check_images(x, smallest=size, check_values=False, purpose=f"patches of {size}×{size}")
    return gram_matrix(F.unfold(x, size).unsqueeze(-1), normalize)


def l1_norm(matrices: Tensor) -> Tensor:
    """‖·‖₁ as the paper's printed numbers have it: the mean of |·| over the C² entries, per sample.

    Args:
        matrices: float (N, C, C), a DSD or a difference of Gram matrices.

    Returns:
        (N,), at least 0; float32, or float64 for float64 matrices. The gradient is 0 where an entry is 0.

    Raises:
        TypeError: `matrices` is no tensor.
        ValueError: it is sparse, not of floats, or not (N, C, C).

    Example:
        >>> l1_norm(torch.ones(2, 4, 4) * torch.tensor([1.0, -2.0])[:, None, None])
        tensor([1., 2.])
    """
    check_tensor(matrices, "matrices", "(N, C, C)")
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or not matrices.numel():
        raise ValueError(f"matrices must have shape (N, C, C) with no empty side, got {tuple(matrices.shape)}")
    return at_least_float32(matrices).abs().mean(dim=(1, 2))
