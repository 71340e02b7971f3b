"""Which photographs VGG-19 lite learns from, and which are kept to test it."""

import re
from collections.abc import Sequence
from pathlib import Path

from dsd.data.images import find_images


def training_images() -> list[Path]:
    """Photographs of the data root to learn from; every third ImageNet class, BSDS `val` and LIVE are left out.

    Raises:
        FileNotFoundError: one of imagenet-sample, imagenette160, bsds500 is not there.
    """
    paths = find_images("bsds500/train") + find_images("bsds500/test")
    for name in ("imagenet-sample", "imagenette160"):
        images = find_images(name)
        kept_for_the_report = set(held_out(images))
        paths += [path for path in images if path not in kept_for_the_report]
    return paths


def held_out(paths: Sequence[Path]) -> list[Path]:
    """Of ImageNet photographs those of every third class, on which VGG-19 lite was not trained.

    A class goes by its WordNet number, in the file's name (imagenet-sample) or the folder's (ImageNet's layout).

    Raises:
        ValueError: a path without such a number.
    """
    numbers = [re.search(r"n\d{8}", f"{path.parent.name}/{path.name}") for path in paths]
    if None in numbers:
        raise ValueError(f"{paths[numbers.index(None)]} has no WordNet number (n01440764) in its or its folder's name")
    classes = [number[0] for number in numbers if number]
    chosen = set(sorted(set(classes))[::3])
    return [path for path, number in zip(paths, classes, strict=True) if number in chosen]
