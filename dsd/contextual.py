"""The contextual loss of two sets of features, exact, in memory linear in the number of positions."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from dsd.checks import check_feature_pair, check_number, is_number
from dsd.precision import at_least_float32, full_precision

# Entries of the matrix that exist at a time. On a CPU few, so that each operation finds them in the cache
# (benchmarks/losses.py); on a GPU, where this was not measured, more, so that it has enough to do.
ENTRIES = {"cpu": 2**21}
ENTRIES_ELSEWHERE = 2**24


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
        offset: added to CX before the logarithm. 0 is the paper's loss. Its authors' code has 1e-5, which lowers it for
            photographs by 3e-5 to 5e-4 of its value (VGG-19 at ReLU2_1, 3_1 and 4_1, 224²).

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
    bandwidth, offset = check_options(bandwidth, offset)
    if b.shape[2:].numel() < 2:
        raise ValueError(f"b must have at least two positions, or CX is 1 whatever a is; got shape {tuple(b.shape)}")
    with full_precision():
        similarity = torch.stack([_similarity(*pair, bandwidth) for pair in zip(a, b, strict=True)])
        return 0 - (similarity + offset).log()  # not −log, which is −0 for a similarity of 1


def check_options(bandwidth: float, offset: float) -> tuple[float, float]:
    """Refuse a bandwidth that is not positive and a negative offset; returned as Python's own numbers.

    Raises:
        ValueError: likewise.
    """
    if not (is_number(bandwidth) and bandwidth > 0):
        raise ValueError(f"bandwidth must be a positive number, got {bandwidth!r}")
    return float(bandwidth), check_number(offset, "offset")


def _similarity(a: Tensor, b: Tensor, bandwidth: float) -> Tensor:
    """CX of one pair (C, H, W)."""
    width = b.shape[2]
    a, b = (at_least_float32(features.flatten(1).mT) for features in (a, b))
    mean = b.mean(dim=0)
    a, b = (F.normalize(features - mean, dim=1, eps=1e-5) for features in (a, b))
    rows = max(1, min(len(a), ENTRIES.get(a.device.type, ENTRIES_ELSEWHERE) // len(b)))
    return _BestSimilarities.apply(a, b, bandwidth, rows, width).mean()


class _BestSimilarities(torch.autograd.Function):
    """max_i p_ij for unit vectors a (P_a, C) and b (P_b, C), where p_i = softmax_j(−d_ij / ((min_k d_ik + ε) h)).

    A maximum's gradient is that of the entry which attains it, so only rows that hold a maximum are made again.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bandwidth: float, rows: int, width: int) -> Tensor:
        best = a.new_zeros(len(b))
        winner = torch.zeros(len(b), dtype=torch.long, device=a.device)
        block = a.new_empty(rows, len(b))  # one for all: fresh memory would cost more than what is done in it
        for start in range(0, len(a), rows):
            part = a[start : start + rows]
            p = block[: len(part)]
            _logits(part, b, bandwidth, out=p)
            torch.softmax(p, dim=1, out=p)
            largest = p.amax(dim=0)
            better = (largest > best).nonzero().squeeze(1)
            # Only for them, and row by row: on a CPU, argmax over columns is slow.
            winner[better] = p.index_select(1, better).mT.contiguous().argmax(dim=1) + start
            best = torch.maximum(best, largest)  # NaN where there is one
        ctx.save_for_backward(a, b, winner)
        ctx.settings = bandwidth, rows, width
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        with full_precision():
            return *_BestSimilarities._gradients(ctx, gradient), None, None, None

    @staticmethod
    def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        a, b, winner = ctx.saved_tensors
        bandwidth, rows, width = ctx.settings
        a_gradient, b_gradient = torch.zeros_like(a), torch.zeros_like(b)
        winners, place = winner.unique(return_inverse=True)
        blocks = a.new_empty(2, rows, len(b))
        for start in range(0, len(winners), rows):
            index = winners[start : start + rows]
            part = a[index]
            logits, g = blocks[:, : len(part)]
            sharpness = _logits(part, b, bandwidth, out=logits)
            each = torch.arange(len(part), device=a.device)
            lines = logits.unflatten(1, (-1, width))  # of the image b; argmax is slow, of everything it would be
            line = lines.amax(dim=2).argmax(dim=1)
            nearest = line * width + lines[each, line].argmax(dim=1)
            # With respect to the logits: p_ij (u_ij − Σ_k p_ik u_ik), u holding the incoming gradient at the maxima.
            torch.softmax(logits, dim=1, out=g)
            column = ((place >= start) & (place < start + rows)).nonzero().squeeze(1)
            row = place[column] - start
            at_maxima = g[row, column] * gradient[column]
            g *= -g.new_zeros(len(index)).index_add_(0, row, at_maxima)[:, None]
            g[row, column] += at_maxima
            # With respect to the cosines: directly, and through the nearest one, which sets the row's sharpness.
            through_nearest = bandwidth * sharpness[:, 0] * logits.mul_(g).sum(dim=1)
            g *= sharpness
            g[each, nearest] += through_nearest
            a_gradient[index] = g @ b
            if ctx.needs_input_grad[1]:  # not of a fixed target
                b_gradient.addmm_(g.mT, part)
        return a_gradient, b_gradient


def _logits(a: Tensor, b: Tensor, bandwidth: float, out: Tensor) -> Tensor:
    """−d_ij / ((min_k d_ik + ε) h) up to a constant per row, 0 for the nearest; returns 1 / ((min_k d_ik + ε) h)."""
    torch.mm(a, b.mT, out=out)
    largest = out.amax(dim=1, keepdim=True)
    sharpness = 1 / ((1 - largest).clamp_min(0).add(1e-5) * bandwidth)
    out.sub_(largest).mul_(sharpness)
    return sharpness
