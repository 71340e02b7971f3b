"""The contextual loss of two sets of features, exact, in memory linear in the number of positions."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from dsd.checks import check_feature_pair, check_number, is_number
from dsd.precision import at_least_float32, full_precision

# Rows of the matrix that exist at a time. On a CPU few, so that what is done to them finds them in the cache
# (benchmarks/losses.py); on a GPU, where this was not measured, more, so that it has enough to do.
ROWS = {"cpu": 64}
ROWS_ELSEWHERE = 512


def contextual(a: Tensor, b: Tensor, bandwidth: float = 0.5, *, offset: float = 0) -> Tensor:
    r"""Contextual loss −log CX(a, b): how well each position of b is found somewhere in a.

    .. math::
        d_{ij} = 1 - \cos(a_i - \bar b, b_j - \bar b), \quad
        w_{ij} = \exp\frac{1 - d_{ij} / (\min_k d_{ik} + \epsilon)}{h}, \quad
        CX = \frac{1}{P_b} \sum_j \max_i \frac{w_{ij}}{\sum_k w_{ik}}

    Exact in value and gradient, but the P_a × P_b matrix never exists: blocks of its rows are made to find the
    maximum of each column, and the backward pass makes those rows again that hold one.

    Args:
        a: features, float (N, C, H, W).
        b: features of the reference, (N, C, H', W'), of at least two positions: with one, CX is 1 whatever a is.
        bandwidth: h.
        offset: added to CX before the logarithm. 0 is the paper's loss; its authors' code has 1e-5, which makes values
            of photographs XXX smaller.

    Returns:
        (N,), at least 0 without an offset; not 0 for a = b, whose repeated features share their similarity.

    Raises:
        TypeError: `a` or `b` is no tensor.
        ValueError: one is not of feature maps; they differ in batch size, channels, type or device; `b` has a single
            position; a bandwidth that is not positive, or a negative offset.

    Reference:
        Mechrez et al., "The contextual loss for image transformation with non-aligned data", ECCV 2018.

    Example:
        >>> a = torch.rand(2, 8, 5, 5, requires_grad=True)
        >>> contextual(a, torch.rand(2, 8, 6, 4)).sum().backward()
    """
    check_feature_pair(a, b)
    check_bandwidth(bandwidth, offset)
    if b.shape[2:].numel() < 2:
        raise ValueError(f"b must have at least two positions, or CX is 1 whatever a is; got shape {tuple(b.shape)}")
    with full_precision():
        similarity = torch.stack([_similarity(*pair, bandwidth) for pair in zip(a, b, strict=True)])
        return 0 - (similarity + offset).log()  # not −log, which is −0 for a similarity of 1


def check_bandwidth(bandwidth: float, offset: float) -> None:
    """Refuse a bandwidth that is not positive and a negative offset.

    Raises:
        ValueError: likewise.
    """
    if not (is_number(bandwidth) and bandwidth > 0):
        raise ValueError(f"bandwidth must be a positive number, got {bandwidth!r}")
    check_number(offset, "offset")


def _similarity(a: Tensor, b: Tensor, bandwidth: float) -> Tensor:
    """CX of one pair (C, H, W)."""
    a, b = (at_least_float32(features.flatten(1).mT) for features in (a, b))
    mean = b.mean(dim=0)
    a, b = (F.normalize(features - mean, dim=1, eps=1e-5) for features in (a, b))
    return _BestSimilarities.apply(a, b, bandwidth, ROWS.get(a.device.type, ROWS_ELSEWHERE)).mean()


class _BestSimilarities(torch.autograd.Function):
    """max_i p_ij for unit vectors a (P_a, C) and b (P_b, C), where p_i = softmax_j(−d_ij / ((min_k d_ik + ε) h)).

    A maximum's gradient is that of the entry which attains it, so only rows that hold a maximum are made again.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bandwidth: float, rows: int) -> Tensor:
        best = a.new_zeros(len(b))
        winner = torch.zeros(len(b), dtype=torch.long, device=a.device)
        for start in range(0, len(a), rows):
            p = _logits(a[start : start + rows], b, bandwidth)[0].softmax(dim=1)
            largest = p.amax(dim=0)
            better = (largest > best).nonzero().squeeze(1)
            # Only for them, and row by row: on a CPU, argmax over columns is slow.
            winner[better] = p.index_select(1, better).mT.contiguous().argmax(dim=1) + start
            best = torch.maximum(best, largest)  # NaN where there is one
        ctx.save_for_backward(a, b, winner)
        ctx.settings = bandwidth, rows
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        with full_precision():
            return *_BestSimilarities._gradients(ctx, gradient), None, None

    @staticmethod
    def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        a, b, winner = ctx.saved_tensors
        bandwidth, rows = ctx.settings
        a_gradient, b_gradient = torch.zeros_like(a), torch.zeros_like(b)
        winners, place = winner.unique(return_inverse=True)
        for start in range(0, len(winners), rows):
            index = winners[start : start + rows]
            winning = a[index]
            logits, sharpness = _logits(winning, b, bandwidth)
            nearest = logits.argmax(dim=1)
            # With respect to the logits: p_ij (u_ij − Σ_k p_ik u_ik), u holding the incoming gradient at the maxima.
            g = logits.softmax(dim=1)
            column = ((place >= start) & (place < start + rows)).nonzero().squeeze(1)
            row = place[column] - start
            at_maxima = g[row, column] * gradient[column]
            g *= -g.new_zeros(len(index)).index_add_(0, row, at_maxima)[:, None]
            g[row, column] += at_maxima
            # With respect to the cosines: directly, and through the nearest one, which sets the row's sharpness.
            through_nearest = bandwidth * sharpness[:, 0] * logits.mul_(g).sum(dim=1)
            g *= sharpness
            g[torch.arange(len(index), device=g.device), nearest] += through_nearest
            a_gradient[index] = g @ b
            b_gradient.addmm_(g.mT, winning)
        return a_gradient, b_gradient


def _logits(a: Tensor, b: Tensor, bandwidth: float) -> tuple[Tensor, Tensor]:
    """−d_ij / ((min_k d_ik + ε) h) up to a constant per row, 0 for the nearest; and 1 / ((min_k d_ik + ε) h)."""
    cosine = a @ b.mT
    largest = cosine.amax(dim=1, keepdim=True)
    sharpness = 1 / ((1 - largest).clamp_min(0).add(1e-5) * bandwidth)
    return cosine.sub_(largest).mul_(sharpness), sharpness
