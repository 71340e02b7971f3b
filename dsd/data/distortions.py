"""Distortions of a photograph by known amounts."""

import io
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dsd.data.images import from_pil, to_uint8
from dsd.resize import downscale


def blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of standard deviation `sigma` in pixels, cut at 3 sigma, borders mirrored; x: (…, C, H, W)."""
    radius = round(3 * sigma)
    edge = radius / math.sqrt(2)
    positions = torch.linspace(-edge, edge, 2 * radius + 1, dtype=x.dtype, device=x.device)  # divided by √2
    line = torch.softmax(-(positions / sigma).square(), dim=0)
    channels = x.shape[-3]
    kernel = (line[:, None] * line).expand(channels, 1, -1, -1)
    padded = F.pad(x.reshape(-1, *x.shape[-3:]), [radius] * 4, mode="reflect")
    return F.conv2d(padded, kernel, groups=channels).reshape(x.shape)


def noise(x: Tensor, std: float) -> Tensor:
    """White Gaussian noise of standard deviation `std`, the same in every call; x: (3, H, W) in [0, 1]."""
    return x + std * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


def jpeg(x: Tensor, quality: int) -> Tensor:
    """JPEG compression; x: (3, H, W) in [0, 1]."""
    file = io.BytesIO()
    Image.fromarray(to_uint8(x)).save(file, "JPEG", quality=quality)
    return from_pil(Image.open(file))


def down_up(x: Tensor, alpha: float) -> Tensor:
    """x↓alpha, enlarged again by bicubic interpolation; x: (3, H, W)."""
    small = downscale(x[None], alpha)
    return F.interpolate(small, size=x.shape[1:], mode="bicubic", align_corners=False)[0]


def ringing(x: Tensor, cutoff: float) -> Tensor:
    """Frequencies above `cutoff`, a share of the highest, cut off sharply in both directions; x: (…, H, W)."""
    height, width = x.shape[-2:]
    rows, columns = torch.fft.fftfreq(height).abs()[:, None], torch.fft.rfftfreq(width).abs()
    kept = (2 * rows <= cutoff) & (2 * columns <= cutoff)
    return torch.fft.irfft2(torch.fft.rfft2(x) * kept.to(x.device), s=(height, width))


def contrast(x: Tensor, factor: float) -> Tensor:
    """Differences from the mean value times `factor`; x: (C, H, W)."""
    return x.mean() + factor * (x - x.mean())


# Each with its amounts, rising in strength.
DISTORTIONS: dict[str, tuple[Callable[[Tensor, float], Tensor], tuple[float, ...]]] = {
    "blur": (blur, (0.6, 1.2, 2.4, 4.8)),
    "noise": (noise, (0.02, 0.04, 0.08, 0.16)),
    "jpeg": (jpeg, (70, 40, 20, 8)),  # type: ignore[dict-item]
    "down_up": (down_up, (1.6, 2, 3.2, 4)),
}
MORE_DISTORTIONS = {
    **DISTORTIONS,
    "ringing": (ringing, (0.7, 0.5, 0.35, 0.25)),
    "contrast": (contrast, (0.8, 0.6, 0.4, 0.2)),
}
