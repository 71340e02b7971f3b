"""Which images a run learns from and is validated on, out of its settings."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from dsd.data.images import embedded_photographs, find_images
from dsd.data.restoration_sets import PairedFiles, div2k, folder_of_pairs, reds
from dsd.restore.blur import camera_shake, motion_blur
from dsd.restore.config import Config
from dsd.restore.noisy import Noisy, with_noise
from dsd.restore.pairs import Aligned, Files, Pairs
from dsd.restore.shaken import Shaken


def make_pairs(config: Config, *, quiet: bool = False) -> tuple[Pairs, list[Path]]:
    """What a run learns from.

    Returns:
        The pairs, and all their files in an order that is always the same.

    Raises:
        FileNotFoundError: a folder is missing or empty, or an image has no partner.
        ValueError: a file cannot be used.
    """
    data = config.data
    if config.task != "sr" and data.layout == "folders" and not data.degraded:
        paths = [path for folder in data.images for path in _images(folder)]
        if config.task == "denoise":
            noisy = Noisy(paths, noise_std=data.noise_std, misaligned=data.misaligned, margin=data.margin, quiet=quiet)
            return noisy, paths
        return Shaken(paths, blur=data.blur, quiet=quiet), paths
    sets = training_sets(config)
    paths = [path for one in sets for pair in one.items.values() for path in pair if path is not None]
    return Aligned(Files(sets, data.like), config.network.scale, keep=data.keep, quiet=quiet), paths


def training_sets(config: Config) -> list[PairedFiles]:
    """The files of pairs, a set for each folder."""
    data, scale = config.data, config.network.scale
    if data.layout != "folders":
        return [{"div2k": div2k, "reds": reds}[data.layout](folder) for folder in data.images]
    if data.degraded:
        return [folder_of_pairs(*folders, scale) for folders in zip(data.degraded, data.images, strict=True)]
    return [_without_degraded(folder, scale) for folder in data.images]


def validation_pairs(config: Config) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Name, degraded (3, H, W) and clean image (3, s·H, s·W) of a run's validation, in 8 bits' steps in [0, 1].

    Camera shakes and noise are the same in every run.
    """
    folder = config.validation.images
    files = Files([_without_degraded(folder, config.network.scale)], config.data.like)
    for index in range(min(config.validation.count, len(files))):
        degraded, clean = (image / 255 for image in files[index])
        random = np.random.default_rng(index)
        if config.task == "deblur":
            degraded = (255 * motion_blur(clean[None], camera_shake(random))[0]).round() / 255
        elif config.task == "denoise":
            degraded = with_noise(clean, config.data.noise_std, random)
        yield files.path(index).stem, degraded, clean


def _without_degraded(folder: str, scale: int) -> PairedFiles:
    return PairedFiles(folder, {str(path): (None, path) for path in _images(folder)}, scale)


def _images(folder: str) -> list[Path]:
    return embedded_photographs() if folder == "embedded" else find_images(folder)
