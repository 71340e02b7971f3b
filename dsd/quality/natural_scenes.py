"""Statistics of natural scenes, of which NIQE and BRISQUE are made: normalised contrast and its distributions."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from dsd.checks import check_choice
from dsd.resize import downscale

Grey = Literal["rgb2gray", "y"]
Borders = Literal["replicate", "constant"]

# MATLAB's rgb2gray, and Y of its rgb2ycbcr (BT.601, 16 to 235): of values to 255, and the offset.
WEIGHTS: dict[str, tuple[tuple[float, float, float], float]] = {
    "rgb2gray": ((0.298936021293775, 0.587043074451121, 0.114020904255103), 0),
    "y": ((65.481 / 255, 128.553 / 255, 24.966 / 255), 16),
}
TAPS = torch.exp(-(torch.arange(-3, 4, dtype=torch.float64) ** 2) / (2 * (7 / 6) ** 2))
GAUSSIAN: tuple[float, ...] = tuple((TAPS / TAPS.sum()).tolist())
RADIUS = len(GAUSSIAN) // 2
ROUNDING = 1e-9  # grey levels of 255: contrast below it is what float64 leaves of none
TILE, HALO = 96, 8
CHUNK = {"cpu": 2**17, "cuda": 2**24}  # pixels at a time: what fits a CPU's cache, what fills a GPU


def to_grey(x: Tensor, grey: Grey = "rgb2gray", rounded: bool = True) -> Tensor:
    """Grey levels as MATLAB computes them.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].
        grey: ``"rgb2gray"`` (0 to 255) or ``"y"``: luma of YCbCr by BT.601 (16 to 235).
        rounded: to whole levels, as MATLAB's 8-bit images have them.

    Returns:
        (N, H, W), float64.

    Raises:
        ValueError: unknown `grey`.

    Example:
        >>> to_grey(torch.ones(1, 3, 1, 2), "y")
        tensor([[[235., 235.]]], dtype=torch.float64)
    """
    check_choice(grey, "grey", get_args(Grey))
    weights, offset = WEIGHTS[grey]
    level = torch.full_like(x[:, 0], offset, dtype=torch.float64)
    for weight, channel in zip(weights, x.unbind(1), strict=True):
        level.add_(channel.double(), alpha=255 * weight)
    return level.round_() if rounded else level


def contrast(grey: Tensor, borders: Borders = "replicate", rows: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
    r"""Contrast normalised by its surroundings (MSCN coefficients), a strip of the image at a time.

    .. math:: \hat x = \frac{x - \mu}{\sigma + 1}

    with mean μ and standard deviation σ under a 7×7 Gaussian (σ 7/6). Where an area is constant the contrast is 0.

    Args:
        grey: (N, H, W), float64, 0 to 255.
        borders: what lies beyond the image: its outermost pixel again, or 0.
        rows: each strip but the last has a multiple of it.

    Yields:
        Coefficients and σ of the next strip, (N, rows, W) each, from the top.

    Example:
        >>> [strip.shape for strip, _ in contrast(torch.rand(2, 9, 8).double())]
        [torch.Size([2, 9, 8])]
    """
    count, height, width = grey.shape
    step = rows * max(1, CHUNK.get(grey.device.type, CHUNK["cpu"]) // (count * width * rows))
    edge = (RADIUS, RADIUS)
    for top in range(0, height, step):
        bottom = min(height, top + step)
        above, below = max(0, RADIUS - top), max(0, bottom + RADIUS - height)
        strip = grey[:, max(0, top - RADIUS) : bottom + RADIUS, None]  # (N, rows, 1, W): F.pad has 4 dimensions
        x = F.pad(strip.transpose(1, 2), (*edge, above, below), mode=borders)[:, 0]
        mean = _blur(x)
        deviation = (_blur(x * x) - mean * mean).abs_().sqrt_()
        inside = x[:, RADIUS:-RADIUS, RADIUS:-RADIUS]
        yield F.hardshrink(inside - mean, ROUNDING).div_(deviation + 1), deviation


def _blur(x: Tensor) -> Tensor:
    """The 7×7 Gaussian inside (N, H, W). Sums of shifted images: three times as fast as a convolution of float64."""
    for dim in (1, 2):
        length = x.shape[dim] - 2 * RADIUS
        result = x.narrow(dim, RADIUS, length) * GAUSSIAN[RADIUS]
        for shift, weight in enumerate(GAUSSIAN):
            if shift != RADIUS:
                result.add_(x.narrow(dim, shift, length), alpha=weight)
        x = result
    return x


def halve(grey: Tensor) -> Tensor:
    """MATLAB's ``imresize(grey, 0.5)``: :func:`dsd.resize.downscale` tile by tile, so that large images cost no more.

    Args:
        grey: (N, H, W), float64.

    Returns:
        (N, ⌈H/2⌉, ⌈W/2⌉), float64.

    Example:
        >>> halve(torch.rand(2, 9, 8).double()).shape
        torch.Size([2, 5, 4])
    """
    height, width = grey.shape[1:]
    columns = _mirrored(0, -(-width // TILE) * TILE, width, grey.device)
    strips = []
    for top in range(0, height, TILE):
        rows = _mirrored(top, top + TILE, height, grey.device)
        tiles = grey[:, rows][:, :, columns].unfold(2, TILE + 2 * HALO, TILE).transpose(1, 2)
        small = downscale(tiles, 2)[..., HALO // 2 : -HALO // 2, HALO // 2 : -HALO // 2]
        strips.append(small.transpose(1, 2).flatten(2))
    return torch.cat(strips, dim=1)[:, : -(-height // 2), : -(-width // 2)].contiguous()


def _mirrored(first: int, end: int, side: int, device: torch.device) -> Tensor:
    """Where pixels from `first` to `end` and a halo around them are: those beyond the image are its mirror image."""
    index = torch.arange(first - HALO, end + HALO, device=device) % (2 * side)
    return torch.minimum(index, 2 * side - 1 - index)


def moments(coefficients: Tensor, above: Tensor) -> Tensor:
    """Sums over a block's coefficients, and over their products with four neighbours.

    The neighbours are the one to the left, the one above, and those to the left and right of that one. Left of the
    first column is the last one, and likewise on the right. The sums of parts of a block add up to the block's.

    Args:
        coefficients: blocks (B, h, w), float64.
        above: the row above each of them, (B, 1, w): of a whole block, its last one.

    Returns:
        (5, 6, B): for the coefficients and the four products p the number of values, Σ sign(p), Σ |sign(p)|, Σ |p|,
        Σ p² over p > 0, Σ p².

    Example:
        >>> moments(torch.ones(1, 2, 3).double(), torch.ones(1, 1, 3).double())[0, :4, 0]
        tensor([6., 6., 6., 6.], dtype=torch.float64)
    """
    upper = torch.cat((above, coefficients[:, :-1]), dim=1)
    pairs = ((coefficients, 1), (upper, 0), (upper, 1), (upper, -1))
    return torch.stack(
        [_sums(coefficients), *(_sums(_product(coefficients, other, shift)) for other, shift in pairs)], dim=0
    )


def _product(a: Tensor, b: Tensor, shift: int) -> Tensor:
    """a · torch.roll(b, shift, dims=2) of blocks, for −1, 0 or 1."""
    if not shift:
        return a * b
    result = torch.empty_like(a)
    inner, last = (slice(1, None), 0) if shift > 0 else (slice(None, -1), -1)
    torch.mul(a[..., inner], b[..., slice(None, -1) if shift > 0 else slice(1, None)], out=result[..., inner])
    torch.mul(a[..., last], b[..., -1 - last], out=result[..., last])
    return result


def _sums(p: Tensor) -> Tensor:
    p = p.flatten(1)
    sign, positive = p.sign(), p.clamp(min=0)
    return torch.stack(
        (
            torch.full_like(p[:, 0], p.shape[1]),
            sign.sum(dim=1),
            sign.norm(dim=1).square().round(),
            2 * positive.sum(dim=1) - p.sum(dim=1),
            positive.norm(dim=1).square(),
            p.norm(dim=1).square(),
        )
    )


class AsymmetricGaussian(NamedTuple):
    """Of an asymmetric generalised Gaussian (AGGD), each (…): NaN where there are no values on one side."""

    shape: Tensor
    """α, out of 0.2, 0.201, …, 10; 0.2 where it is not defined, as MATLAB's minimum over NaN is the first."""
    left: Tensor
    """√mean p² over p < 0."""
    right: Tensor
    """√mean p² over p > 0."""
    unit: Tensor
    """β / left = √(Γ(1/α) / Γ(3/α))."""
    mean: Tensor
    """(β_right − β_left) Γ(2/α) / Γ(1/α)."""


def fit_asymmetric(sums: Tensor) -> AsymmetricGaussian:
    """The asymmetric generalised Gaussian of the same moments, by the release's grid of shapes.

    Args:
        sums: of :func:`moments`, (…, 6, B).

    Returns:
        Its parameters, (…, B) each.

    Reference:
        Lasmar, Stitou, Berthoumieu, "Multiscale skewed heavy tailed model for texture analysis", ICIP 2009.
    """
    count, signs, nonzero, absolute, positive, square = sums.unbind(-2)
    left = (2 * (square - positive).clamp(min=0) / (nonzero - signs)).sqrt()
    right = (2 * positive / (nonzero + signs)).sqrt()
    ratio = left / right
    r = absolute.square() / (count * square) * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1).square()
    shape = _nearest(*_grid(sums.device), r)
    one, two, three = (torch.lgamma(k / shape) for k in (1, 2, 3))
    unit = (0.5 * (one - three)).exp()
    return AsymmetricGaussian(shape, left, right, unit, (right - left) * unit * (two - one).exp())


def fit_symmetric(sums: Tensor) -> tuple[Tensor, Tensor]:
    """Shape and variance, (…, B) each, of the generalised Gaussian (GGD) of the same moments.

    Args:
        sums: of :func:`moments`, (…, 6, B).
    """
    count, _, _, absolute, _, square = sums.unbind(-2)
    shapes, ratios = _grid(sums.device)
    return _nearest(shapes, -1 / ratios, -count * square / absolute.square()), square / count


@lru_cache(maxsize=4)
def _grid(device: torch.device) -> tuple[Tensor, Tensor]:
    """The shapes α, and Γ(2/α)² / (Γ(1/α) Γ(3/α)), which rises with them."""
    with torch.inference_mode(False):
        shapes = (0.2 + 0.001 * torch.arange(9801, dtype=torch.float64)).to(device)
        return shapes, (2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes)).exp()


def _nearest(shapes: Tensor, ratios: Tensor, values: Tensor) -> Tensor:
    """The shape whose ratio is nearest; the first one for NaN."""
    upper = torch.searchsorted(ratios, values.contiguous()).clamp(1, len(ratios) - 1)
    index = torch.where(values - ratios[upper - 1] <= ratios[upper] - values, upper - 1, upper)
    return shapes[torch.where(values.isnan(), 0, index)]
