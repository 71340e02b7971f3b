"""Photographs distorted by known amounts: a stand-in for human ratings where there are none."""

import csv
import io
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from dsd.data.images import Photographs
from dsd.data.rated import RatedImages
from dsd.descriptor import downscale


def blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of standard deviation `sigma` in pixels; x: (3, H, W)."""
    return transforms.gaussian_blur(x, [2 * round(3 * sigma) + 1] * 2, [sigma] * 2)


def noise(x: Tensor, std: float) -> Tensor:
    """White Gaussian noise of standard deviation `std`, the same in every call; x: (3, H, W) in [0, 1]."""
    return x + std * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


def jpeg(x: Tensor, quality: int) -> Tensor:
    """JPEG compression; x: (3, H, W) in [0, 1]."""
    file = io.BytesIO()
    transforms.to_pil_image(x).save(file, "JPEG", quality=quality)
    return transforms.to_dtype(transforms.pil_to_tensor(Image.open(file)), torch.float32, scale=True)


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


def write_distorted(photographs: Photographs, folder: Path) -> RatedImages:
    """Write every view and its distorted copies as PNG, and pairs in which the weaker distortion is preferred for sure.

    Pairs are of one kind of distortion: strengths of different kinds cannot be compared.

    Args:
        photographs: the views; each is a reference.
        folder: where to; ``ratings.csv`` in it can be read with :meth:`RatedImages.csv`.

    Returns:
        The rated pairs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("reference", "a", "b", "preference")]
    for index in range(len(photographs)):
        x = photographs[index]
        reference = f"{index:02}.png"
        transforms.to_pil_image(x).save(folder / reference)
        for kind, (distort, amounts) in DISTORTIONS.items():
            names = [f"{index:02}_{kind}_{amount:g}.png" for amount in amounts]
            for name, amount in zip(names, amounts, strict=True):
                transforms.to_pil_image(distort(x, amount).clamp(0, 1)).save(folder / name)
            for weaker, stronger in combinations(
                names, 2
            ):  # both ways round: a correlation needs preferences that vary
                rows += [(reference, weaker, stronger, "1"), (reference, stronger, weaker, "0")]
    with (folder / "ratings.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return RatedImages.csv(folder / "ratings.csv")
