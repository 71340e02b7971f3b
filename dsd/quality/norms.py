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
from dsd.data.views import Photographs
from dsd.descriptor import dsd_norm


def norms(
    images: str | Path | Photographs,
    backbone: Backbone | str = "vgg19",
    alphas: Sequence[float] = (2,),
    *,
    resize: int | None = 256,
    crop: int = 224,
    batch_size: int = 8,
    workers: int = 0,
) -> pd.DataFrame:
    """‖DSD_α(x)‖₁ of every image of a folder, by layer and alpha.

    Args:
        images: a folder (a path, or a name under the data root), or views.
        backbone: a network, or its name.
        alphas: scaling factors above 1.
        resize: pixels that a folder's images have on the short side before they are cropped; None leaves them.
        crop: side of the square in the middle of a folder's image that is measured, in pixels.
        batch_size: images in memory at a time.
        workers: processes that load images; 0 loads in this one.

    Returns:
        One row per image: `file`, `group` (its class folder, or itself), and one column such as ``relu3_1_dsd2`` per
        layer and alpha.

    Raises:
        FileNotFoundError: no such folder, or no image in it.
        ValueError: an image that cannot be used; the message names it.

    Example:
        >>> from dsd import VGG19Lite
        >>> norms("embedded", VGG19Lite(("relu1_2",)), resize=40, crop=32).columns.tolist()
        ['file', 'group', 'relu1_2_dsd2']
    """
    network = load_backbone(backbone) if isinstance(backbone, str) else backbone
    views = images if isinstance(images, Photographs) else Photographs.from_folder(images, resize=resize, crop=crop)

    def describe(x: Tensor) -> dict[str, Tensor]:
        found = dsd_norm(x.to(network.device), network, alphas)
        return {f"{layer}_dsd{alpha:g}": values for (layer, alpha), values in found.items()}

    return tabulate(views, describe, batch_size=batch_size, workers=workers)


def summed_norm(x: Tensor, backbone: Backbone, alpha: float) -> Tensor:
    """‖DSD_α(x)‖₁, summed over the network's layers as in Fig. 7: (N,).

    Args, Raises: as for :func:`dsd.dsd_norm`.
    """
    return torch.stack([*dsd_norm(x, backbone, (alpha,)).values()]).sum(dim=0)


@torch.inference_mode()
def tabulate(
    photographs: Photographs,
    describe: Callable[[Tensor], Mapping[str, Tensor]],
    *,
    batch_size: int = 8,
    workers: int = 0,
) -> pd.DataFrame:
    """Numbers of every view.

    Args:
        photographs: the views.
        describe: images (N, 3, H, W) → {column: (N,)}.
        batch_size: views in memory at a time.
        workers: processes that load images; 0 loads in this one.

    Returns:
        One row per view: `file`, `group`, and the columns of `describe`.
    """
    columns: dict[str, list[float]] = {}
    for x in tqdm(DataLoader(photographs, batch_size, num_workers=workers), desc=photographs.name, unit="batch"):
        for name, values in describe(x).items():
            columns.setdefault(name, []).extend(values.tolist())
    views = [(view.path.name, view.group) for view in photographs.views]
    return pd.concat([pd.DataFrame(views, columns=["file", "group"]), pd.DataFrame(columns)], axis=1)
