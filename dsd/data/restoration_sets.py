"""Test and training sets of restoration: which degraded file belongs to which clean one, in the published layouts."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor

from dsd.checks import check_choice
from dsd.data.images import find_images, load_image
from dsd.paths import find_folder


@dataclass(frozen=True)
class PairedFiles:
    """Degraded and clean images of one set, by name.

    Args:
        name: what a table calls the set.
        items: {name of an image: its degraded file, its clean file}. None: the degraded image is to be made.
        scale: how many times smaller the degraded image is.

    Example:
        >>> pairs = PairedFiles("set", {"x": (None, Path("set/x.png"))}, 4)
        >>> pairs.items["x"][1].name
        'x.png'
    """

    name: str
    items: Mapping[str, tuple[Path | None, Path]]
    scale: int

    def load(self, image: str) -> tuple[Tensor | None, Tensor]:
        """Read one pair; the clean image is cut to multiples of the scale, at the bottom and right.

        Args:
            image: its name in `items`.

        Returns:
            Degraded (3, H/scale, W/scale), or None, and clean (3, H, W): float32 in [0, 1].

        Raises:
            ValueError: their sizes do not correspond, or a file cannot be used.
            KeyError: there is no such image.
        """
        degraded, clean = self.items[image]
        y = load_image(clean)
        height, width = (side // self.scale for side in y.shape[1:])
        y = y[:, : height * self.scale, : width * self.scale]
        if degraded is None:
            return None, y
        x = load_image(degraded)
        if x.shape[1:] != (height, width):
            raise ValueError(
                f"{degraded} is {x.shape[1]}×{x.shape[2]} pixels, but {clean} at 1/{self.scale} of its size is "
                f"{height}×{width}"
            )
        return x, y


def sr_set(name: Literal["set5", "set14", "bsd100"]) -> PairedFiles:
    """A benchmark of super-resolution, ×4, under the data root.

    ``"set5"`` and ``"set14"``: clean images from sr/<name>/; the degraded ones are to be made. ``"bsd100"``: SelfExSR's
    low-resolution images from sr/bsd100/lr_x4/, clean ones from bsds500/val/, both named by their number in BSDS.

    Raises:
        ValueError: there is no such set.
        FileNotFoundError: a folder is missing or empty, or an image has no partner.
    """
    check_choice(name, "name", ("set5", "set14", "bsd100"))
    if name == "bsd100":
        return _paired("BSD100", find_folder("sr/bsd100/lr_x4"), find_folder("bsds500/val"), 4)
    return PairedFiles(name.capitalize(), {stem: (None, path) for stem, path in _named(f"sr/{name}").items()}, 4)


def results_of(method: str) -> dict[str, Path]:
    """What a published network made of ``sr_set("bsd100")``: {name of an image: file}.

    The files lie in sr/bsd100/results/<method>/; their names are those of the set, and they may be fewer.

    Raises:
        FileNotFoundError: there are no results of this method; those that there are are listed. Or none of any.
    """
    results = find_folder("sr/bsd100/results")
    if not (results / method).is_dir():
        methods = ", ".join(sorted(path.name for path in results.iterdir() if path.is_dir()))
        raise FileNotFoundError(f"no results of {method} in {results}: there are {methods or 'none'}")
    return _named(results / method)


def div2k(folder: str | Path, part: Literal["train", "valid"] = "train") -> PairedFiles:
    """DIV2K ×4 bicubic as published: DIV2K_train_HR/0001.png with DIV2K_train_LR_bicubic/X4/0001x4.png.

    Args:
        folder: what holds these folders: a path, or a name under the data root.
        part: ``"train"`` (800 images) or ``"valid"`` (100).

    Raises:
        ValueError: there is no such part.
        FileNotFoundError: a folder is missing or empty, or an image has no partner.

    Reference:
        Agustsson, Timofte: NTIRE 2017 challenge on single image super-resolution: dataset and study, CVPRW 2017.
    """
    check_choice(part, "part", ("train", "valid"))
    root = find_folder(folder)
    degraded, clean = root / f"DIV2K_{part}_LR_bicubic" / "X4", root / f"DIV2K_{part}_HR"
    return _paired(f"DIV2K {part}", degraded, clean, 4, lambda name: name.removesuffix("x4"))


def reds(folder: str | Path, part: Literal["train", "val"] = "train") -> PairedFiles:
    """REDS with motion blur as published: train_sharp/000/00000000.png with train_blur/000/00000000.png.

    Args:
        folder: what holds these folders: a path, or a name under the data root.
        part: ``"train"`` (240 videos of 100 frames) or ``"val"`` (30). Images are named ``"000/00000000"``.

    Raises:
        ValueError: there is no such part.
        FileNotFoundError: a folder is missing or empty, or an image has no partner.

    Reference:
        Nah et al.: NTIRE 2019 challenge on video deblurring and super-resolution: dataset and study, CVPRW 2019.
    """
    check_choice(part, "part", ("train", "val"))
    root = find_folder(folder)
    return _paired(f"REDS {part}", root / f"{part}_blur", root / f"{part}_sharp", 1)


def gopro() -> PairedFiles:
    """The GoPro authors' examples in deblur/gopro/: Flower_blur1.png with Flower_sharp1.png, named ``"Flower_1"``.

    Raises:
        FileNotFoundError: the folder is missing or empty, or an image has no partner.

    Reference:
        Nah, Kim, Lee: Deep multi-scale convolutional neural network for dynamic scene deblurring, CVPR 2017.
    """
    folder = find_folder("deblur/gopro")
    files = _named(folder)
    blurred, sharp = (
        {name.replace(kind, "_"): path for name, path in files.items() if kind in name} for kind in ("_blur", "_sharp")
    )
    _refuse_unmatched(blurred, sharp, folder, folder)
    return PairedFiles("GoPro", {name: (path, sharp[name]) for name, path in blurred.items()}, 1)


def levin() -> PairedFiles:
    """Camera shake of Levin et al. in deblur/levin/: im1_kernel1_img.png with gt/im1.png, named ``"im1_kernel1"``.

    Grey images. Their values are linear light and no sRGB: a blurred one is the sharp one convolved with its kernel,
    gt/kernel1.png, shifted by a few pixels. :func:`dsd.restore.blur.from_linear` makes sRGB of them.

    Raises:
        FileNotFoundError: the folder is missing or empty, or a blurred image has no sharp one.

    Reference:
        Levin, Weiss, Durand, Freeman: Understanding and evaluating blind deconvolution algorithms, CVPR 2009.
    """
    folder = find_folder("deblur/levin")
    blurred = {name.removesuffix("_img"): path for name, path in _named(folder).items() if "/" not in name}
    sharp = _named(folder / "gt")
    owners = {name: name.split("_")[0] for name in blurred}
    _refuse_unmatched(owners.values(), sharp, folder, folder / "gt", both=False)
    return PairedFiles("Levin", {name: (path, sharp[owners[name]]) for name, path in blurred.items()}, 1)


def folder_of_pairs(degraded: str | Path, clean: str | Path, scale: int = 1) -> PairedFiles:
    """Any two folders whose files have the same names; their suffixes may differ.

    Args:
        degraded: folder of degraded images: a path, or a name under the data root. It gives the set its name.
        clean: folder of clean ones.
        scale: how many times smaller the degraded images are.

    Raises:
        FileNotFoundError: a folder is missing or empty, or an image has no partner.
        ValueError: two images of a folder have the same name.
    """
    folder = find_folder(degraded)
    return _paired(folder.resolve().name, folder, find_folder(clean), scale)


def _named(folder: str | Path) -> dict[str, Path]:
    """The images of a folder by their path in it, without suffix."""
    root = find_folder(folder)
    named: dict[str, Path] = {}
    for path in find_images(root):
        name = path.relative_to(root).with_suffix("").as_posix()
        if name in named:
            raise ValueError(f"two images in {root} are named {name}: {named[name].name} and {path.name}")
        named[name] = path
    return named


def _paired(
    name: str, degraded: Path, clean: Path, scale: int, rename: Callable[[str], str] = lambda name: name
) -> PairedFiles:
    """Images of two folders; `rename` makes the name of a clean one of a degraded one's."""
    low, high = {rename(name): path for name, path in _named(degraded).items()}, _named(clean)
    _refuse_unmatched(low, high, degraded, clean)
    return PairedFiles(name, {image: (path, high[image]) for image, path in low.items()}, scale)


def _refuse_unmatched(
    degraded: Collection[str], clean: Collection[str], low: Path, high: Path, *, both: bool = True
) -> None:
    """Refuse degraded images without a clean one, and the other way round."""
    if not degraded:
        raise FileNotFoundError(f"no degraded image in {low}: its published layout is expected")
    for names, others, kind, place in ((degraded, clean, "clean", high), (clean, degraded, "degraded", low)):
        unmatched = sorted(set(names) - set(others))
        if unmatched and (both or kind == "clean"):
            first = ", ".join(unmatched[:3]) + (", …" if len(unmatched) > 3 else "")
            raise FileNotFoundError(f"{len(unmatched)} images have no {kind} partner in {place}: {first}")
