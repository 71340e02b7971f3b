"""Fig. 3: images of low and of high ‖DSD‖, its mean in each class, and what it follows."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from dsd import paper
from dsd.backbones import BACKBONES, load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result, check_data
from dsd.experiments.style import COLORS, pretty
from dsd.quality.norms import summed_norm, tabulate
from dsd.quality.statistics import STATISTICS, statistics

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


def compute(
    *,
    backbone: str,
    also: Sequence[str],
    weights: str,
    precision: Precision,
    images: str,
    class_images: str,
    layers: Sequence[str],
    alpha: float,
    shown: int,
    resize: int,
    crop: int,
    count: int | None,
    class_count: int | None,
    crops: int,
    batch_size: int,
    workers: int,
    device: str,
    seed: int,
) -> Computed:
    """Measure ‖DSD‖ of the images with every network, of the classes with the first. Args: those of the notebook.

    Returns:
        `panel` ("images" or "classes"), `file`, `group`, and the columns of :func:`norms_and_statistics`.
    """
    photographs, classes = load_photographs(
        images=images,
        class_images=class_images,
        resize=resize,
        crop=crop,
        count=count,
        class_count=class_count,
        crops=crops,
        seed=seed,
    )
    networks = load_networks(backbone, also, layers, weights, precision=precision, device=device)
    main = networks[backbone]
    options = {"batch_size": batch_size, "workers": workers}
    tables = {
        "images": tabulate(photographs, partial(norms_and_statistics, networks=networks, alpha=alpha), **options),
        "classes": tabulate(classes, partial(norms_and_statistics, networks={backbone: main}, alpha=alpha), **options),
    }
    return Computed(
        pd.concat(tables, names=["panel"]).reset_index(level=0),
        main,
        {"images": photographs, "class_images": classes},
        extra={"also": [network.provenance() for network in networks.values() if network is not main]},
    )


def load_photographs(
    *,
    images: str,
    class_images: str,
    resize: int,
    crop: int,
    count: int | None,
    class_count: int | None,
    crops: int,
    seed: int,
    **_: Any,
) -> tuple[Photographs, Photographs]:
    """Load the images and the classes that the notebook's parameters ask for; further parameters are passed over."""
    return (
        Photographs.from_folder(images, resize=resize, crop=crop, count=count, crops=crops, seed=seed),
        Photographs.from_folder(class_images, resize=resize, crop=crop, count=class_count, crops=crops, seed=seed),
    )


def load_networks(
    backbone: str, also: Sequence[str], layers: Sequence[str], weights: str, **options: Any
) -> dict[str, Backbone]:
    """The figure's network, then further ones, by name.

    Args:
        backbone: name of the figure's network.
        also: further ones: names of backbones, or weight files of VGG-19, which are then their names.
        layers: of all of them.
        weights: of the figure's network.
        options: of :func:`dsd.load_backbone`.
    """
    networks = {backbone: load_backbone(backbone, layers, weights, **options)}
    for name in [name for name in also if name not in networks]:
        known = name in BACKBONES
        networks[name] = load_backbone(name if known else "vgg19", layers, "auto" if known else name, **options)
    return networks


def norms_and_statistics(x: Tensor, networks: Mapping[str, Backbone], alpha: float) -> dict[str, Tensor]:
    """‖DSD_α(x)‖₁ by every network, and :func:`dsd.quality.statistics.statistics`: {column: (N,)}."""
    norms = {name: summed_norm(x.to(network.device), network, alpha) for name, network in networks.items()}
    return norms | statistics(x)


def of_panel(table: pd.DataFrame, panel: str) -> pd.DataFrame:
    """The rows of one panel, ``"images"`` or ``"classes"``, numbered as the views are."""
    return table[table.panel == panel].reset_index(drop=True)


def by_class(table: pd.DataFrame, network: str) -> pd.DataFrame:
    """Mean and standard deviation of ‖DSD‖ by group, from lowest to highest.

    Args:
        table: from :func:`compute`.
        network: whose.

    Returns:
        `mean`, `std`, `count`, by group.
    """
    return of_panel(table, "classes").groupby("group")[network].agg(["mean", "std", "count"]).sort_values("mean")


def follows(table: pd.DataFrame, networks: Sequence[str]) -> pd.DataFrame:
    """Spearman correlation, over the images, of each network's ‖DSD‖ (rows) with each of `STATISTICS` (columns)."""
    columns = list(dict.fromkeys(networks))
    return of_panel(table, "images")[[*columns, *STATISTICS]].corr("spearman").loc[columns, list(STATISTICS)]


def class_names(groups: Collection[str]) -> dict[str, str]:
    """What WordNet numbers are called, for Imagenette's ten and for all 1000 of ImageNet; other names as they are."""
    names = {group: group for group in sorted(groups)}
    if len(names) == 1000:
        from torchvision.models import VGG19_Weights  # seconds of imports

        return dict(zip(names, VGG19_Weights.IMAGENET1K_V1.meta["categories"], strict=True))
    return names | {wnid: name for wnid, name in IMAGENETTE.items() if wnid in names}


def draw(result: Result) -> Figure:
    """Draw (a) the images at both ends, (b) the classes, (c) the rank correlations.

    Raises:
        ValueError: the images are not those that were measured.
    """
    photographs, classes = load_photographs(**result.parameters)
    check_data(result.provenance, {"images": photographs, "class_images": classes})
    figure = plt.figure(figsize=(6.75, 5.4))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[1, 1])
    norm = rf"$\Vert$DSD$_{{{result.parameters['alpha']:g}}}\Vert_1 \times 10^3$"
    _draw_ends(upper, result, photographs, norm)
    left, right = lower.subplots(1, 2, width_ratios=[1.2, 1])
    _draw_classes(left, result, classes, norm)
    _draw_correlations(right, result)
    return figure


def _draw_ends(panel: SubFigure, result: Result, photographs: Photographs, norm: str) -> None:
    done = result.parameters
    values = of_panel(result.table, "images")[done["backbone"]]
    order = values.sort_values().index
    grid = panel.subplots(2, done["shown"], squeeze=False)
    for row, end in zip(grid, (order[: done["shown"]], order[-done["shown"] :]), strict=True):
        for axis, index in zip(row, end, strict=False):
            axis.imshow(photographs[int(index)].permute(1, 2, 0).numpy())
            axis.set_xlabel(f"{1e3 * values[index]:.2f}", labelpad=1)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    grid[0, 0].set_ylabel("Lowest")
    grid[1, 0].set_ylabel("Highest")
    layers = ", ".join(pretty(layer) for layer in done["layers"])
    panel.suptitle(f"(a) {norm} of {len(values)} images at {layers}", fontsize=8)


def _draw_classes(axis: Axes, result: Result, classes: Photographs, norm: str) -> None:
    per_class = by_class(result.table, result.parameters["backbone"])
    known = [wnid for wnid in paper.CLASS_STATISTICS if wnid in per_class.index]
    ends = {*per_class.index[:6], *per_class.index[-6:], *known}
    few = per_class if len(per_class) <= 12 else per_class[per_class.index.isin(ends)]
    here, theirs, *_ = COLORS.values()
    axis.errorbar(1e3 * few["mean"], np.arange(len(few)), xerr=1e3 * few["std"], fmt="o", color=here, label="here")
    for wnid in known:
        mean, std = (1e3 * paper.CLASS_STATISTICS[wnid][name] for name in ("mean", "std"))
        label = "paper" if wnid == known[0] else None
        axis.errorbar(mean, list(few.index).index(wnid) + 0.25, xerr=std, fmt="s", color=theirs, label=label)
    if known:
        axis.legend()
    names = class_names(per_class.index)
    axis.set_yticks(np.arange(len(few)), [names[group] for group in few.index], fontsize=6)
    axis.set_xlabel(f"{norm}, mean ± std")
    axis.set_title(f"(b) By {classes.grouping}")


def _draw_correlations(axis: Axes, result: Result) -> None:
    import seaborn as sns

    table = follows(result.table, [result.parameters["backbone"], *result.parameters["also"]])
    sns.heatmap(table, vmin=-1, vmax=1, cmap="RdBu_r", annot=True, fmt=".2f", ax=axis, cbar_kws={"label": "Spearman"})
    axis.tick_params(length=0)
    axis.set_xticks(
        axis.get_xticks(), [name.replace("-", "-\n").replace(" ", "\n") for name in table.columns], rotation=0
    )
    axis.set_yticks(axis.get_yticks(), table.index, rotation=0)
    axis.set_title(r"(c) Rank correlation")
