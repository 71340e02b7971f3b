"""What is easily seen in an image, as numbers."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dsd.data.distortions import blur
from dsd.data.images import luma

STATISTICS = ("contrast", "high-frequency energy", "colourfulness")


def statistics(x: Tensor) -> dict[str, Tensor]:
    """What is easily seen in an image, as numbers.

    - ``contrast``: standard deviation of luma Y (BT.601).
    - ``high-frequency energy``: mean of (Y − Y blurred by a Gaussian of σ = 1 pixel)².
    - ``colourfulness``: Hasler & Süsstrunk's M̂⁽³⁾ = √(σ²_rg + σ²_yb) + 0.3 √(μ²_rg + μ²_yb), with rg = R − G and
      yb = (R + G)/2 − B.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].

    Returns:
        {name: (N,)}.

    Reference:
        Hasler & Süsstrunk, "Measuring colourfulness in natural images", SPIE 2003.

    Example:
        >>> {name: tuple(values.shape) for name, values in statistics(torch.rand(2, 3, 8, 8)).items()}
        {'contrast': (2,), 'high-frequency energy': (2,), 'colourfulness': (2,)}
    """
    y = luma(x)
    fine = y - blur(y, sigma=1)
    red, green, blue = x.unbind(dim=1)
    opponent = torch.stack([red - green, (red + green) / 2 - blue], dim=1)
    spread, offset = opponent.var(dim=(2, 3), correction=0), opponent.mean(dim=(2, 3)).square()
    values = (
        y.std(dim=(1, 2, 3), correction=0),
        fine.square().mean(dim=(1, 2, 3)),
        spread.sum(dim=1).sqrt() + 0.3 * offset.sum(dim=1).sqrt(),
    )
    return dict(zip(STATISTICS, values, strict=True))


def gradient_energy(x: Tensor) -> Tensor:
    """Mean square of the differences of luma (BT.601) to the right and to the lower neighbour, (N,).

    Detail and noise count alike: see :func:`metric_q` and :func:`noise_level`.

    Args:
        x: images, float (N, 3, H, W).

    Example:
        >>> ramp = torch.arange(4.0).expand(1, 3, 4, 4)
        >>> gradient_energy(ramp)
        tensor([1.])
    """
    y = luma(x)[:, 0]
    return y.diff(dim=2).square().mean(dim=(1, 2)) + y.diff(dim=1).square().mean(dim=(1, 2))


def metric_q(x: Tensor, patch: int = 8) -> Tensor:
    """Zhu & Milanfar's metric Q: how strong edges and lines are. Blur lowers it, and so does noise.

    s₁ ≥ s₂ are the root mean squares of a patch's luma gradient along and across its main direction. Its coherence is
    R = (s₁ − s₂)/(s₁ + s₂). Q is the mean of s₁·R over patches, of which those count as 0 that could be white noise:
    R ≤ τ, which noise exceeds in about one patch of 100.

    Gradients are the Sobel operator's, which does not see patterns of two pixels. A grid lowers Q, as noise does.
    Stripes in one direction are lines and raise it. Fine disordered texture (grass, gravel) is like noise.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].
        patch: side of the patches in pixels; they do not overlap, and what is left over is not looked at.

    Returns:
        Q, (N,).

    Raises:
        ValueError: an image has no patch with the pixels around it.

    Reference:
        Zhu & Milanfar, "Automatic parameter selection for denoising algorithms using a no-reference measure of image
        content", IEEE TIP 2010. There s₁ and s₂ are roots of sums, here of means, so that Q does not grow with `patch`;
        and gradients are plain differences.

    Example:
        >>> edge = torch.zeros(1, 3, 18, 18).index_fill(3, torch.arange(9), 1)
        >>> [round(metric_q(image).item(), 2) for image in (edge, blur(edge, sigma=1), blur(edge, sigma=2))]
        [0.18, 0.13, 0.09]
    """
    if min(x.shape[2:]) < patch + 2:
        raise ValueError(f"images must have at least {patch + 2}×{patch + 2} pixels, got {tuple(x.shape[2:])}")
    right = x.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    gx, gy = F.conv2d(luma(x), torch.stack([right, right.T])[:, None]).unbind(dim=1)
    xx, yy, xy = F.avg_pool2d(torch.stack([gx * gx, gy * gy, gx * gy], dim=1), patch).unbind(dim=1)
    spread = ((xx - yy).square() + 4 * xy.square()).sqrt()
    s1, s2 = (((xx + yy + sign * spread) / 2).clamp(min=0).sqrt() for sign in (1, -1))
    coherence = ((s1 - s2) / (s1 + s2)).nan_to_num(0)  # 0 / 0 where nothing changes
    chance = 0.001 ** (1 / (patch**2 - 1))
    threshold = math.sqrt((1 - chance) / (1 + chance))
    return (s1 * coherence * (coherence > threshold)).mean(dim=(1, 2))


def noise_level(x: Tensor) -> Tensor:
    """Standard deviation of white noise in luma, estimated as median |d| / 0.6745, (N,).

    d are the finest diagonal details of the Haar wavelet, (a − b − c + e)/2 of all 2×2 pixels a, b, c, e. Fine texture
    and slanting stripes count as noise, too; stripes along the rows or columns do not.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].

    Reference:
        Donoho & Johnstone, "Ideal spatial adaptation by wavelet shrinkage", Biometrika 1994.

    Example:
        >>> noise_level(torch.full((1, 3, 8, 8), 0.5))
        tensor([0.])
    """
    details = luma(x)[:, 0].diff(dim=1).diff(dim=2) / 2
    return details.abs().flatten(1).median(dim=1).values / 0.6745
