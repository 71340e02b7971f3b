"""A model of one's own for NIQE, of sharp photographs."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from dsd.atomic import atomic_write
from dsd.quality.natural_scenes import Grey
from dsd.quality.niqe import BLOCK, block_features, fit_normal

SHARP = 0.75  # of the sharpest block of an image: the share that blocks of a model must exceed


def fit(
    images: Iterable[Tensor], out: str | Path, *, grey: Grey = "rgb2gray", rounded: bool = True, border: int = 0
) -> Path:
    """Make a model of one's own: the distribution of the features of sharp blocks, in a file for NIQE.

    A block is sharp whose mean σ exceeds 0.75 of that of its image's sharpest block. One image is in memory at a time.
    :class:`dsd.quality.niqe.NIQE` reads the file and is to be given the same settings.

    Args:
        images: sharp photographs, float (3, H, W) in [0, 1] each, of any sizes; all in all more than 36 sharp blocks.
        out: the file, .safetensors; its folder is made if need be.
        grey: ``"rgb2gray"`` or ``"y"``.
        rounded: whether grey is rounded to 8 bits.
        border: pixels cut from each side first.

    Returns:
        `out`.

    Raises:
        ValueError: an image is none, or too small; there are too few sharp blocks; unknown `grey`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from dsd.quality.niqe import NIQE
        >>> with TemporaryDirectory() as place:
        ...     model = NIQE(fit(torch.rand(4, 3, 400, 500), f"{place}/model.safetensors"))
    """
    settings: dict[str, Any] = {"grey": grey, "rounded": rounded, "border": border}
    return write_model([sharp_features(image, **settings) for image in images], out, **settings)


@torch.no_grad()
def sharp_features(image: Tensor, *, grey: Grey = "rgb2gray", rounded: bool = True, border: int = 0) -> Tensor:
    """The features (blocks, 36) of an image's sharp blocks, of which :func:`write_model` makes a model.

    Args:
        image: float (3, H, W) in [0, 1].
        grey: ``"rgb2gray"`` or ``"y"``.
        rounded: whether grey is rounded to 8 bits.
        border: pixels cut from each side first.

    Raises:
        ValueError: `image` is none, or smaller than one block after the cut.
    """
    features, sharpness = block_features(image[None], grey=grey, rounded=rounded, border=border)
    return features[sharpness > SHARP * sharpness.max()].cpu()


def write_model(
    sharp: Sequence[Tensor], out: str | Path, *, grey: Grey = "rgb2gray", rounded: bool = True, border: int = 0
) -> Path:
    """Write the model of features of sharp blocks, with the settings that they were made with.

    Args:
        sharp: of :func:`sharp_features`, for each image.
        out: the file, .safetensors; its folder is made if need be.
        grey: of `sharp`, likewise the others.
        rounded: of `sharp`.
        border: of `sharp`.

    Returns:
        `out`.

    Raises:
        ValueError: there are not more than 36 blocks; `out` has another suffix.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise ValueError(f"out must end in .safetensors, got {out}")
    blocks = torch.cat([torch.empty(0, 36, dtype=torch.float64), *sharp])
    if (count := int(blocks.isfinite().all(dim=1).sum())) <= 36:
        raise ValueError(f"a model needs more than 36 sharp blocks of {BLOCK}×{BLOCK} pixels, got {count}: add images")
    mean, covariance = (value[0].contiguous() for value in fit_normal(blocks[None]))
    about = {"images": len(sharp), "blocks": count, "grey": grey, "rounded": rounded, "border": border}
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as file:
        file.write(save({"mean": mean, "covariance": covariance}, {"about": json.dumps(about)}))
    return out
