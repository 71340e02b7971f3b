"""Figs. 2, 3, 7 and Table 1 with other networks, by depth in pixels; and with random weights."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from dsd.backbones import available_layers, load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.backbones.receptive_field import receptive_fields
from dsd.data.images import image_size
from dsd.data.rated_sets import load_rated_sets
from dsd.data.views import Photographs
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Computed, Images, Result
from dsd.experiments.style import Width, figure_width, looks_of, pretty
from dsd.experiments.tab1_tables import NETWORK_NAMES, set_name
from dsd.quality.by_network import (
    DIFFERENCE,
    TRAINED,
    measure_photographs,
    of_photographs,
    of_ratings,
    score_networks,
    summarise_networks,
)

NAMES = {"vgg19": "VGG-19", "lite": "VGG-19 lite", **NETWORK_NAMES}
KINDS = {  # the label of its axis
    "self": "Self / Random",
    "texture": "Rank correlation\nwith texture",
    "spread": "Spread of ‖DSD‖,\npercentiles 95 / 5",
    "pearson": "Pearson corr.,\n{}",
}
OPEN = "sees more than x↓α"


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    also: Sequence[str],
    random: Sequence[str],
    seeds: int,
    layers: Sequence[str],
    images: str,
    rated_images: str | Sequence[str],
    alpha: float,
    dsd_alpha: float,
    resize: int | None,
    crop: int,
    count: int,
    crops: int,
    rated_crop: int,
    rated_count: int,
    workers: int,
    device: str,
    seed: int,
) -> Computed:
    """Measure photographs and rated images with every network. Args: the parameters of the notebook.

    Returns:
        The rows of :func:`.summarise_networks` for each `dataset` and `kind` (a key of `KINDS`), with the layer's
        `receptive_field` in pixels, and whether it `fits` into the smaller copy of the images.

    Raises:
        ValueError: two sets of rated images have one name.
    """
    load = partial(load_backbone, precision=precision, device=device)
    networks: dict[tuple[str, str], Backbone] = {
        (name, TRAINED): load(name, available_layers(name, layers), weights if name == backbone else "auto")
        for name in dict.fromkeys([backbone, *also])
    }
    for name in random:
        for number in range(seeds):
            drawn = load(name, available_layers(name, layers), f"random-{number}")
            networks[name, f"random {number}"] = drawn
    photographs = Photographs.from_folder(images, resize=resize, crop=crop, count=count, crops=crops, seed=seed)
    values = measure_photographs(photographs, networks, alpha=alpha, dsd_alpha=dsd_alpha, workers=workers)
    datasets: dict[str, Images] = {"images": photographs}
    tables = [
        summarise_networks(samples, seed=seed).assign(
            dataset=photographs.name, kind=kind, copy=crop / (alpha if kind == "self" else dsd_alpha)
        )
        for kind, samples in of_photographs(values, seed=seed).items()
    ]
    for rated in load_rated_sets(rated_images, resize=resize, crop=rated_crop, count=rated_count, seed=seed):
        samples = of_ratings(score_networks(rated, networks, dsd_alpha), rated, seed=seed)
        side = min(min(image_size(reference)) for reference in rated.images())
        rows = summarise_networks(samples, seed=seed)
        tables.append(rows.assign(dataset=rated.name, kind="pearson", copy=side / dsd_alpha))
        datasets[rated.name] = rated
    table = pd.concat(tables, ignore_index=True)
    one_of_each = {name: network for (name, _), network in networks.items()}
    fields = {name: receptive_fields(network) for name, network in one_of_each.items()}
    table["receptive_field"] = [fields[name][layer] for name, layer in table[["network", "layer"]].to_numpy()]
    table["fits"] = table.receptive_field <= table.pop("copy")
    extra = {"networks": [network.provenance() for network in networks.values()]}
    return Computed(table, networks[backbone, TRAINED], datasets, extra=extra)


def panels_of(result: Result) -> list[tuple[str, str]]:
    """The figure's rows: kind and set of images."""
    rows = result.table[["kind", "dataset"]].drop_duplicates()
    return list(zip(rows.kind, rows.dataset, strict=True))


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw a row for each measure, trained networks at the left, random weights at the right, a line for each seed.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    panels, looks = panels_of(result), looks_of(result.table.network)
    size = (figure_width(width), 1.0 + 1.35 * len(panels))
    figure, axes = plt.subplots(len(panels), 2, sharex=True, sharey="row", squeeze=False, figsize=size)
    for letter, (left, right), (kind, dataset) in zip("abcdefgh", axes, panels, strict=False):
        rows = result.table[(result.table.kind == kind) & (result.table.dataset == dataset)]
        rows = rows[rows.weights != DIFFERENCE]
        trained = rows.weights == TRAINED
        _draw_lines(left, rows[trained], looks, {"linewidth": 1.1, "markersize": 3.8})
        _draw_lines(right, rows[~trained], looks, {"linewidth": 0.6, "markersize": 2.8})
        left.set_ylabel(f"({letter}) {KINDS[kind].format(set_name(dataset))}")
        if kind == "self":
            for axis in (left, right):
                axis.axhline(1, color="0.4", linewidth=0.6, zorder=0)
        if kind == "spread":
            left.set_yscale("log")
            left.yaxis.set_major_locator(LogLocator(subs=[1, 2, 5]))
            left.yaxis.set_major_formatter("{x:g}")
            left.yaxis.set_minor_locator(NullLocator())
    axes[0, 0].set_title("Trained")
    axes[0, 1].set_title("Random weights")
    for axis in axes[-1]:
        axis.set_xlabel("Receptive field, px")
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=[1, 3]))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_locator(NullLocator())
    lines = [Line2D([], [], markersize=3.8, label=NAMES.get(name, name), **look) for name, look in looks.items()]
    hollow: dict[str, Any] = {"color": "0.4", "marker": "o", "markerfacecolor": "white", "linestyle": ""}
    lines.append(Line2D([], [], markersize=3.8, label=OPEN, **hollow))
    figure.legend(handles=lines, loc="outside upper center", ncols=5 if width == "page" else 2, columnspacing=1)
    return figure


def _draw_lines(axis: Axes, rows: pd.DataFrame, looks: dict[str, dict[str, Any]], size: dict[str, Any]) -> None:
    """A line for each network and its weights; trained ones with intervals; open where a layer does not fit.

    Networks lie a little beside each other: VGG-19 and lite have layers of the same depth.
    """
    for (network, weights), own in rows.groupby(["network", "weights"], sort=False):
        own, look = own.sort_values("receptive_field"), looks[str(network)]
        own = own.assign(x=own.receptive_field * 1.03 ** list(looks).index(str(network)))
        axis.plot(own.x, own.value, **look, **size)
        wide = own[~own.fits]
        axis.plot(wide.x, wide.value, **look | {"linestyle": "", "markerfacecolor": "white"}, **size)
        if weights == TRAINED:
            axis.vlines(own.x, own.low, own.high, color=look["color"], linewidth=0.7)


def differences(result: Result, network: str) -> pd.DataFrame:
    """Trained less random weights, as text with its 95 % interval: by layer, kind and set of images.

    Args:
        result: from :func:`.load_or_compute`.
        network: its name.
    """
    rows = result.table[(result.table.weights == DIFFERENCE) & (result.table.network == network)]
    rows = rows.assign(
        text=_texts(rows),
        layer=rows.layer.map(pretty),
    )
    rows = rows.assign(dataset=rows.dataset.map(set_name))
    return rows.pivot(index=["receptive_field", "layer"], columns=["kind", "dataset"], values="text")


def _texts(rows: pd.DataFrame) -> list[str]:
    return [with_interval(*row, form="+.2f") for row in rows[["value", "low", "high"]].to_numpy(float)]


def caption(result: Result) -> str:
    """What the figure shows."""
    done = result.parameters
    rows = result.table[result.table.fits & (result.table.weights == DIFFERENCE)]
    rows = rows[rows.network == done["backbone"]]
    deepest = [
        (f"({letter}) {pretty(own.layer.iloc[-1])} {_texts(own)[-1]}")
        for letter, (kind, dataset) in zip("abcdefgh", panels_of(result), strict=False)
        if not (own := rows[(rows.kind == kind) & (rows.dataset == dataset)].sort_values("receptive_field")).empty
    ]
    told = (
        f" Trained less random weights, {NAMES.get(done['backbone'], done['backbone'])}, deepest layer that fits: "
        f"{', '.join(deepest)}."
        if deepest
        else ""
    )
    pairs = result.provenance["datasets"]["images"]["count"] // 2
    return (
        "What the paper shows with VGG-19, with other networks, by receptive field; right: with random weights, a line "
        f"for each of {done['seeds']} seeds. (a) Distance of the Gram matrices of an image and its copy downscaled by "
        rf"$\alpha={done['alpha']:g}$, relative to that of two images (Fig. 2); {pairs} pairs. (b) Rank correlation of "
        "‖DSD‖ with high-frequency energy (Fig. 3). (c) 95th percentile of ‖DSD‖, divided by the 5th (Fig. 7). "
        "Then Pearson correlation of DSD with human preference (Table 1). From (b) on "
        rf"$\alpha={done['dsd_alpha']:g}$. Open markers: the receptive field is larger than the smaller copy, so that "
        "every position sees padding. Lines and brackets are 95% bootstrap intervals, brackets over seeds, "
        f"too.{told}"
    )
