"""What trained networks are tested on: sets of degraded and clean images, by name."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from dsd.checks import check_choice
from dsd.data.images import embedded_photographs, find_images, load_image
from dsd.data.restoration_sets import PairedFiles, gopro, levin, reds, sr_set
from dsd.restore.blur import camera_shake, from_linear, motion_blur
from dsd.restore.degrade import low_resolution
from dsd.restore.noisy import NOISE_STD, with_noise

MIDDLE = 192  # side of what is taken of scikit-image's photographs, in pixels
EVERY = 30  # of REDS' 3,000 validation images, one is taken


class Pair(NamedTuple):
    """One image of a test set."""

    image: str
    """Its name in the set."""
    degraded: Tensor
    """(3, H, W), of 8 bits, in [0, 1]."""
    clean: Tensor
    """(3, s·H, s·W), likewise."""
    path: Path
    """The clean file."""


def pairs_of(name: str, count: int | None = None) -> Iterator[Pair]:
    """The pairs of a test set, one after the other.

    | set | what |
    |---|---|
    | ``Set5``, ``Set14`` | ×4, made as MATLAB does, of the clean images under the data root |
    | ``BSD100`` | ×4, SelfExSR's low-resolution images |
    | ``embedded`` | ×4, the middle of scikit-image's photographs |
    | ``BSDS shaken`` | BSDS500's validation images, blurred by a camera shake of their own |
    | ``embedded shaken`` | the middle of scikit-image's photographs, likewise |
    | ``BSDS noisy`` | BSDS500's validation images with Gaussian noise, standard deviation 25 of 255 |
    | ``embedded noisy`` | the middle of scikit-image's photographs, likewise |
    | ``GoPro`` | the authors' examples |
    | ``REDS`` | every 30th of its validation images: 100 |
    | ``Levin`` | real camera shake, grey; brought from linear light to sRGB |

    Args:
        name: of the set.
        count: how many of its first images; None: all.

    Raises:
        ValueError: there is no such set, or a file cannot be used.
        FileNotFoundError: a folder is missing.
    """
    check_choice(name, "the test set", tuple(SETS))
    return islice(SETS[name](), count)


def _loaded(files: PairedFiles, every: int = 1) -> Iterator[Pair]:
    """Pairs out of files; low-resolution images are made where there are none."""
    for image in islice(files.items, 0, None, every):
        degraded, clean = files.load(image)
        if degraded is None:
            degraded = low_resolution(clean[None], files.scale, "matlab-8bit")[0]
        yield Pair(image, degraded, clean, files.items[image][1])


def _embedded() -> Iterator[Pair]:
    for path, clean in _middles():
        yield Pair(path.stem, low_resolution(clean[None], 4, "matlab-8bit")[0], clean, path)


def _middles() -> Iterator[tuple[Path, Tensor]]:
    for path in embedded_photographs():
        image = load_image(path)
        top, left = ((length - MIDDLE) // 2 for length in image.shape[1:])
        yield path, image[:, top : top + MIDDLE, left : left + MIDDLE]


def _degraded(
    images: Callable[[], Iterator[tuple[Path, Tensor]]], degrade: Callable[[Tensor, np.random.Generator], Tensor]
) -> Callable[[], Iterator[Pair]]:
    """Pairs of clean images, each degraded in a way of its own, which is always the same."""

    def pairs() -> Iterator[Pair]:
        for index, (path, clean) in enumerate(images()):
            yield Pair(path.stem, degrade(clean, np.random.default_rng(index)), clean, path)

    return pairs


def _shake(clean: Tensor, random: np.random.Generator) -> Tensor:
    kernel = camera_shake(random, length=random.uniform(10, 50), roughness=random.random())
    return (255 * motion_blur(clean[None], kernel)[0]).round() / 255


def _add_noise(clean: Tensor, random: np.random.Generator) -> Tensor:
    return with_noise(clean, NOISE_STD, random)


def _bsds() -> Iterator[tuple[Path, Tensor]]:
    for path in find_images("bsds500/val"):
        yield path, load_image(path)


def _levin() -> Iterator[Pair]:
    for pair in _loaded(levin()):
        x, y = ((255 * from_linear(light)).round() / 255 for light in (pair.degraded, pair.clean))
        yield pair._replace(degraded=x, clean=y)


SETS: Mapping[str, Callable[[], Iterator[Pair]]] = {
    "Set5": lambda: _loaded(sr_set("set5")),
    "Set14": lambda: _loaded(sr_set("set14")),
    "BSD100": lambda: _loaded(sr_set("bsd100")),
    "embedded": _embedded,
    "BSDS shaken": _degraded(_bsds, _shake),
    "embedded shaken": _degraded(_middles, _shake),
    "BSDS noisy": _degraded(_bsds, _add_noise),
    "embedded noisy": _degraded(_middles, _add_noise),
    "GoPro": lambda: _loaded(gopro()),
    "REDS": lambda: _loaded(reds("reds", "val"), EVERY),
    "Levin": _levin,
}
