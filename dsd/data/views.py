"""Views: square crops of photographs, of one size, from any folder or from ImageNet's layout."""

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from dsd.data.decode import MAX_PIXELS
from dsd.data.images import embedded_photographs, find_image, find_images, load_image
from dsd.paths import find_folder


def resize_short_side(image: Tensor, pixels: int, name: str = "it") -> Tensor:
    """Bring the short side to so many pixels: antialiased bilinear, as ImageNet networks are evaluated.

    Args:
        image: float (3, H, W) in [0, 1].
        pixels: length of the short side; the long one is rounded down.
        name: what messages call the image.

    Returns:
        The same, resized.

    Raises:
        ValueError: the result would have more pixels than an image may have (``dsd.data.decode.MAX_PIXELS``).

    Example:
        >>> import torch
        >>> resize_short_side(torch.rand(3, 30, 45), 20).shape
        torch.Size([3, 20, 30])
    """
    height, width = image.shape[1:]
    short, long = sorted((height, width))
    if pixels**2 * long / short > MAX_PIXELS:
        raise ValueError(f"{name} is {height}×{width} pixels, too long to be resized to {pixels} on the short side")
    size = [int(pixels * side / short) for side in (height, width)]
    if size == [height, width]:
        return image
    # A batch of one that keeps the image's order in memory, so that the result has it too. The last bits of what
    # networks compute depend on it.
    batch = image.permute(1, 2, 0)[None].permute(0, 3, 1, 2)
    return F.interpolate(batch, size, mode="bilinear", align_corners=False, antialias=True)[0].clamp(0, 1)


def crop_square(image: Tensor, side: int, position: tuple[float, float] = (0.5, 0.5), name: str = "it") -> Tensor:
    """Cut a square out of an image, without copying it.

    Args:
        image: (3, H, W).
        side: of the square, in pixels.
        position: where it lies, from 0 (top, left) to 1 (bottom, right).
        name: what messages call the image.

    Returns:
        (3, side, side).

    Raises:
        ValueError: the image is smaller.

    Example:
        >>> import torch
        >>> crop_square(torch.arange(12).reshape(1, 3, 4), 2, position=(1, 0))
        tensor([[[4, 5],
                 [8, 9]]])
    """
    height, width = image.shape[1:]
    if min(height, width) < side:
        raise ValueError(f"{name} is {height}×{width} pixels, smaller than the crop of {side}")
    top, left = (round((length - side) * where) for length, where in zip((height, width), position, strict=True))
    return image[:, top : top + side, left : left + side]


def cut_view(
    image: Tensor,
    resize: int | None,
    crop: int | None,
    position: tuple[float, float] = (0.5, 0.5),
    name: str = "it",
) -> Tensor:
    """Resize an image by :func:`resize_short_side`, then cut a square out of it by :func:`crop_square`.

    Args:
        image: float (3, H, W) in [0, 1].
        resize: pixels of the short side; None leaves it.
        crop: side of the square, in pixels; None leaves all of the image.
        position: where the square lies, from 0 (top, left) to 1 (bottom, right).
        name: what messages call the image.

    Raises:
        ValueError: the image is too long to be resized, or smaller than the square.

    Example:
        >>> import torch
        >>> cut_view(torch.rand(3, 30, 45), 20, 16).shape
        torch.Size([3, 16, 16])
    """
    if resize is not None:
        image = resize_short_side(image, resize, name)
    return image if crop is None else crop_square(image, crop, position, name)


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
        ValueError: `crop` exceeds `resize`, or (when an item is loaded) the photograph; a photograph is so long that,
            resized, it would be enormous.

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
        """Views of a folder's photographs, in random order.

        Args:
            folder: a path, or a name under the data root, or ``"embedded"`` for scikit-image's photographs. In a
                folder of class folders (ImageNet's layout) views are grouped by class, else by photograph.
            resize: length in pixels that the photograph's short side is first brought to; None leaves it.
            crop: side of the crop in pixels.
            count: how many views; fewer when there are not as many. None: all.
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
            names: of each image its path, its path under the data root, or the name of one of scikit-image's
                photographs.
            resize: length in pixels that the photograph's short side is first brought to; None leaves it.
            crop: side of the squares; None: the largest that all have.
            position: where the squares lie, from 0 (top, left) to 1 (bottom, right).

        Raises:
            FileNotFoundError: there is no such image.
            ValueError: an image is no image, or (when it is loaded) smaller than `crop`.
        """
        views = [View(path, path.name, position) for path in map(find_image, names)]
        if crop is None:
            crop = resize or min(min(load_image(view.path).shape[1:]) for view in views)
        return cls(views, " and ".join(view.path.name for view in views), resize=resize, crop=crop)

    def __len__(self) -> int:
        """Count the views."""
        return len(self.views)

    def __getitem__(self, index: int) -> Tensor:
        """Load one view, float (3, crop, crop) in [0, 1]."""
        view = self.views[index]
        return cut_view(load_image(view.path), self.resize, self.crop, view.position, str(view.path))

    def pairs(self, *, same_group: bool) -> list[tuple[int, int]]:
        """Pairs of views of one group, or of two groups, by their indices; each view is in one pair at most.

        Raises:
            ValueError: there are fewer than two such pairs.

        Example:
            >>> views = [View(Path(name), name[0]) for name in ("a1", "a2", "b1", "b2")]
            >>> Photographs(views, "four").pairs(same_group=False)
            [(0, 2), (1, 3)]
        """
        waiting: list[int] = []
        pairs: list[tuple[int, int]] = []
        for index, view in enumerate(self.views):
            partner = next((other for other in waiting if (self.views[other].group == view.group) == same_group), None)
            if partner is None:
                waiting.append(index)
            else:
                waiting.remove(partner)
                pairs.append((partner, index))
        if len(pairs) < 2:
            of = (
                f"of the same {self.grouping}"
                if same_group
                else f"of two {'classes' if self.grouping == 'class' else 'photographs'}"
            )
            raise ValueError(
                f"{self.name} has {len(pairs)} pairs {of}, at least 2 are needed: give more images, or, for pairs "
                "of the same one, class folders of several images or crops of at least 2"
            )
        return pairs

    def subset(self, indices: Iterable[int]) -> "Photographs":
        """Some of the views, in the order of `indices`."""
        return self._of([self.views[index] for index in indices])

    def other_views(self, seed: int) -> "Photographs":
        """Of each view's photograph a view at another, random position."""
        generator = random.Random(seed)
        return self._of([replace(view, position=(generator.random(), generator.random())) for view in self.views])

    def _of(self, views: Sequence[View]) -> "Photographs":
        return Photographs(views, self.name, grouping=self.grouping, resize=self.resize, crop=self.crop)

    def provenance(self) -> dict[str, str | int | None]:
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
