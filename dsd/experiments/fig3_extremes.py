"""Fig. 3: images of low and of high ‖DSD‖, its mean in each class, and what it follows."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure, SubFigure
from torch import Tensor

from dsd import paper
from dsd.backbones import BACKBONES, load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.data.imagenet_classes import class_names
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result, check_data
from dsd.experiments.style import Width, figure_width, looks_of, pretty
from dsd.quality.follows import follows, intervals
from dsd.quality.norms import summed_norm, tabulate
from dsd.quality.statistics import STATISTICS, statistics


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


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw (a) the images at both ends, (b) the classes, (c) the rank correlations.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.

    Raises:
        ValueError: the images are not those that were measured.
    """
    photographs, classes = load_photographs(**result.parameters)
    check_data(result.provenance, {"images": photographs, "class_images": classes})
    page = width == "page"
    heights = [2.1, 2.2] if page else [4.0, 4.2]
    figure = plt.figure(figsize=(figure_width(width), sum(heights)))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
    _draw_ends(upper, result, photographs, rows=1 if page else 2)
    left, right = lower.subfigures(*(1, 2) if page else (2, 1), height_ratios=None if page else [1.3, 1])
    _draw_classes(left, result, classes)
    _draw_correlations(right, result)
    return figure


def _norm(result: Result) -> str:
    return rf"$\Vert$DSD$_{{{result.parameters['alpha']:g}}}\Vert_1$"


def _draw_ends(panel: SubFigure, result: Result, photographs: Photographs, rows: int) -> None:
    """So many rows of the lowest, and as many of the highest."""
    shown = result.parameters["shown"]
    values = of_panel(result.table, "images")[result.parameters["backbone"]]
    order = values.sort_values().index
    grid = panel.subplots(2 * rows, -(-shown // rows), squeeze=False)
    for axis in grid.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for part, end in zip((grid[:rows], grid[rows:]), (order[:shown], order[-shown:]), strict=True):
        for axis, index in zip(part.flat, end, strict=False):
            axis.imshow(photographs[int(index)].permute(1, 2, 0).numpy())
            axis.set_xlabel(f"{1e3 * values[index]:.1f}", labelpad=1, fontsize=7)
    grid[0, 0].set_ylabel("Lowest")
    grid[rows, 0].set_ylabel("Highest")
    layers = ", ".join(pretty(layer) for layer in result.parameters["layers"])
    panel.suptitle(rf"(a) {_norm(result)} $\times 10^3$ at {layers}, {len(values)} images", fontsize=8)


def _draw_classes(panel: SubFigure, result: Result, classes: Photographs) -> None:
    axis = panel.subplots()
    network = result.parameters["backbone"]
    per_class = by_class(result.table, network)
    known = [wnid for wnid in paper.CLASS_STATISTICS if wnid in per_class.index]
    ends = {*per_class.index[:6], *per_class.index[-6:], *known}
    few = per_class if len(per_class) <= 12 else per_class[per_class.index.isin(ends)]
    dots: dict[str, Any] = {"linestyle": "none", "markersize": 4}
    here, theirs = (
        dots | looks_of([network])[network],
        dots | {"marker": "D", "color": "0.5", "markerfacecolor": "white"},
    )
    axis.errorbar(1e3 * few["mean"], np.arange(len(few)), xerr=1e3 * few["std"], label="here", **here)
    for wnid in known:
        mean, std = (1e3 * paper.CLASS_STATISTICS[wnid][name] for name in ("mean", "std"))
        label = "paper" if wnid == known[0] else None
        axis.errorbar(mean, list(few.index).index(wnid) + 0.3, xerr=std, label=label, **theirs)
    if known:
        axis.legend()
    names = class_names(per_class.index)
    axis.set_yticks(np.arange(len(few)), [names[group] for group in few.index])
    axis.set_xlabel(rf"{_norm(result)} $\times 10^3$, mean ± std")
    panel.suptitle(f"(b) By {classes.grouping}", fontsize=8)


def _draw_correlations(panel: SubFigure, result: Result) -> None:
    """A dot for each network and statistic, with its interval."""
    axis = panel.subplots()
    done = result.parameters
    images = of_panel(result.table, "images")
    values = follows(images, [done["backbone"], *done["also"]])
    ends = intervals(images, list(values.index), seed=done["seed"])
    rows = np.arange(len(STATISTICS))
    for number, (network, look) in enumerate(looks_of(values.index).items()):
        of = values.loc[network]
        whiskers = np.abs(ends.loc[network].loc[list(STATISTICS)].T - of)
        y = rows + 0.2 * (number - (len(values) - 1) / 2)
        axis.errorbar(of, y, xerr=whiskers, linestyle="none", markersize=4, label=Path(network).name, **look)
    axis.axvline(0, color="0.4", linewidth=0.6)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_yticks(rows, [name.replace(" ", "\n") for name in STATISTICS])
    axis.set_xlabel("Spearman's rank correlation")
    panel.suptitle("(c) Rank correlation with image statistics", fontsize=8)
    if len(values) > 1:
        axis.legend()


def caption(result: Result) -> str:
    """What the figure shows."""
    done = result.parameters
    follow = follows(of_panel(result.table, "images"), [done["backbone"]]).loc[done["backbone"]]
    names = ", ".join(f"{name} {value:.2f}" for name, value in follow.sort_values(ascending=False).items())
    count, class_count = (len(of_panel(result.table, panel)) for panel in ("images", "classes"))
    norm = rf"$\lVert\mathrm{{DSD}}_{{{done['alpha']:g}}}\rVert_1$"
    networks = {"vgg19": "circles: VGG-19", "lite": "squares: VGG-19 lite"}
    marks = "; ".join(networks.get(name, Path(name).name) for name in (done["backbone"], *done["also"]))
    return (
        f"(a) The {done['shown']} images of lowest and of highest {norm} among {count}, with its value times 1000. (b) "
        f"Mean and standard deviation by {result.provenance['datasets']['class_images']['grouping']}, of {class_count} "
        "images. "
        f"(c) Spearman's rank correlation of {norm} with simple statistics over the images of (a): {names}; {marks}; "
        "whiskers are 95% bootstrap intervals. High-frequency energy stands for fine texture. The paper reads its "
        "figure as: smooth images low, textured ones high."
    )
