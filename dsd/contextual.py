"""The contextual loss of two sets of features, exact, in memory linear in the number of positions."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from dsd.checks import check_feature_pair, check_number, is_number
from dsd.precision import at_least_float32, full_precision

# Entries of the matrix that exist at a time: what one product makes, and what is then worked on together. On a CPU
# products want many and passes few, so that these find them in the cache (benchmarks/losses.py). On a GPU, where it was
# not measured, passes get all of a product, so that there is enough to do.
ENTRIES = {"cpu": (2**23, 2**20)}
ENTRIES_ELSEWHERE = (2**24, 2**24)
LN_2 = math.log(2)


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


def at_random_positions(side: int, *features: Tensor) -> list[Tensor]:
    """Features at side² positions, drawn at random: a large image's contextual loss then takes less time.

    Features of one size are drawn at the same positions. Those with no more positions stay as they are. The draw is of
    torch's random numbers, see ``torch.manual_seed``.

    Args:
        side: of the square that the drawn positions make.
        features: each (N, C, H, W).

    Returns:
        Each (N, C, side, side).

    Reference:
        Mechrez et al., ECCV 2018, whose single-image animation draws 65² positions.

    Example:
        >>> [a.shape for a in at_random_positions(4, torch.rand(1, 8, 9, 9), torch.rand(1, 8, 3, 3))]
        [torch.Size([1, 8, 4, 4]), torch.Size([1, 8, 3, 3])]
    """
    drawn: dict[torch.Size, Tensor] = {}
    result = []
    for x in features:
        size = x.shape[2:]
        if size.numel() > side**2:
            places = drawn.setdefault(size, torch.randperm(size.numel())[: side**2])
            x = x.flatten(2)[..., places.to(x.device)].unflatten(2, (side, side))
        result.append(x)
    return result


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
    entries = ENTRIES.get(a.device.type, ENTRIES_ELSEWHERE)
    many, few = (max(1, min(len(a), number // len(b))) for number in entries)
    return _BestSimilarities.apply(a, b, bandwidth, many, few, width).mean()


class _BestSimilarities(torch.autograd.Function):
    """max_i p_ij for unit vectors a (P_a, C) and b (P_b, C), where p_i = softmax_j(−d_ij / ((min_k d_ik + ε) h)).

    A maximum's gradient is that of the entry which attains it, so only rows that hold a maximum are made again. Blocks
    are overwritten in place: fresh memory would cost more than what is done in it.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bandwidth: float, many: int, few: int, width: int) -> Tensor:
        best = a.new_zeros(len(b))
        winner = torch.zeros(len(b), dtype=torch.long, device=a.device)
        block = a.new_empty(many, len(b))
        for start in range(0, len(a), many):
            part = a[start : start + many]
            cosines = torch.mm(part, b.mT, out=block[: len(part)])
            for first in range(0, len(part), few):
                p = cosines[first : first + few]
                _make_similarities(p, bandwidth, out=p)
                largest = p.amax(dim=0)
                better = (largest > best).nonzero().squeeze(1)
                # Only for them, and row by row: on a CPU, argmax over columns is slow.
                row = p.index_select(1, better).mT.contiguous().argmax(dim=1)
                winner[better] = row + (start + first)
                best = torch.maximum(best, largest)  # NaN where there is one
        ctx.save_for_backward(a, b, winner)
        ctx.settings = bandwidth, many, few, width
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        with full_precision():
            return *_BestSimilarities._gradients(ctx, gradient), None, None, None, None

    @staticmethod
    def _gradients(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        a, b, winner = ctx.saved_tensors
        bandwidth, many, few, width = ctx.settings
        a_gradient, b_gradient = torch.zeros_like(a), torch.zeros_like(b)
        winners, place = winner.unique(return_inverse=True)
        block, small = a.new_empty(many, len(b)), a.new_empty(few, len(b))
        for start in range(0, len(winners), many):
            index = winners[start : start + many]
            part = a[index]
            cosines = torch.mm(part, b.mT, out=block[: len(index)])
            for first in range(0, len(index), few):
                rows = cosines[first : first + few]
                row = place - (start + first)  # of each column's maximum
                column = ((row >= 0) & (row < len(rows))).nonzero().squeeze(1)
                _make_gradient(rows, small[: len(rows)], row[column], column, gradient[column], bandwidth, width)
            a_gradient[index] = cosines @ b
            if ctx.needs_input_grad[1]:  # not of a fixed target
                b_gradient.addmm_(cosines.mT, part)
        return a_gradient, b_gradient


def _make_similarities(cosines: Tensor, bandwidth: float, out: Tensor) -> Tensor:
    """Turn c_ij into logits to the base 2 (torch's exp2 is the faster one), 0 for the nearest; write p_ij to `out`.

    Returns:
        Each row's 1 / ((min_k d_ik + ε) h), (rows, 1).
    """
    largest = cosines.amax(dim=1, keepdim=True)
    sharpness = 1 / ((1 - largest).clamp_min(0).add(1e-5) * bandwidth)
    torch.exp2(cosines.sub_(largest).mul_(sharpness / LN_2), out=out)
    out.mul_(1 / out.sum(dim=1, keepdim=True))
    return sharpness


def _make_gradient(
    cosines: Tensor, p: Tensor, row: Tensor, column: Tensor, gradient: Tensor, bandwidth: float, width: int
) -> None:
    """Turn c_ij into the gradient with respect to them, in place.

    Args:
        cosines: rows of the matrix.
        p: memory of the same shape.
        row: of the maxima that lie in these rows.
        column: of the same maxima.
        gradient: with respect to them.
        bandwidth: h.
        width: of the image that the columns are positions of.
    """
    sharpness = _make_similarities(cosines, bandwidth, out=p)
    each = torch.arange(len(cosines), device=cosines.device)
    lines = cosines.unflatten(1, (-1, width))  # argmax is slow: first the line of the image, then the position in it
    line = lines.amax(dim=2).argmax(dim=1)
    nearest = line * width + lines[each, line].argmax(dim=1)
    # With respect to the logits: p_ij (u_ij − Σ_k p_ik u_ik), u holding the incoming gradient at the maxima.
    at_maxima = p[row, column] * gradient
    p *= -p.new_zeros(len(p)).index_add_(0, row, at_maxima)[:, None]
    p[row, column] += at_maxima
    # With respect to the cosines: directly, and through the nearest one, which sets the row's sharpness.
    through_nearest = bandwidth * LN_2 * sharpness[:, 0] * cosines.mul_(p).sum(dim=1)
    torch.mul(p, sharpness, out=cosines)
    cosines[each, nearest] += through_nearest
