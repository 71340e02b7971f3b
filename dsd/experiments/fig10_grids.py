"""Fig. 10: grid artifacts of super-resolution by loss."""

from collections.abc import Mapping, Sequence
from math import ceil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.restorations import (
    LOOKS,
    Variant,
    loss_name,
    losses_network,
    picture_name,
    run_labels,
    tested_on,
    train_and_score,
    with_weights,
)
from dsd.experiments.style import Width, draw_image, figure_width, pretty
from dsd.quality.means import beyond, over_images
from dsd.restore.runs import CROPS, close_up, crop_of
from dsd.restore.testing import pairs_of

TRUTH, BICUBIC = "Ground truth", "Bicubic"
RUN = ["loss", "layer", "backbone"]
IN_A_ROW = {"page": 6, "column": 3}  # close-ups


def compute(
    *,
    config: str,
    weights: str,
    first: str,
    runs: Sequence[str],
    folder: str,
    sets: Mapping[str, int | None],
    shown: Sequence[str],
    zoom: float,
    device: str,
    seed: int,
) -> Computed:
    """Train and test networks that differ in one loss, and measure their grids. Args: the parameters of the notebook.

    Returns:
        A row for each run and image: `run`, `loss`, `layer`, `seed`, `backbone`, `set`, `image`, `label` and, in dB,
        `grid` and `grid_clean`; images "set image label", close-ups.
    """
    if unknown := [name for name in shown if name not in CROPS]:
        raise ValueError(f"there is no close-up of {', '.join(unknown)}; there are: {', '.join(CROPS)}")
    table = train_and_score(config, runs, folder, sets, first=first, weights=weights, seed=seed, device=device)
    table = table[table.set.isin(list(sets))].reset_index(drop=True)
    table = table.assign(image=table.image.astype(str), label=run_labels(table))
    columns = ["run", *RUN, "label", "seed", "set", "image", "grid", "grid_clean"]
    folders = {
        str(label): REPOSITORY / folder / Variant(row.loss, row.layer, int(row.seed), row.backbone).name
        for label, row in table.drop_duplicates("label").set_index("label").iterrows()
    }
    folders |= {label: folders[label].with_name(loss) for label, loss in _begun(table).items()}
    images = {}
    for name in shown:
        of_set, _, image = name.partition("/")
        for label, run in folders.items():
            images[picture_name(name, label)] = _middle(crop_of(run, of_set, image), zoom)
        images[picture_name(name, TRUTH)] = _middle(_clean_crop(of_set, image), zoom)
    steps = {"steps": with_weights(config, weights).steps}
    network = losses_network(config, weights, device)
    return Computed(table[columns], network, tested_on(table), images, extra=steps)


def energies(table: pd.DataFrame) -> pd.DataFrame:
    """Grid energy in dB: a row per image, a column per loss and one of the clean images; the mean over seeds.

    Bicubic enlargement is left out: it removes these frequencies.
    """
    table = table.assign(image=table.image.astype(str))
    values = table.pivot_table("grid", ["set", "image"], "label", sort=False).drop(columns=BICUBIC)
    return values.assign(**{TRUTH: table.groupby(["set", "image"], sort=False).grid_clean.first()})


def summary(result: Result) -> pd.DataFrame:
    """The mean over images and its 95 % interval, in dB: rows are losses."""
    return over_images(energies(result.table), result.parameters["seed"]).T


def against_dsd(result: Result) -> pd.DataFrame:
    """How much more grid energy other losses leave than DSD, in dB: the mean over images and its 95 % interval.

    Rows are those of PDL, style and multi-scale style that there are, which the paper compares with. Beside the
    interval: `seeds` that both have, `std` of the difference over them, and `noise`, which it exceeds; see
    :func:`dsd.quality.means.beyond`.
    """
    values, named = energies(result.table), [loss_name(loss) for loss in ("pdl", "style", "mss")]
    labels, dsd = [label for label in named if label in values], loss_name("dsd")
    more = over_images(values[labels].sub(values[dsd], axis=0), result.parameters["seed"]).T
    means = result.table.pivot_table("grid", "seed", "label")  # of equally many images each
    by_seed = means[labels].sub(means[dsd], axis=0)
    more = more.assign(seeds=by_seed.count(), std=by_seed.std())
    columns = [more[name].tolist() for name in ("mean", "low", "high", "std", "seeds")]
    return more.assign(noise=[beyond(*row) for row in zip(*columns, strict=True)])


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw close-ups by loss, with each image's grid energy, and below that of all images.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    values, size = energies(result.table), figure_width(width)
    labels = [BICUBIC, *values]
    shown = result.parameters["shown"]
    lines = ceil(len(labels) / IN_A_ROW[width])
    columns = ceil(len(labels) / lines)
    above = len(shown) * lines * (0.75 * size / columns + 0.4)
    below = 0.55 + 0.2 * len(labels)
    figure = plt.figure(figsize=(size, above + below))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[above, below])
    axes = upper.subplots(len(shown) * lines, columns, squeeze=False)
    for name, block in zip(shown, np.split(axes, len(shown)), strict=True):
        of_set, _, image = name.partition("/")
        own = values.loc[(of_set, image)]
        for axis in block.flat:
            axis.set_axis_off()
        for axis, label in zip(block.flat, labels, strict=False):
            axis.set_axis_on()
            draw_image(axis, result.images[picture_name(name, label)])
            axis.set_title(label)
            if label != BICUBIC:
                axis.set_xlabel(f"{own[label]:z.1f} dB".replace("-", "−"), fontsize=7)
    _draw_all(lower.subplots(), result, values)
    return figure


def caption(result: Result) -> str:
    """What the figure shows."""
    done, count = result.parameters, result.table[["set", "image"]].drop_duplicates().shape[0]
    sets = ", ".join(dict.fromkeys(result.table.set))
    layers = ", ".join(dict.fromkeys(pretty(layer) for layer in result.table.layer.dropna() if layer))
    return (
        f"Close-ups of ×4 super-resolution by one network, trained for {result.provenance['steps']} steps each with "
        f"another loss{f' at {layers}' if layers else ''}: {_listed(done['shown'])}. Below each, the image's grid "
        "energy: how far the power at periods of 4 and 2 pixels stands out from that of the frequencies around, mean "
        f"over both directions. Below, that of all {count} images of {sets} (dots) and its mean with the 95% bootstrap "
        "interval. The dashed line is the mean of the ground truth. Bicubic enlargement removes these frequencies: it "
        "has no such number."
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name.replace("/", " ") for name in names)


def _begun(table: pd.DataFrame) -> dict[str, str]:
    """What was not trained here, by label: its folder is called like it."""
    rows = table[table.loss.isin(["bicubic", "l1"])].drop_duplicates("label")
    return dict(zip(rows.label, rows.loss, strict=True))


def _clean_crop(of_set: str, image: str) -> Tensor:
    (clean,) = (pair.clean for pair in pairs_of(of_set) if pair.image == image)
    return close_up(clean, of_set, image)


def _middle(image: Tensor, zoom: float) -> Tensor:
    """The middle of an image, of so many times its height and width."""
    height, width = (round(zoom * side) for side in image.shape[1:])
    top, left = (image.shape[1] - height) // 2, (image.shape[2] - width) // 2
    return image[:, top : top + height, left : left + width]


def _draw_all(axis: Axes, result: Result, values: pd.DataFrame) -> None:
    """Each loss's images as dots, and their mean."""
    losses = dict(zip(result.table.label, result.table.loss, strict=True))
    of_all, random = summary(result), np.random.default_rng(0)
    labels = [str(label) for label in values if label != TRUTH]
    for height, label in enumerate(labels):
        mean, low, high = of_all.loc[label].to_numpy(float)
        spread = height + random.uniform(-0.22, 0.22, len(values))
        axis.scatter(values[label], spread, s=4, color="0.75", linewidth=0, zorder=1)
        axis.hlines(height, low, high, color="0.1", linewidth=1, zorder=2)
        axis.plot(mean, height, zorder=3, linestyle="none", markersize=5, **LOOKS[losses[label]])
        text = with_interval(mean, low, high)
        axis.annotate(text, (1, height), (3, 0), ("axes fraction", "data"), "offset points", va="center", fontsize=7)
    axis.axvline(of_all["mean"].to_dict()[TRUTH], color="0.3", linestyle="--", linewidth=0.8, zorder=0)
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.set_xlabel("Grid energy, dB (dashed: ground truth)")
