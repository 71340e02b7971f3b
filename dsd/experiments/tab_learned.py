"""Does learning from people help DSD as it helps LPIPS? Weights of channels, tested on references held out."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from dsd.backbones import available_layers, load_backbone
from dsd.backbones.base import Backbone
from dsd.checks import check_integer
from dsd.data.rated import RatedImages
from dsd.data.rated_sets import load_rated
from dsd.experiments.provenance import Computed, Result, checkpoints
from dsd.experiments.style import Width, figure_width, pretty
from dsd.experiments.tab1_tables import set_name
from dsd.experiments.tab_learned_tables import KINDS, label, values_of
from dsd.learned.channels import Pairs, measure_channels, pairs_of
from dsd.learned.held_out import LEARNED, Fold, balance, folds, learn, scores, summarise_heads
from dsd.learned.train import Fitting
from dsd.learned.triplets import judged
from dsd.quality.evaluate import KEYS, Agreement, agreement
from dsd.quality.learned import MEASURES, make_distance
from dsd.quality.lpips import HEADS, read_heads

LOOKS: dict[str, dict[str, Any]] = {
    "published": {"color": "0.1", "marker": "s", "markerfacecolor": "white"},
    "uniform": {"color": "0.45", "marker": "o", "markerfacecolor": "white"},
    "balanced": {"color": "0.45", "marker": "v", "markerfacecolor": "white"},
    "layers": {"color": "#3B6FB6", "marker": "^"},
    "channels": {"color": "#B8442E", "marker": "D"},
    "shuffled": {"color": "0.6", "marker": "x"},
}


def compute(
    *,
    backbone: str,
    weights: str,
    networks: Sequence[str],
    layers: Sequence[str],
    published: str,
    alpha: float,
    images: Sequence[str],
    triplets: int,
    steps: int,
    rate: float,
    batch: int,
    dropout: float,
    seeds: int,
    resize: int,
    crop: int,
    count: int,
    device: str,
    seed: int,
) -> Computed:
    """Learn weights of channels, each time without one reference, and test them on it. Args: the notebook's parameters.

    A run that was stopped goes on where it was.

    Returns:
        The rows of :func:`.summarise_heads`.

    Raises:
        ValueError: two sets have one name, or all references show one photograph; a number is outside its range.
    """
    settings = dict(locals())
    check_integer(seeds, "seeds", 1)
    fittings = [Fitting(steps, batch, rate, dropout, seed + number) for number in range(seeds)]  # refuses at once
    first = _load(backbone, layers, weights, device)
    found: dict[str, dict[tuple[str, str], Agreement]] = {}
    used = []
    with tempfile.TemporaryDirectory() as folder:
        options = {"resize": resize, "crop": crop, "count": count, "seed": seed}
        sets = {}
        for number, name in enumerate(images):
            rated = load_rated(name, Path(folder) / str(number) / "known distortions", **options)
            if rated.name in sets:
                raise ValueError(f"images must be of different sets, two are called {rated.name}")
            sets[rated.name] = rated
        data = {name: rated.provenance() for name, rated in sets.items()}
        root = checkpoints("tab-learned", settings | {"data": data}, first)
        split = {fitting: list(folds([*sets.values()], triplets, fitting.seed)) for fitting in fittings}
        for name in [backbone, *networks]:
            network = first if name == backbone else _load(name, layers, "auto", device)
            used.append(network.provenance())
            for measure in MEASURES:
                pairs = pairs_of([at for rated in sets.values() for at in judged(rated).judgements])
                distance = make_distance(measure, network, alpha=alpha)
                place = root / f"{measure}-{name}"
                about = {"pairs": len(pairs), "measure": measure, "alpha": alpha, **network.provenance()}
                channels = measure_channels(distance, pairs, place / "channels", about)
                fixed = {"uniform": torch.ones(channels.shape[1])} | _published(measure, network, published)
                values = _held_out(place, distance.widths, channels, pairs, sets, fixed, split)
                for dataset, table in values.items():
                    columns = found.setdefault(dataset, {})
                    columns[measure, name] = agreement(table, sets[dataset], bandwidth=1, seed=seed)
    table = pd.concat([summarise_heads(columns).assign(dataset=dataset) for dataset, columns in found.items()])
    return Computed(table.reset_index(drop=True), first, sets, extra={"networks": used}, checkpoints=root)


def _load(name: str, layers: Sequence[str], weights: str, device: str) -> Backbone:
    return load_backbone(name, available_layers(name, layers), weights, device=device)


def _published(measure: str, network: Backbone, layer: str) -> dict[str, Tensor]:
    """LPIPS 0.1's weights; of DSD the one layer that the paper has, ``{}`` where the network has no such thing."""
    if measure == "lpips":
        whole = network.layers == tuple(network.strides)
        return {"published": read_heads(network.backbone_name)} if whole and network.backbone_name in HEADS else {}
    if layer not in network.layers:
        return {}
    widths = make_distance("dsd", network).widths
    return {"published": torch.cat([torch.full((count,), float(name == layer)) for name, count in widths.items()])}


def _held_out(
    place: Path,
    widths: Mapping[str, int],
    channels: Tensor,
    pairs: Pairs,
    sets: Mapping[str, RatedImages],
    fixed: Mapping[str, Tensor],
    split: Mapping[Fitting, Sequence[Fold]],
) -> dict[str, pd.DataFrame]:
    """{set: `reference`, `distorted`, and a column for each kind of weights, "channels 0" of the first seed}."""
    references = [reference for rated in sets.values() for reference in rated.images()]
    heads = {kind: dict.fromkeys(references, weights) for kind, weights in fixed.items()}
    heads["balanced"] = {fold.reference: balance(widths, channels, pairs, fold) for fold in next(iter(split.values()))}
    for fitting, own in split.items():
        for number, fold in enumerate(own):
            for kind in LEARNED:
                run = place / f"{kind}-{fitting.seed}-{number}"
                found = learn(run, widths, channels, pairs, fold, fitting, kind)
                heads.setdefault(f"{kind} {fitting.seed}", {})[fold.reference] = found
    tables = {}
    for dataset, rated in sets.items():
        columns = [scores(channels, pairs, at, rated).set_index(KEYS).value.rename(name) for name, at in heads.items()]
        tables[dataset] = pd.concat(columns, axis=1).reset_index()
    return tables


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw each measure's agreement with people for every kind of weights: a panel for each set of images.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    rows = values_of(result, "pearson")
    sets = list(rows.dataset.unique())
    places = list(dict.fromkeys(zip(rows.measure, rows.network, strict=True)))
    size = figure_width(width)
    figure, axes = plt.subplots(1, len(sets), sharey=True, figsize=(size, 1.3 + 0.42 * len(places)), squeeze=False)
    for axis, dataset in zip(axes[0], sets, strict=True):
        _draw_panel(axis, rows[rows.dataset == dataset], places)
        axis.set_title(set_name(dataset))
        axis.set_xlabel("Pearson correlation")
    axes[0, 0].set_yticks(
        range(len(places)), [label(*place).replace(", ", ",\n" if width == "column" else ", ") for place in places]
    )
    axes[0, 0].set_ylim(len(places) - 0.5, -0.5)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3 if width == "page" else 2
    )
    return figure


def _draw_panel(axis: Axes, rows: pd.DataFrame, places: list[tuple[str, str]]) -> None:
    """A line for each measure and network, in it a mark with its interval for each kind of weights."""
    for offset, (kind, look) in zip(np.linspace(-0.3, 0.3, len(LOOKS)), LOOKS.items(), strict=True):
        own = rows[rows.heads == kind]
        y = [places.index(place) + offset for place in zip(own.measure, own.network, strict=True)]
        axis.hlines(y, own.low, own.high, color=look["color"], linewidth=0.8)
        axis.plot(own.value, y, linestyle="", markersize=4, label=KINDS[kind].capitalize(), **look)
    for place in range(1, len(places)):
        axis.axhline(place - 0.5, color="0.9", linewidth=0.6)
    axis.grid(axis="y", visible=False)


def caption(result: Result) -> str:
    """What the figure shows."""
    done = result.parameters
    sets = " and ".join(data["summary"] for data in result.provenance["datasets"].values())
    weights = (
        f"as published (LPIPS 0.1; DSD at {pretty(done['published'])} alone), all 1, so that layers give equal parts, "
        f"or learned in {done['steps']} steps of LPIPS's ranking loss: one for each layer, one for each channel, or "
        "one for each channel from answers that were dealt out at random"
    )
    return (
        f"Pearson correlation with human preference of LPIPS and of DSD ($\\alpha$ = {done['alpha']:g}), each a "
        f"weighted sum over channels: {sets}. Weights are {weights}. Learned ones are tested on a reference that they "
        f"did not see; means over {done['seeds']} seed{'s' * (done['seeds'] > 1)}. Lines: 95% bootstrap intervals over "
        "references and images; of one reference, over its images only."
    )
