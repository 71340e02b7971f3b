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


# Each with its amounts, rising in strength.
DISTORTIONS: dict[str, tuple[Callable[[Tensor, float], Tensor], tuple[float, ...]]] = {
    "blur": (blur, (0.6, 1.2, 2.4, 4.8)),
    "noise": (noise, (0.02, 0.04, 0.08, 0.16)),
    "jpeg": (jpeg, (70, 40, 20, 8)),  # type: ignore[dict-item]
    "down_up": (down_up, (1.6, 2, 3.2, 4)),
}
