"""Motion blur, which happens to light: sRGB values are made linear, blurred, and brought back."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dsd.checks import check_images, check_integer, check_number, check_tensor

# A camera's path: in how many steps it is followed; and at roughness 1, with the exposure as the unit of time, the
# tremor per √time, how many impulsive shakes are expected, and the pull per distance. Set by comparison with the eight
# kernels that Levin et al. measured: how wide they are, and how much of the light is in their brightest pixel.
STEPS = 400
TREMOR = 3.0
SHAKES = 3.0
PULL = 20.0


def to_linear(x: Tensor) -> Tensor:
    """Linear light of sRGB values, IEC 61966-2-1: x / 12.92 up to 0.04045, ((x + 0.055) / 1.055)^2.4 above.

    Args:
        x: float, any shape; values are clamped to [0, 1].

    Returns:
        Shape and dtype of `x`, in [0, 1].

    Example:
        >>> to_linear(torch.tensor([0.0, 0.5, 1.0]))
        tensor([0.0000, 0.2140, 1.0000])
    """
    x = x.clamp(0, 1)
    return torch.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def from_linear(light: Tensor) -> Tensor:
    """sRGB values of linear light, IEC 61966-2-1: 12.92·y up to 0.0031308, 1.055·y^(1/2.4) − 0.055 above.

    Args:
        light: float, any shape; values are clamped to [0, 1].

    Returns:
        Shape and dtype of `light`, in [0, 1].

    Example:
        >>> from_linear(torch.tensor([0.0, 0.2140, 1.0]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    light = light.clamp(0, 1)
    curve = 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055  # the clamp keeps the power's slope finite at 0
    return torch.where(light <= 0.0031308, 12.92 * light, curve).clamp(0, 1)


def camera_shake(random: np.random.Generator, *, side: int = 25, length: float = 30, roughness: float = 0.5) -> Tensor:
    """A blur kernel of a camera that moved while the shutter was open.

    The camera is a mass in the plane. It begins with some velocity and keeps it, but for a tremor (white noise on the
    velocity), a pull back to where it began, and impulsive shakes, which throw it back. The path is scaled to `length`;
    each moment of it is spread over the four nearest pixels by bilinear weights. The kernel is bright where the camera
    was slow.

    Args:
        random: gives everything that is random.
        side: of the kernel in pixels, odd.
        length: of the path in pixels, from 0 (no blur). A path that would leave the kernel is shrunk until it fits.
        roughness: from 0 (a straight line at constant speed) to 1 (loops, turns, about three impulsive shakes).

    Returns:
        float32 (side, side): not negative, of sum 1, its centre of mass at its centre.

    Raises:
        ValueError: `side` is even or no integer from 1; `length` is negative; `roughness` is outside [0, 1].

    Reference:
        The idea: Boracchi, Foi: Modeling the performance of image restoration from motion blur, IEEE TIP 2012.

    Example:
        >>> kernel = camera_shake(np.random.default_rng(0), side=15)
        >>> kernel.shape, round(kernel.sum().item(), 6)
        (torch.Size([15, 15]), 1.0)
    """
    if check_integer(side, "side", 1) % 2 == 0:
        raise ValueError(f"side must be odd, got {side}")
    check_number(length, "length")
    if check_number(roughness, "roughness") > 1:
        raise ValueError(f"roughness must be at most 1, got {roughness:g}")
    path = _camera_path(random, roughness)
    path *= length / np.abs(np.diff(path)).sum()
    points = np.stack([path.real, path.imag], axis=1)
    points -= points.mean(axis=0)
    reach = np.abs(points).max()
    if reach > side // 2:
        points *= (side // 2) / reach
    return _spread(torch.from_numpy(points), side).float()


def motion_blur(x: Tensor, kernel: Tensor) -> Tensor:
    """Images blurred in linear light: y = f⁻¹(k * f(x)), f from sRGB to linear light, * convolution.

    Beyond the borders is the mirror image. A point of light becomes a picture of the kernel.

    Args:
        x: float (N, 3, H, W) in [0, 1], sRGB; H and W are larger than K // 2.
        kernel: (K, K), or (N, K, K) for one each; K odd, not negative, of sum 1.

    Returns:
        (N, 3, H, W), dtype of `x`, in [0, 1].

    Raises:
        TypeError: one is no tensor.
        ValueError: `x` is no such batch, or too small; `kernel` is no such kernel, or on another device.

    Example:
        >>> kernel = camera_shake(np.random.default_rng(0), side=15)
        >>> motion_blur(torch.rand(2, 3, 24, 40), kernel).shape
        torch.Size([2, 3, 24, 40])
    """
    check_images(x, "x")
    _check_kernel(kernel, x)
    side = kernel.shape[-1]
    check_images(x, "x", smallest=side // 2 + 1, check_values=False, purpose=f"a kernel of {side}×{side}")
    count, _, height, width = x.shape
    # conv2d correlates: turned by half a turn, it convolves. All channels of all images are done in one pass.
    weight = kernel.to(x.dtype).expand(count, side, side).flip(1, 2)[:, None].repeat_interleave(3, dim=0)
    light = F.pad(to_linear(x), [side // 2] * 4, mode="reflect").flatten(0, 1)[None]
    return from_linear(F.conv2d(light, weight, groups=3 * count).reshape(count, 3, height, width))


def average_frames(x: Tensor, shifts: Tensor) -> Tensor:
    """The mean, in linear light, of an image shifted again and again: a video's blur where only the camera moved.

    y = f⁻¹(mean over t of f(x) shifted by (dx_t, dy_t)), f from sRGB to linear light. Between pixels shifts are
    bilinear; beyond the borders is the mirror image.

    Args:
        x: float (N, 3, H, W) in [0, 1], sRGB; H and W are larger than the largest shift, rounded up.
        shifts: float (T, 2): dx (to the right) and dy (down) of each frame, in pixels.

    Returns:
        (N, 3, H, W), dtype of `x`, in [0, 1].

    Raises:
        TypeError: one is no tensor.
        ValueError: `x` is no such batch, or too small; `shifts` are no such list, or not finite.

    Reference:
        Nah, Kim, Lee: Deep multi-scale convolutional neural network for dynamic scene deblurring, CVPR 2017 (GoPro).

    Example:
        >>> x = torch.rand(1, 3, 24, 40)
        >>> average_frames(x, torch.tensor([[0.0, 0.0], [0.5, 1.0]])).shape
        torch.Size([1, 3, 24, 40])
    """
    check_images(x, "x")
    check_tensor(shifts, "shifts", "(T, 2)")
    if shifts.ndim != 2 or shifts.shape[1] != 2 or not len(shifts):
        raise ValueError(f"shifts must have shape (T, 2) with at least one row, got {tuple(shifts.shape)}")
    if not shifts.isfinite().all():
        raise ValueError("shifts must be finite, got NaN or infinity")
    reach = math.ceil(shifts.abs().max().item())
    check_images(x, "x", smallest=reach + 1, check_values=False, purpose=f"shifts of {reach} pixels")
    # Shifted copies, averaged, are a convolution with the shifts as a kernel.
    return motion_blur(x, _spread(shifts.detach().double().cpu(), 2 * reach + 1).to(x.device))


def average(frames: Tensor) -> Tensor:
    """The mean, in linear light, of consecutive frames of a video: the frame of a camera of fewer frames per second.

    y = f⁻¹(mean over t of f(frame_t)), f from sRGB to linear light.

    Args:
        frames: float (T, 3, H, W) in [0, 1], sRGB.

    Returns:
        (3, H, W), dtype of `frames`, in [0, 1].

    Raises:
        TypeError: `frames` is no tensor.
        ValueError: `frames` is no such batch.

    Reference:
        Nah, Kim, Lee: Deep multi-scale convolutional neural network for dynamic scene deblurring, CVPR 2017 (GoPro).

    Example:
        >>> average(torch.rand(7, 3, 24, 40)).shape
        torch.Size([3, 24, 40])
    """
    check_images(frames, "frames")
    return from_linear(to_linear(frames).mean(dim=0))


def _camera_path(random: np.random.Generator, roughness: float) -> np.ndarray:
    """Positions in the complex plane, of any scale, at even times."""
    dt = 1 / STEPS
    tremor = TREMOR * roughness * math.sqrt(dt) * (random.standard_normal((STEPS, 2)) @ np.array([1, 1j]))
    thrown = -np.exp(1j * random.uniform(-1, 1, STEPS))  # back, give or take a radian
    shakes = np.where(random.random(STEPS) < SHAKES * roughness * dt, thrown, 1)
    position, velocity = 0j, complex(np.exp(2j * math.pi * random.random()))
    path = [position]
    for push, shake in zip(tremor.tolist(), shakes.tolist(), strict=True):  # Python's complex numbers are faster here
        velocity = velocity * shake + push - PULL * roughness * dt * position
        position += velocity * dt
        path.append(position)
    return np.array(path)


def _spread(points: Tensor, side: int) -> Tensor:
    """The mean of points (T, 2) of x and y, at most side // 2 from the centre, as a picture (side, side) of sum 1."""
    points = (points + side // 2).clamp(0, side - 1)  # rounding may have put one outside
    corner = points.floor().clamp(max=max(side - 2, 0))
    kernel = points.new_zeros(side * side)
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = corner[:, 0] + dx, corner[:, 1] + dy
            weight = (1 - (points[:, 0] - x).abs()) * (1 - (points[:, 1] - y).abs())
            kernel.index_add_(0, (y * side + x).clamp(max=side * side - 1).long(), weight)
    return kernel.reshape(side, side) / len(points)


def _check_kernel(kernel: Tensor, x: Tensor) -> None:
    check_tensor(kernel, "kernel", "(K, K) or (N, K, K)")
    shape = tuple(kernel.shape)
    if kernel.ndim not in (2, 3) or shape[-1] != shape[-2] or shape[-1] % 2 == 0 or shape[:-2] not in ((), (len(x),)):
        raise ValueError(f"kernel must have shape (K, K) or ({len(x)}, K, K) with K odd, got {shape}")
    if kernel.device != x.device:
        raise ValueError(f"kernel is on {kernel.device}, x on {x.device}: move one of them")
    sums = kernel.sum(dim=(-2, -1))
    if not ((kernel >= 0).all() and ((sums - 1).abs() < 1e-3).all()):
        raise ValueError(
            f"kernel must not be negative and must have sum 1, got values from {kernel.min():g} and sum "
            f"{', '.join(f'{value:g}' for value in sums.reshape(-1).tolist()[:3])}"
        )
