"""Grid artifacts: how far the power at the frequencies of an upsampling network stands out."""

import torch
from torch import Tensor

from dsd.checks import check_images, check_integer
from dsd.data.images import luma

NEIGHBOURS = range(3, 9)  # bins away on both sides; those at 1 and 2 are in the main lobe of Hann's window
FLOOR = 1e-12  # added to all power: far below that of rounding to 8 bits


def grid_energy(x: Tensor, period: int = 4) -> Tensor:
    r"""Power of a periodic pattern in luma, against that of the frequencies around it, in dB.

    .. math:: E = \operatorname{mean}_{d, k}\; 10 \log_{10} \frac{P_d(k/p)}
        {\operatorname{mean}_{3 \le |j| \le 8} P_d(k/p + j/L)}, \qquad k = 1 \dots \lfloor p/2 \rfloor

    p is the period, d the direction (along rows, along columns). P is the power of luma under Hann's window along d, by
    the discrete Fourier transform, averaged over all lines. L is the lines' length, cut to a multiple of p at the
    bottom or right, so that k/p is a bin. Two pixel shuffles of ×2 repeat with a period of 4 pixels: k/p is 1/4 and
    1/2 cycles per pixel. Photographs and noise have about 0 dB. Brightness does not change E, nor does contrast.
    Enlargement by interpolation removes just these frequencies: E says nothing there.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].
        period: p, in pixels, at least 2.

    Returns:
        (N,), float64. A constant image has 0 dB.

    Raises:
        TypeError: `x` is no tensor.
        ValueError: `x` is no such batch, or a side is shorter than 12 periods; `period` is no integer of at least 2.

    Example:
        >>> x = 0.5 + 0.1 * (torch.arange(96) % 4 == 0).expand(1, 3, 64, 96)
        >>> grid_energy(x).item() > 20
        True
    """
    period = check_integer(period, "period", 2)
    smallest = period * (NEIGHBOURS[-1] + 4)  # neighbours stay clear of the next frequency's main lobe
    check_images(x, "x", smallest=smallest, purpose=f"a grid of {period} pixels")
    y = luma(x.double())[:, 0]
    return torch.cat([_levels(y, period), _levels(y.mT, period)], dim=1).mean(dim=1)


def _levels(y: Tensor, period: int) -> Tensor:
    """10 log₁₀ of the ratio for (N, lines, pixels): (N, frequencies)."""
    length = y.shape[2] // period * period
    y = y[..., :length] - y[..., :length].mean(dim=(1, 2), keepdim=True)
    window = torch.hann_window(length, dtype=y.dtype, device=y.device)
    power = torch.fft.fft(window * y).abs().square().mean(dim=1) + FLOOR
    bins = torch.arange(1, period // 2 + 1, device=y.device) * (length // period)
    away = torch.tensor([sign * step for step in NEIGHBOURS for sign in (-1, 1)], device=y.device)
    around = power[:, (bins[:, None] + away) % length].mean(dim=2)
    return 10 * torch.log10(power[:, bins] / around)
