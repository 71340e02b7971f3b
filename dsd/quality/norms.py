"""‖DSD‖ of whole folders, as a table."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone
from dsd.checks import check_integer
from dsd.data.images import find_images
from dsd.data.views import Photographs, View
from dsd.descriptor import dsd_norm
from dsd.paths import find_folder


def norms(
    images: str | Path | Photographs,
    backbone: Backbone | str = "vgg19",
    alphas: Sequence[float] = (2,),
    *,
    layers: Sequence[str] | None = None,
    resize: int | None = 256,
    crop: int = 224,
    batch_size: int = 8,
    workers: int = 0,
) -> pd.DataFrame:
    """‖DSD_α(x)‖₁ of every image of a folder, by layer and alpha. It needs pandas: ``pip install 'dsd[figures]'``.

    Args:
        images: a folder (a path, or a name under the data root), or views.
        backbone: a network, or its name.
        alphas: scaling factors above 1.
        layers: of a network by name. None: ReLU2_1, 2_2 and 3_1; all of a network without those.
        resize: pixels that a folder's images have on the short side before they are cropped; None leaves them.
        crop: side of the square in the middle of a folder's image that is measured, in pixels.
        batch_size: images in memory at a time.
        workers: processes that load images; 0 loads in this one.

    Returns:
        One row per image, in the order of paths or views: `file` (its path below the folder), and one column such as
        ``relu3_1_dsd2`` per layer and alpha.

    Raises:
        TypeError: `images` or `backbone` is something else.
        FileNotFoundError: no such folder, or no image in it.
        ValueError: an image that cannot be used; the message names it. A number that is not what it must be. `layers`
            of a network that is given.

    Example:
        >>> from dsd import VGG19Lite
        >>> photographs = Photographs.from_folder("embedded", resize=40, crop=32)
        >>> norms(photographs, VGG19Lite(("relu1_2",))).columns.tolist()
        ['file', 'relu1_2_dsd2']
    """
    if not isinstance(images, str | Path | Photographs):
        raise TypeError(f"images must be a folder or Photographs, got {type(images).__name__}")
    for name, value, least in (("crop", crop, 1), ("batch_size", batch_size, 1), ("workers", workers, 0)):
        check_integer(value, name, least)
    if resize is not None:
        check_integer(resize, "resize", 1)
    if not isinstance(backbone, Backbone | str):
        raise TypeError(f"backbone must be a network or the name of one, got {type(backbone).__name__}")
    if isinstance(backbone, str):
        network = load_backbone(backbone, layers)
    elif layers is None:
        network = backbone
    else:
        raise ValueError("layers are those of the network that was given: leave them out")
    if isinstance(images, Photographs):
        views, files = images, [view.path.name for view in images.views]
    else:
        folder = find_folder(images)
        paths = find_images(folder)
        views = Photographs([View(path, path.name) for path in paths], folder.name, resize=resize, crop=crop)
        files = [path.relative_to(folder).as_posix() for path in paths]

    def measure(x: Tensor) -> dict[str, Tensor]:
        by_layer = dsd_norm(x.to(network.device), network, alphas)
        return {f"{layer}_dsd{alpha:g}": values for (layer, alpha), values in by_layer.items()}

    return tabulate(views, measure, batch_size=batch_size, workers=workers).drop(columns="group").assign(file=files)


def summed_norm(x: Tensor, backbone: Backbone, alpha: float) -> Tensor:
    """‖DSD_α(x)‖₁, summed over the network's layers as in Fig. 7.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].
        backbone: the network.
        alpha: the scaling factor, above 1.

    Returns:
        (N,), at least 0.

    Raises:
        ValueError: `x` is not an image batch in [0, 1], or too small.
    """
    return torch.stack([*dsd_norm(x, backbone, (alpha,)).values()]).sum(dim=0)


@torch.inference_mode()
def tabulate(
    photographs: Photographs,
    measure: Callable[[Tensor], Mapping[str, Tensor]],
    *,
    batch_size: int = 8,
    workers: int = 0,
) -> pd.DataFrame:
    """Numbers of every view.

    Args:
        photographs: the views.
        measure: images (N, 3, H, W) → {column: (N,)}.
        batch_size: views in memory at a time.
        workers: processes that load images; 0 loads in this one.

    Returns:
        One row per view: `file`, `group`, and the columns of `measure`.
    """
    columns: dict[str, list[float]] = {}
    for x in tqdm(DataLoader(photographs, batch_size, num_workers=workers), desc=photographs.name, unit="batch"):
        for name, values in measure(x).items():
            columns.setdefault(name, []).extend(values.tolist())
    views = [(view.path.name, view.group) for view in photographs.views]
    return pd.concat([pd.DataFrame(views, columns=["file", "group"]), pd.DataFrame(columns)], axis=1)
