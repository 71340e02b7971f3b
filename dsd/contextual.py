"""The contextual loss of two sets of features, exact, in memory linear in the number of positions."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from dsd.precision import at_least_float32, full_precision


def contextual(a: Tensor, b: Tensor, bandwidth: float = 0.5, *, entries: int = 2**24) -> Tensor:
    r"""Contextual loss −log CX(a, b): how well each position of b is found somewhere in a.

    .. math::
        d_{ij} = 1 - \cos(a_i - \bar b, b_j - \bar b), \quad
        w_{ij} = \exp\frac{1 - d_{ij} / (\min_k d_{ik} + \epsilon)}{h}, \quad
        CX = \frac{1}{P_b} \sum_j \max_i \frac{w_{ij}}{\sum_k w_{ik}}

    Exact in value and gradient, but the P_a × P_b matrix never exists: blocks of its rows are made to find the
    maximum of each column, and the backward pass makes those rows again that hold one.

    Args:
        a: features, (N, C, H, W).
        b: features of the reference, (N, C, H', W').
        bandwidth: h.
        entries: of the matrix that may exist at a time; memory is a few times this, plus a multiple of the features.

    Returns:
        (N,), at least 0; not 0 for a = b, whose repeated features share their similarity.

    Raises:
        ValueError: different channels or batch sizes, or a bandwidth that is not positive.

    Reference:
        Mechrez et al., "The contextual loss for image transformation with non-aligned data", ECCV 2018.

    Example:
        >>> a = torch.rand(2, 8, 5, 5, requires_grad=True)
        >>> contextual(a, torch.rand(2, 8, 6, 4)).sum().backward()
    """
    if a.shape[:2] != b.shape[:2]:
        raise ValueError(f"features must agree in batch size and channels, got {tuple(a.shape)} and {tuple(b.shape)}")
    check_bandwidth(bandwidth)
    with full_precision(a.device.type):
        return torch.stack([_contextual_of_one(*pair, bandwidth, entries) for pair in zip(a, b, strict=True)])


def check_bandwidth(bandwidth: float) -> None:
    """Refuse a bandwidth that is not positive.

    Raises:
        ValueError: likewise.
    """
    if not bandwidth > 0:
        raise ValueError(f"bandwidth must be positive, got {bandwidth}")


def _contextual_of_one(a: Tensor, b: Tensor, bandwidth: float, entries: int) -> Tensor:
    a, b = (at_least_float32(features.flatten(1).mT) for features in (a, b))
    mean = b.mean(dim=0)
    a, b = (F.normalize(features - mean, dim=1, eps=1e-5) for features in (a, b))
    return -_BestSimilarities.apply(a, b, bandwidth, max(1, entries // len(b))).mean().log()


class _BestSimilarities(torch.autograd.Function):
    """max_i p_ij for unit vectors a (P_a, C) and b (P_b, C), where p_i = softmax_j(−d_ij / ((min_k d_ik + ε) h)).

    A maximum's gradient is that of the entry which attains it, so only rows that hold a maximum are made again.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bandwidth: float, rows: int) -> Tensor:
        best = a.new_zeros(len(b))
        winner = torch.zeros(len(b), dtype=torch.long, device=a.device)
        for start in range(0, len(a), rows):
            p = _logits(a[start : start + rows], b, bandwidth)[0].exp_()
            p /= p.sum(dim=1, keepdim=True)
            better = (p.amax(dim=0) > best).nonzero().squeeze(1)
            best[better], row = p[:, better].max(dim=0)
            winner[better] = row + start
        ctx.save_for_backward(a, b, winner)
        ctx.settings = bandwidth, rows
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        with full_precision(gradient.device.type):
            return *_BestSimilarities._gradients(ctx, gradient), None, None

    @staticmethod
    def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        a, b, winner = ctx.saved_tensors
        bandwidth, rows = ctx.settings
        a_gradient, b_gradient = torch.zeros_like(a), torch.zeros_like(b)
        winners, place = winner.unique(return_inverse=True)
        for start in range(0, len(winners), rows):
            index = winners[start : start + rows]
            logits, sharpness, nearest = _logits(a[index], b, bandwidth)
            p = logits.softmax(dim=1)
            # With respect to the logits: p_ij (u_ij − Σ_k p_ik u_ik), u holding the incoming gradient at the maxima.
            column = ((place >= start) & (place < start + rows)).nonzero().squeeze(1)
            row = place[column] - start
            at_maxima = p[row, column] * gradient[column]
            g = p.mul_(-p.new_zeros(len(index)).index_add_(0, row, at_maxima)[:, None])
            g[row, column] += at_maxima
            # With respect to the cosines: directly, and through the nearest one, which sets the row's sharpness.
            through_nearest = bandwidth * sharpness[:, 0] * (g * logits).sum(dim=1)
            g *= sharpness
            g[torch.arange(len(index), device=g.device), nearest] += through_nearest
            a_gradient[index] = g @ b
            b_gradient += g.mT @ a[index]
        return a_gradient, b_gradient


def _logits(a: Tensor, b: Tensor, bandwidth: float) -> tuple[Tensor, Tensor, Tensor]:
    """−d_ij / ((min_k d_ik + ε) h) up to a constant per row, made in place; 1 / ((min_k d_ik + ε) h); argmin_k d_ik."""
    cosine = a @ b.mT
    largest, nearest = cosine.max(dim=1, keepdim=True)
    sharpness = 1 / ((1 - largest).clamp_min(0).add(1e-5) * bandwidth)
    return cosine.sub_(largest).mul_(sharpness), sharpness, nearest[:, 0]
