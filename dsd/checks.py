"""What images, features, scaling factors and numbers must be."""

import math
import sys
from collections.abc import Sequence
from numbers import Integral, Real
from typing import TypeGuard

import torch
from torch import Tensor


def check_images(
    x: Tensor,
    name: str = "x",
    *,
    smallest: int = 1,
    alpha: float = 1,
    device: torch.device | None = None,
    check_values: bool = True,
    purpose: str = "these layers",
) -> None:
    """Refuse anything but a batch of RGB images, naming the argument, what it was and what it must be.

    Args:
        x: the batch, float (N, 3, H, W).
        name: the argument's name in the caller.
        smallest: shortest side in pixels, after downscaling by `alpha`, that the network's deepest layer needs.
        alpha: the largest downscaling factor that will be applied.
        device: where the network is; None: it does not matter.
        check_values: also refuse values outside [0, 1] and NaN. Training losses switch this off: networks overshoot.
        purpose: what a smaller image is too small for, in words.

    Raises:
        TypeError: `x` is not a tensor.
        ValueError: its dtype, shape, size, device or values are wrong.
    """
    check_tensor(x, name, "(N, 3, H, W)")
    if x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(f"{name} must have shape (N, 3, H, W), got {tuple(x.shape)}")
    if not len(x):
        raise ValueError(f"{name} must hold at least one image, got shape {tuple(x.shape)}")
    # The smallest side that can be downscaled, and whose downscaled size, ceil(side / alpha), still reaches the layer.
    side = max(math.ceil(alpha), math.floor((smallest - 1) * alpha) + 1)
    height, width = x.shape[2:]
    if min(height, width) < side:
        raise ValueError(
            f"{name} is {height}×{width} pixels, too small for {purpose}"
            + (f" at 1/{alpha:g} of its size" if alpha > 1 else "")
            + f": the smallest image that works is {side}×{side}"
        )
    if device is not None and x.device != device:
        raise ValueError(f"{name} is on {x.device}, the network on {device}: move one of them")
    if check_values:
        if x.is_meta:
            raise ValueError(f"{name} must have values in [0, 1], got a tensor on meta, which has none")
        low, high = (bound.item() for bound in x.detach().aminmax())
        if not (low >= 0 and high <= 1):  # false for NaN too
            raise ValueError(f"{name} must have values in [0, 1] and no NaN, got [{low:g}, {high:g}]")


def check_tensor(x: Tensor, name: str, shape: str) -> None:
    """Refuse anything but a dense tensor of floats; `shape` is said where it is no tensor, and not checked.

    Raises:
        TypeError: no tensor.
        ValueError: a sparse one, or not of floats.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor of shape {shape}, got {type(x).__name__}")
    if x.layout != torch.strided:
        raise ValueError(f"{name} must be a dense tensor, got {x.layout}")
    if not x.is_floating_point():
        hint = " (divide 8-bit images by 255)" if x.dtype == torch.uint8 else ""
        raise ValueError(f"{name} must be a float tensor, got {x.dtype}{hint}")


def check_features(features: Tensor, name: str = "features") -> None:
    """Refuse anything but feature maps.

    Raises:
        TypeError: no tensor.
        ValueError: sparse, not of floats, not (N, C, H, W), or empty.
    """
    check_tensor(features, name, "(N, C, H, W)")
    if features.ndim != 4 or not features.numel():
        raise ValueError(f"{name} must have shape (N, C, H, W) with no empty side, got {tuple(features.shape)}")


def check_feature_pair(a: Tensor, b: Tensor, *, equal_sizes: bool = False) -> None:
    """Refuse feature maps that cannot be compared.

    Raises:
        TypeError: one is no tensor.
        ValueError: one is not of feature maps; or they differ in batch size, channels, type or device, or in size if
            `equal_sizes`.
    """
    check_features(a, "a")
    check_features(b, "b")
    shapes = f"got {tuple(a.shape)} and {tuple(b.shape)}"
    if a.shape[:2] != b.shape[:2]:
        raise ValueError(f"a and b must agree in batch size and channels, {shapes}")
    if equal_sizes and a.shape != b.shape:
        raise ValueError(f"a and b must be features of images of the same size, {shapes}")
    if a.dtype != b.dtype or a.device != b.device:
        raise ValueError(
            f"a and b must have one type and device, got {a.dtype} on {a.device} and {b.dtype} on {b.device}"
        )


def check_choice(value: str, name: str, choices: Sequence[str]) -> None:
    """Refuse anything but one of some words.

    Raises:
        ValueError: likewise; the message lists them.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}; got {value!r}")


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite real number; True and False are none."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer that no float holds
        return False


def check_number(value: float, name: str, least: float = 0) -> float:
    """Refuse anything but a finite real number from `least`; returned as Python's own.

    Raises:
        ValueError: likewise.
    """
    if not (is_number(value) and value >= least):
        raise ValueError(f"{name} must be a finite number of at least {least:g}, got {value!r}")
    return float(value)


def check_integer(value: int, name: str, least: int) -> int:
    """Refuse anything but an integer from `least` to ``sys.maxsize``; returned as Python's own.

    Raises:
        ValueError: likewise.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    if value > sys.maxsize:
        raise ValueError(f"{name} must be at most {sys.maxsize}, got {value!r}")
    return int(value)


def check_alphas(alphas: Sequence[float]) -> float:
    """Refuse anything but different scaling factors of at least 1, and return the largest.

    Raises:
        ValueError: no sequence, none in it, one of them twice, or one that is below 1 or not finite.
    """
    if not isinstance(alphas, Sequence) or isinstance(alphas, str | bytes | bytearray) or not alphas:
        raise ValueError(f"alphas must be a sequence of at least one scaling factor, such as (2,); got {alphas!r}")
    for alpha in alphas:
        check_number(alpha, "alpha", 1)
    if len(set(alphas)) < len(alphas):
        raise ValueError(f"alphas must all be different, got {alphas!r}")
    return max(alphas)


def check_factors(alphas: Sequence[float]) -> float:
    """Refuse, besides what :func:`check_alphas` does, a factor of 1: DSD_1(x) = G(x) − G(x) is zero.

    Raises:
        ValueError: likewise.
    """
    largest = check_alphas(alphas)
    if 1 in alphas:
        raise ValueError(f"alpha must be above 1, since DSD_1 is zero for every image; got alphas={alphas!r}")
    return largest
