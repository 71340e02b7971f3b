"""What typed arguments must be, told before torch is imported and before work begins."""

import argparse
import os
from math import isfinite
from pathlib import Path

from dsd.backbones import check_backbone, check_device, random_seed

# What dsd.backbones.base.Precision allows, known before torch is imported.
PRECISIONS = ("float32", "bfloat16")


def split_names(text: str, option: str) -> list[str]:
    """Names separated by commas.

    Raises:
        ValueError: one is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ValueError(f"{option} must be names separated by commas, got {text!r}")
    return names


def split_alphas(text: str) -> list[float]:
    """Scaling factors separated by commas.

    Raises:
        ValueError: one is no number, not finite, or below 1; or it is there twice.
    """
    try:
        alphas = [float(alpha) for alpha in text.split(",")]
    except ValueError as error:
        raise ValueError(f"--alphas must be numbers separated by commas, got {text!r}") from error
    for alpha in alphas:
        if not (isfinite(alpha) and alpha >= 1):
            raise ValueError(f"alpha must be a finite number of at least 1, got {alpha:g}")
    if len(set(alphas)) < len(alphas):
        raise ValueError(f"alphas must all be different, got {text}")
    return alphas


def check_network(options: argparse.Namespace) -> None:
    """Refuse a network that cannot be before torch is imported.

    Args:
        options: with `backbone`, `weights`, `precision` and `device`.

    Raises:
        ValueError: unknown backbone, precision or device; the message lists the valid ones.
        FileNotFoundError: there is no such file of weights.
    """
    check_backbone(options.backbone)
    if options.precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {options.precision!r}")
    check_device(options.device)
    check_weights(options.weights)


def check_weights(weights: str) -> None:
    """Refuse a weight file that is not there before torch is imported.

    Raises:
        FileNotFoundError: there is none.
    """
    if weights != "auto" and random_seed(weights) is None and not Path(weights).is_file():
        raise FileNotFoundError(f"no weight file at {weights or repr(weights)}")


def check_file(path: Path) -> None:
    """Refuse a path that leads to no file before torch is imported.

    Raises:
        FileNotFoundError: there is none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")


def check_out(path: Path, name: str = "--out") -> None:
    """Refuse a place where a file cannot be written before work begins.

    Raises:
        ValueError: it is a folder, below a file, or in a folder that is closed.
    """
    if path.is_dir():
        raise ValueError(f"{name} must be a file, got the folder {path}")
    nearest = next(place for place in path.absolute().parents if place.exists())
    if not nearest.is_dir():
        raise ValueError(f"{name}: cannot write {path}, {nearest} is no folder")
    if not os.access(nearest, os.W_OK):
        raise ValueError(f"{name}: cannot write {path}, the folder {nearest} does not allow it")


def pixels(text: str) -> int | None:
    """A number of pixels; 0 and none are None."""
    return None if text == "none" else int(text) or None
