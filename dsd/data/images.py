"""Photographs: from any folder, from ImageNet's layout, or the ones that scikit-image brings along."""

import hashlib
import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as transforms

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}

# The photographs inside scikit-image's wheel, public domain or CC0.
EMBEDDED = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "motorcycle_left.png",
    "rocket.jpg",
)


def data_root() -> Path:
    """Where data sets and weights are: the environment variable ``DSD_DATA``, else the repository's ``data/``."""
    repository = Path(__file__).parents[2] / "data"
    return Path(os.environ.get("DSD_DATA") or (repository if repository.is_dir() else "data"))


def find_folder(name: str | Path) -> Path:
    """Find a folder by its path, or by its name under the data root.

    Raises:
        FileNotFoundError: it is at neither place.
    """
    candidates = [Path(name), data_root() / name]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"no folder {name}: looked at {' and '.join(map(str, candidates))} (data/README.md says how to get each set)"
    )


def find_images(folder: str | Path) -> list[Path]:
    """All image files under a folder, sorted by path; hidden ones are left out.

    Raises:
        FileNotFoundError: there is no such folder, or no image in it.
    """
    folder = find_folder(folder)
    paths = []
    for place, subfolders, names in os.walk(folder, followlinks=True):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        paths += [Path(place, name) for name in names if not name.startswith(".")]
    paths = sorted(path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file())
    if not paths:
        raise FileNotFoundError(f"no image in {folder}: looked for {', '.join(sorted(SUFFIXES))}")
    return paths


def embedded_photographs() -> list[Path]:
    """The photographs inside scikit-image's wheel: ten, from 384×303 to 741×500 pixels, five in colour.

    Raises:
        ModuleNotFoundError: scikit-image is not installed (``pip install dsd[figures]``).
    """
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("the embedded photographs are scikit-image's: pip install scikit-image")
    return [Path(package.origin).parent / "data" / name for name in EMBEDDED]


def load_image(path: str | Path) -> Tensor:
    """Read an image as a viewer would show it: turned upright, grey and CMYK as RGB, transparency over white.

    16-bit grey keeps its precision; 16-bit colour comes with 8 bits. Colour profiles are not applied.

    Returns:
        float32 (3, H, W) in [0, 1].

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no image, is damaged, animated, or of floating-point or 32-bit values; it is named.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no image at {path}")
    try:
        with Image.open(path) as file:
            if getattr(file, "is_animated", False) and file.format != "MPO":  # MPO: a phone's still with extras
                raise ValueError("it is animated or has several pages, a still image is expected")
            image: Image.Image = ImageOps.exif_transpose(file)
            if image.mode.startswith("I;16") or (image.mode == "I" and file.format == "PNG"):
                pixels = np.asarray(image).astype(np.float32) / 65535
                return torch.from_numpy(pixels).expand(3, -1, -1).contiguous()
            if image.mode in ("I", "F"):
                raise ValueError(f"its pixels are of PIL mode {image.mode}, whose range is unknown")
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return transforms.to_dtype(transforms.pil_to_tensor(image.convert("RGB")), torch.float32, scale=True)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"cannot use {path}: {error}") from error


def luma(x: Tensor) -> Tensor:
    """Luma Y of BT.601, (N, 1, H, W), of RGB images (N, 3, H, W)."""
    return (x * x.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class View:
    """A square crop of a photograph."""

    path: Path
    group: str
    """What it shares with the views of its kind: an ImageNet class, or the photograph itself."""
    position: tuple[float, float] = (0.5, 0.5)
    """Where the crop lies in the photograph, from 0 (top, left) to 1 (bottom, right)."""


class Photographs(Dataset[Tensor]):
    """Views of photographs, all of one size.

    Args:
        views: what to load, in order.
        name: what a figure calls them.
        grouping: what views of one group share.
        resize: length in pixels that the photograph's short side is first brought to (antialiased bilinear, as
            ImageNet networks are evaluated); None leaves it.
        crop: side of the crop in pixels.

    Raises:
        ValueError: `crop` exceeds `resize`, or (when an item is loaded) the photograph.

    Example:
        >>> photographs = Photographs.from_folder("embedded", resize=300, crop=160, crops=2)
        >>> len(photographs), photographs[0].shape
        (20, torch.Size([3, 160, 160]))
    """

    def __init__(
        self,
        views: Sequence[View],
        name: str,
        *,
        grouping: Literal["class", "photograph"] = "photograph",
        resize: int | None = 256,
        crop: int = 224,
    ) -> None:
        if resize is not None and crop > resize:
            raise ValueError(f"crop must not exceed resize, got crop={crop} and resize={resize}")
        self.views = list(views)
        self.name = name
        self.grouping = grouping
        self.resize = resize
        self.crop = crop

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        *,
        resize: int | None = 256,
        crop: int = 224,
        count: int | None = None,
        crops: int = 1,
        seed: int = 0,
    ) -> "Photographs":
        """Take `count` views out of a folder's photographs, in random order; of all of them for None.

        Args:
            folder: a path, or a name under the data root, or ``"embedded"`` for scikit-image's photographs. In a
                folder of class folders (ImageNet's layout) views are grouped by class, else by photograph.
            resize: as for the class.
            crop: as for the class.
            count: how many views; fewer when there are not as many.
            crops: views of each photograph: one is its centre, several lie at random positions.
            seed: of the order and the positions.

        Raises:
            FileNotFoundError: no such folder, or no image in it.
        """
        embedded = str(folder) == "embedded"
        paths = embedded_photographs() if embedded else find_images(folder)
        name = "scikit-image's photographs" if embedded else _name(find_folder(folder).resolve())
        grouping: Literal["class", "photograph"] = "class" if len({path.parent for path in paths}) > 1 else "photograph"
        generator = random.Random(seed)
        generator.shuffle(paths)
        if count is not None:
            paths = paths[: -(-count // crops)]
        views = []
        for _ in range(crops):
            generator.shuffle(paths)
            for path in paths:
                position = (0.5, 0.5) if crops == 1 else (generator.random(), generator.random())
                views.append(View(path, path.parent.name if grouping == "class" else path.name, position))
        return cls(views[:count], name, grouping=grouping, resize=resize, crop=crop)

    @classmethod
    def from_names(
        cls,
        names: Sequence[str],
        *,
        resize: int | None = None,
        crop: int | None = None,
        position: tuple[float, float] = (0.5, 0.5),
    ) -> "Photographs":
        """A square of each image that is named.

        Args:
            names: files, paths under the data root, or names of scikit-image's photographs.
            resize: as for the class.
            crop: side of the squares; None: the largest that all have.
            position: of the squares, as for :class:`View`.

        Raises:
            FileNotFoundError: there is no such image.
            ValueError: an image is no image, or (when it is loaded) smaller than `crop`.
        """
        embedded = {path.name: path for path in embedded_photographs()}
        views = []
        for name in names:
            places = [Path(name), data_root() / name, embedded.get(name, Path(name))]
            path = next((path for path in places if path.is_file()), None)
            if path is None:
                raise FileNotFoundError(
                    f"no image {name}: looked at {places[0]}, {places[1]} and {', '.join(embedded)}"
                )
            views.append(View(path, path.name, position))
        if crop is None:
            crop = resize or min(min(load_image(view.path).shape[1:]) for view in views)
        return cls(views, " and ".join(view.path.name for view in views), resize=resize, crop=crop)

    def __len__(self) -> int:
        """Count the views."""
        return len(self.views)

    def __getitem__(self, index: int) -> Tensor:
        """Load one view, float (3, crop, crop) in [0, 1]."""
        view = self.views[index]
        image = load_image(view.path)
        if self.resize is not None:
            image = transforms.resize(image, [self.resize], antialias=True).clamp(0, 1)
        height, width = image.shape[1:]
        if min(height, width) < self.crop:
            raise ValueError(f"{view.path} is {height}×{width} pixels, smaller than the crop of {self.crop}")
        top, left = (
            round((side - self.crop) * where) for side, where in zip((height, width), view.position, strict=True)
        )
        return image[:, top : top + self.crop, left : left + self.crop]

    def paired(self, *, same_group: bool) -> "Photographs":
        """Order views so that items 0 and 1, 2 and 3, … are pairs of one group, or of two; each view is in one at most.

        Raises:
            ValueError: there are fewer than two such pairs.
        """
        waiting: list[View] = []
        views: list[View] = []
        for view in self.views:
            partner = next((other for other in waiting if (other.group == view.group) == same_group), None)
            if partner is None:
                waiting.append(view)
            else:
                waiting.remove(partner)
                views += [partner, view]
        if len(views) < 4:
            of = (
                f"of the same {self.grouping}"
                if same_group
                else f"of two {'classes' if self.grouping == 'class' else 'photographs'}"
            )
            raise ValueError(
                f"{self.name} has {len(views) // 2} pairs {of}, at least 2 are needed: give more images, or, for pairs "
                "of the same one, class folders of several images or crops of at least 2"
            )
        return self._of(views)

    def other_views(self, seed: int) -> "Photographs":
        """Of each view's photograph a view at another, random position."""
        generator = random.Random(seed)
        return self._of([replace(view, position=(generator.random(), generator.random())) for view in self.views])

    def _of(self, views: Sequence[View]) -> "Photographs":
        return Photographs(views, self.name, grouping=self.grouping, resize=self.resize, crop=self.crop)

    def describe(self) -> dict[str, str | int | None]:
        """What a figure must say about its data: name, count, SHA-256 of the list of files, size."""
        names = "\n".join(sorted({f"{view.path.parent.name}/{view.path.name}" for view in self.views}))
        return {
            "summary": f"{self.name} ({len(self)} view{'s' if len(self) != 1 else ''})",
            "dataset": self.name,
            "count": len(self),
            "grouping": self.grouping,
            "files_sha256": hashlib.sha256(names.encode()).hexdigest(),
            "resize": self.resize,
            "crop": self.crop,
        }


def _name(folder: Path) -> str:
    """What figures call a folder; a set's parts are called bsds500/test, not test."""
    return f"{folder.parent.name}/{folder.name}" if folder.name in ("train", "val", "test") else folder.name


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
