"""The 20 traditional distortions of BAPPS, one function each: of an image, a strength from 0 to 1, and a seed.

Zhang et al. name them and do not publish their ranges. The ranges here are ours, for patches of 64×64 pixels: lengths
are in pixels. A strength scales one random choice (a direction, a pattern), which depends on the seed alone.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dsd.checks import check_choice, check_images, is_number
from dsd.data.distortions import blur, contrast, jpeg
from dsd.data.images import luma
from dsd.data.warp import places, sample

Distort = Callable[[Tensor, float, Generator], Tensor]


def lightness_shift(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """All values lighter or darker by up to 0.4."""
    return x + 0.4 * strength * _sign(generator)


def color_shift(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Plus a colour of luma 0 and length 0.4 at most."""
    color = torch.randn(3, 1, 1, generator=generator)
    color = color - luma(color[None])[0]
    return x + 0.4 * strength * color / color.norm()


def contrast_change(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Differences from the mean times 1.8 at most, or 0.2 at least."""
    return contrast(x, 1 + 0.8 * strength * _sign(generator))


def saturation_change(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Differences from grey doubled at most, or taken away. A grey image stays as it is."""
    grey = luma(x[None])[0]
    return grey + (1 + strength * _sign(generator)) * (x - grey)


def uniform_noise(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """White noise of equally frequent values."""
    return x + 0.2 * strength * math.sqrt(12) * (torch.rand(x.shape, generator=generator) - 0.5)


def white_noise(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """White Gaussian noise; all noises have a standard deviation of up to 0.2."""
    return x + 0.2 * strength * torch.randn(x.shape, generator=generator)


def pink_noise(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Gaussian noise whose power falls as 1/f."""
    return x + 0.2 * strength * _noise(x, -1, generator)


def blue_noise(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Gaussian noise whose power rises as f."""
    return x + 0.2 * strength * _noise(x, 1, generator)


def colored_noise(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Gaussian noise of power f^k, k random between −2 (brown) and 2 (violet)."""
    exponent = 4 * torch.rand((), generator=generator).item() - 2
    return x + 0.2 * strength * _noise(x, exponent, generator)


def checkerboard(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Plus and minus up to 0.2, in squares of 1 to 4 pixels, as transposed convolutions leave it."""
    side = int(torch.randint(1, 5, (), generator=generator))
    rows, columns = (torch.arange(length) // side for length in x.shape[1:])
    return x + 0.2 * strength * (1 - 2.0 * ((rows[:, None] + columns) % 2))


def gaussian_blur(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Gaussian blur with a σ of up to 4 pixels."""
    return blur(x, 4 * strength)


def bilateral_filter(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """A mean over neighbours (σ 2 pixels) of like colour (σ up to 0.5): smooth, with edges."""
    from skimage.restoration import denoise_bilateral

    pixels = x.permute(1, 2, 0).numpy()
    sigmas = {"sigma_color": 0.5 * strength, "sigma_spatial": 2}
    smooth = denoise_bilateral(pixels, win_size=9, mode="symmetric", channel_axis=2, **sigmas)
    return torch.from_numpy(smooth).to(x.dtype).permute(2, 0, 1)


def shift(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Moved by up to 8 pixels."""
    return _warp(x, 8 * strength * _direction(generator)[:, None, None])


def affine_warp(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Turned, sheared and scaled around the centre: each place p comes from p + A p, |A| up to 0.3."""
    matrix = torch.randn(2, 2, generator=generator)
    return _warp(x, 0.3 * strength * torch.einsum("ij,jhw->ihw", matrix / matrix.norm(), places(*x.shape[1:])))


def homography(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Seen from the side: each place p comes from p / (1 + a·p), |a| up to 0.4 per half of the short side."""
    p = places(*x.shape[1:])
    slope = 0.4 * strength * _direction(generator) / (min(x.shape[1:]) / 2)
    return _warp(x, p / (1 + torch.einsum("i,ihw->hw", slope, p)) - p)


def linear_warp(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Places moved by random steps (σ up to 4 pixels) of a 4×4 grid, linear between them."""
    return _warp(x, 4 * strength * _steps(x, "bilinear", generator))


def cubic_warp(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """The same, cubic between them."""
    return _warp(x, 4 * strength * _steps(x, "bicubic", generator))


def ghosting(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """A second copy, 6 pixels away, mixed in by up to one half."""
    copy = _warp(x, 6 * _direction(generator)[:, None, None])
    return x + 0.5 * strength * (copy - x)


def chromatic_aberration(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """Red enlarged and blue made smaller around the centre by up to 8 %, or the other way round."""
    step = 0.08 * strength * _sign(generator) * places(*x.shape[1:])
    red, green, blue = x.split(1)
    return torch.cat([_warp(red, step), green, _warp(blue, -step)])


def jpeg_compression(x: Tensor, strength: float, generator: Generator) -> Tensor:
    """JPEG with a quality from 95 down to 5."""
    return jpeg(x, round(95 - 90 * strength))


# By kind, as the paper groups them.
TRADITIONAL: dict[str, dict[str, Distort]] = {
    "photometric": {
        "lightness shift": lightness_shift,
        "color shift": color_shift,
        "contrast": contrast_change,
        "saturation": saturation_change,
    },
    "noise": {
        "uniform noise": uniform_noise,
        "white noise": white_noise,
        "pink noise": pink_noise,
        "blue noise": blue_noise,
        "colored noise": colored_noise,
        "checkerboard": checkerboard,
    },
    "blur": {"Gaussian blur": gaussian_blur, "bilateral filter": bilateral_filter},
    "spatial": {
        "shift": shift,
        "affine warp": affine_warp,
        "homography": homography,
        "linear warp": linear_warp,
        "cubic warp": cubic_warp,
        "ghosting": ghosting,
        "chromatic aberration": chromatic_aberration,
    },
    "compression": {"JPEG": jpeg_compression},
}
KINDS = {name: distort for kinds in TRADITIONAL.values() for name, distort in kinds.items()}


def distort(x: Tensor, kinds: Sequence[str], strength: float, seed: int = 0) -> Tensor:
    """Distort an image by one of the 20 traditional distortions of BAPPS, or by several, one after the other.

    The result is cut off at 0 and 1 after each. The ranges are ours: the paper does not publish its own.

    Args:
        x: float (3, H, W) in [0, 1], of more than 12×12 pixels, one side at most twice the other.
        kinds: names out of `KINDS`, in the order in which they are applied.
        strength: of each, from 0 (nothing changes) to 1.
        seed: of what is random. The same seed gives the same pattern, weaker or stronger.

    Returns:
        (3, H, W) in [0, 1].

    Raises:
        TypeError: `x` is no tensor.
        ValueError: `x` is no such image, an unknown kind or none, or a strength out of its range.

    Reference:
        Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018.

    Example:
        >>> x = torch.rand(3, 64, 64)
        >>> distort(x, ["shift", "JPEG"], 0.5).shape
        torch.Size([3, 64, 64])
    """
    check_images(x[None] if isinstance(x, Tensor) else x)
    if min(x.shape[1:]) < 13:
        raise ValueError(f"x must have at least 13×13 pixels, got {tuple(x.shape)}")
    if max(x.shape[1:]) > 2 * min(x.shape[1:]):  # or a homography puts the horizon into the image
        raise ValueError(f"x must not be longer than twice its width, got {tuple(x.shape)}")
    if isinstance(kinds, str) or not kinds:
        raise ValueError(f"kinds must be a list of names out of {', '.join(KINDS)}; got {kinds!r}")
    if not (is_number(strength) and 0 <= strength <= 1):
        raise ValueError(f"strength must be a number from 0 to 1, got {strength!r}")
    for number, kind in enumerate(kinds):
        check_choice(kind, "kinds", list(KINDS))
        if strength > 0:
            x = KINDS[kind](x, strength, torch.Generator().manual_seed(seed + number)).clamp(0, 1)
    return x


def _sign(generator: Generator) -> int:
    return 2 * int(torch.randint(2, (), generator=generator)) - 1


def _direction(generator: Generator) -> Tensor:
    """A random unit vector (2,): right, down."""
    angle = 2 * math.pi * torch.rand((), generator=generator)
    return torch.stack([angle.cos(), angle.sin()])


def _noise(x: Tensor, exponent: float, generator: Generator) -> Tensor:
    """Gaussian noise of power f^exponent, mean 0 and standard deviation 1, of an image's shape."""
    height, width = x.shape[1:]
    frequency = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width))
    amplitude = frequency.clamp(min=1 / (2 * max(height, width))) ** (exponent / 2)
    amplitude[0, 0] = 0
    noise = torch.fft.irfft2(torch.fft.rfft2(torch.randn(x.shape, generator=generator)) * amplitude, s=(height, width))
    return noise / noise.std()


def _steps(x: Tensor, mode: str, generator: Generator) -> Tensor:
    """Random steps of a 4×4 grid, σ 1, and between them, (2, H, W)."""
    coarse = torch.randn(1, 2, 4, 4, generator=generator)
    return F.interpolate(coarse, x.shape[1:], mode=mode, align_corners=True)[0]


def _warp(x: Tensor, steps: Tensor) -> Tensor:
    """The image whose value at p is that of `x` at p + steps, (2, H, W)."""
    return sample(x, places(*x.shape[1:]) + steps)
