"""Figs. 3 and 7: ‖DSD‖ over natural images, and what it follows."""

from collections.abc import Collection, Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.models import VGG19_Weights
from torchvision.transforms.v2 import functional as transforms
from tqdm import tqdm

from dsd.backbone import BACKBONES, VGG19, load_backbone
from dsd.data import Photographs, luma
from dsd.descriptor import dsd_norm
from dsd.frozen import Backbone

IMAGENETTE = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
STATISTICS = ("contrast", "high-frequency energy", "colourfulness")


def load_networks(
    backbone: str, also: Sequence[str], layers: Sequence[str], weights: str, **options: str
) -> dict[str, Backbone]:
    """The figure's network, then further ones, by name.

    Args:
        backbone: name of the figure's network.
        also: further ones: names of backbones, or weight files of VGG-19, which are then their names.
        layers: of all of them.
        weights: of the figure's network.
        options: of :func:`load_backbone`.
    """
    networks = {backbone: load_backbone(backbone, layers, weights, **options)}  # type: ignore[arg-type]
    for name in [name for name in also if name not in networks]:
        known = name in BACKBONES
        networks[name] = load_backbone(name if known else VGG19.NAME, layers, "auto" if known else name, **options)  # type: ignore[arg-type]
    return networks


@torch.inference_mode()
def norms(
    photographs: Photographs, networks: Mapping[str, Backbone], alpha: float, *, batch_size: int = 8, workers: int = 0
) -> pd.DataFrame:
    """‖DSD_α(x)‖₁, summed over layers as in Fig. 7, and :func:`statistics` of every view.

    Returns:
        One row per view: `file`, `group`, a column for each network, and one for each of `STATISTICS`.
    """
    rows: dict[str, list[float]] = {name: [] for name in (*networks, *STATISTICS)}
    for x in tqdm(DataLoader(photographs, batch_size, num_workers=workers), desc=photographs.name, unit="batch"):
        for name, network in networks.items():
            rows[name] += summed_norm(x.to(network.device), network, alpha).tolist()
        for name, values in statistics(x).items():
            rows[name] += values.tolist()
    views = [(view.path.name, view.group) for view in photographs.views]
    return pd.concat([pd.DataFrame(views, columns=["file", "group"]), pd.DataFrame(rows)], axis=1)


def summed_norm(x: Tensor, network: Backbone, alpha: float) -> Tensor:
    """‖DSD_α(x)‖₁, summed over the network's layers: (N,).

    Args, Raises: as for :func:`dsd.dsd_norm`.
    """
    return torch.stack([*dsd_norm(x, network, (alpha,)).values()]).sum(dim=0)


def statistics(x: Tensor) -> dict[str, Tensor]:
    """What is easily seen in an image, as numbers.

    - ``contrast``: standard deviation of luma Y (BT.601).
    - ``high-frequency energy``: mean of (Y − Y blurred by a Gaussian of σ = 1 pixel)².
    - ``colourfulness``: Hasler & Süsstrunk's M̂⁽³⁾ = √(σ²_rg + σ²_yb) + 0.3 √(μ²_rg + μ²_yb), with rg = R − G and
      yb = (R + G)/2 − B.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].

    Returns:
        {name: (N,)}.

    Reference:
        Hasler & Süsstrunk, "Measuring colourfulness in natural images", SPIE 2003.

    Example:
        >>> {name: tuple(values.shape) for name, values in statistics(torch.rand(2, 3, 8, 8)).items()}
        {'contrast': (2,), 'high-frequency energy': (2,), 'colourfulness': (2,)}
    """
    y = luma(x)
    fine = y - transforms.gaussian_blur(y, [7, 7], [1.0, 1.0])
    red, green, blue = x.unbind(dim=1)
    opponent = torch.stack([red - green, (red + green) / 2 - blue], dim=1)
    spread, offset = opponent.var(dim=(2, 3), correction=0), opponent.mean(dim=(2, 3)).square()
    found = (
        y.std(dim=(1, 2, 3), correction=0),
        fine.square().mean(dim=(1, 2, 3)),
        spread.sum(dim=1).sqrt() + 0.3 * offset.sum(dim=1).sqrt(),
    )
    return dict(zip(STATISTICS, found, strict=True))


def by_class(table: pd.DataFrame, network: str) -> pd.DataFrame:
    """Mean and standard deviation of :func:`norms` by group, from lowest to highest: `mean`, `std`, `count`."""
    return table.groupby("group")[network].agg(["mean", "std", "count"]).sort_values("mean")


def follows(table: pd.DataFrame, networks: Sequence[str]) -> pd.DataFrame:
    """Spearman correlation of each network's ‖DSD‖ (rows) with each of `STATISTICS` (columns)."""
    return table[[*networks, *STATISTICS]].corr("spearman").loc[list(networks), list(STATISTICS)]


def class_names(groups: Collection[str]) -> dict[str, str]:
    """What WordNet numbers are called, for Imagenette's ten and for all 1000 of ImageNet; other names as they are."""
    names = {group: group for group in sorted(groups)}
    if len(names) == 1000:
        return dict(zip(names, VGG19_Weights.IMAGENET1K_V1.meta["categories"], strict=True))
    return names | {wnid: name for wnid, name in IMAGENETTE.items() if wnid in names}
