"""Fig. 11: motion deblurring with DSD, with style, and with neither."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.restorations import (
    LOSSES,
    Variant,
    losses_network,
    picture_name,
    run_labels,
    tested_on,
    train_and_score,
    with_weights,
)
from dsd.experiments.style import Width, draw_image, figure_width, pretty
from dsd.quality.means import over_images
from dsd.restore.config_files import load_config
from dsd.restore.evaluate import Evaluator
from dsd.restore.runs import close_up, crop_of
from dsd.restore.testing import pairs_of

MEASURES = {"PSNR": "psnr_y_authors", "SSIM": "ssim_rgb_authors", "LPIPS": "lpips_authors", "NIQE": "niqe_authors"}
DIGITS = {"PSNR": ".1f", "LPIPS": ".3f", "NIQE": ".2f"}
BLURRED, SHARP = "Blurred", "Sharp"
SHIFTED = ("Levin",)  # the sharp images lie a few pixels beside the blurred ones: no comparison pixel by pixel
LOOKS = ({"color": "0.1", "marker": "o"}, {"color": "#E69F00", "marker": "s"}, {"color": "#3B6FB6", "marker": "^"})


def compute(
    *,
    config: str,
    weights: str,
    first: str,
    runs: Sequence[str],
    folder: str,
    sets: Mapping[str, int | None],
    shown: Sequence[str],
    device: str,
    seed: int,
) -> Computed:
    """Train and test networks that differ in one loss. Args: the parameters of the notebook.

    Returns:
        A row for each run and image: `set`, `image`, `label`, `run`, and `MEASURES`; of the sharp images, NIQE only.
        Images "set image label", close-ups.
    """
    scores = train_and_score(config, runs, folder, sets, first=first, weights=weights, seed=seed, device=device)
    scores = scores[scores.set.isin(list(sets))].reset_index(drop=True)
    network = losses_network(config, weights, device)
    labels = [BLURRED if name == LOSSES["bicubic"] else name for name in run_labels(scores)]
    found = {name: scores[column] for name, column in MEASURES.items() if column in scores}  # LPIPS may be left out
    table = scores[["set", "image", "run"]].assign(image=scores.image.astype(str), label=labels, **found)
    table.loc[table.set.isin(SHIFTED), [name for name in found if name != "NIQE"]] = float("nan")
    sharp, images = _sharp_images(sets, shown)
    columns = ["set", "image", "label", "run", *found]
    table = pd.concat([table, sharp], ignore_index=True)[columns]
    networks = table[table.label != SHARP].drop_duplicates("label")
    for place in shown:
        name, _, image = place.partition("/")
        for row in networks.itertuples():
            run = "bicubic" if row.label == BLURRED else "l1" if row.label == LOSSES["l1"] else str(row.run)
            images[picture_name(place, str(row.label))] = crop_of(REPOSITORY / folder / run, name, image)
    steps = {"first_steps": load_config(REPOSITORY / first).steps, "steps": with_weights(config, weights).steps}
    return Computed(table, network, tested_on(table), images, extra=steps)


def summary(result: Result) -> pd.DataFrame:
    """Means over images and their 95 % intervals: rows are sets and losses, columns measures and statistics."""
    seed = result.parameters["seed"]
    tables = {
        (name, label): over_images(rows.groupby("image")[_measures(rows)].mean(), seed)
        for (name, label), rows in result.table.groupby(["set", "label"], sort=False)
    }
    return pd.DataFrame(pd.concat(tables, names=["set", "loss", "statistic"]).unstack(sort=False))


def differences(result: Result, label: str = "DSD", other: str = "Style") -> pd.DataFrame:
    """One loss minus another, image by image: the mean and its 95 % interval. Rows are sets."""
    table = result.table
    values = table.groupby(["set", "label", "image"], sort=False)[_measures(table)].mean()
    difference = pd.DataFrame(values.xs(label, level="label") - values.xs(other, level="label"))
    seed = result.parameters["seed"]
    tables = {name: over_images(rows, seed) for name, rows in difference.groupby("set", sort=False)}
    return pd.DataFrame(pd.concat(tables, names=["set", "statistic"]).unstack(sort=False))


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw close-ups, a row for each photograph, with the photograph's measures, and below those of all photographs.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    places, size = list(result.parameters["shown"]), figure_width(width)
    labels = [*(name for name in _labels(result) if name not in (LOSSES["none"], SHARP)), SHARP]
    above = len(places) * (size / len(labels) + 0.4) + 0.3
    below = 1 + 0.27 * len(_labels(result))
    figure = plt.figure(figsize=(size, above + below))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[above, below])
    axes = upper.subplots(len(places), len(labels), squeeze=False)
    for row, place in zip(axes, places, strict=True):
        name, _, image = place.partition("/")
        of_image = result.table[(result.table.set == name) & (result.table.image.astype(str) == image)]
        for axis, label in zip(row, labels, strict=True):
            draw_image(axis, result.images[picture_name(place, label)])
            axis.set_xlabel(_numbers(of_image, label), fontsize=7, labelpad=2)
        row[0].set_ylabel(name)
    for axis, label in zip(axes[0], labels, strict=True):
        axis.set_title(label)
    _draw_all(lower, result)
    return figure


def caption(result: Result) -> str:
    """What the figure shows."""
    done, origin = result.parameters, result.provenance
    sets = ", ".join(about["summary"] for about in origin["datasets"].values())
    layers = dict.fromkeys(pretty(layer) for run in done["runs"] if (layer := Variant.parse(run).layer))
    where = f", the distribution losses at {' and '.join(layers)}" if layers else ""
    shifted = [name for name in origin["datasets"] if name in SHIFTED]
    return (
        f"Motion deblurring by one network. It learned with L1 alone for {origin['first_steps']} steps, and from there "
        f"for {origin['steps']} steps with each loss{where}. Below each close-up, the values of its whole photograph: "
        "PSNR of Y, LPIPS (AlexNet), NIQE. Below, the means over the photographs of "
        f"{sets}, with 95% bootstrap intervals. Lower is better for LPIPS and NIQE. Images are neither rounded nor cut "
        "before they are measured, as in the authors' evaluation."
        + (" Levin's sharp images lie a few pixels beside the blurred ones: they have NIQE only." if shifted else "")
    )


def _labels(result: Result) -> list[str]:
    return list(dict.fromkeys(result.table.label))


def _measures(table: pd.DataFrame) -> list[str]:
    return [name for name in MEASURES if name in table]


def _sharp_images(sets: Mapping[str, int | None], shown: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Tensor]]:
    """NIQE of the sharp images, and the close-ups of those that are shown."""
    evaluator, images = Evaluator([MEASURES["NIQE"]], border=0, device="cpu"), {}

    def rows() -> Iterator[dict[str, str | float]]:
        for name, count in sets.items():
            for pair in pairs_of(name, count):
                (value,) = evaluator(pair.clean[None], notes={}).values()
                yield {"set": name, "image": pair.image, "label": SHARP, "run": "", "NIQE": value.item()}
                if f"{name}/{pair.image}" in shown:
                    images[picture_name(f"{name}/{pair.image}", SHARP)] = close_up(pair.clean, name, pair.image)

    return pd.DataFrame(list(rows())).drop_duplicates(["set", "image"]), images


def _numbers(of_image: pd.DataFrame, label: str) -> str:
    """The measures of one photograph, a line for each that some result has."""
    lines = []
    for name, digits in DIGITS.items():
        if name in of_image and of_image[name].notna().any():
            value = of_image[of_image.label == label][name].mean()
            lines.append("" if math.isnan(value) else f"{name} {value:{digits}}".replace(" 0.", " ."))
    return "\n".join(lines)


def _draw_all(figure: plt.Figure, result: Result) -> None:
    """LPIPS and NIQE by loss: a row for each, in it a mark for each set."""
    means, labels = summary(result), _labels(result)
    names = list(dict.fromkeys(result.table.set))
    measures = [name for name in ("LPIPS", "NIQE") if name in _measures(result.table)]
    axes = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for axis, measure in zip(axes, measures, strict=True):
        for place, (name, look) in enumerate(zip(names, cycle(LOOKS), strict=False)):
            values = means.loc[name, measure].reindex(labels)
            y = [row + 0.27 * (place - (len(names) - 1) / 2) for row in range(len(labels))]
            axis.hlines(y, values.low, values.high, color=look["color"], linewidth=0.8)
            axis.plot(values["mean"], y, linestyle="none", markersize=3.5, label=name, **look)
        axis.set_title(f"{measure}\n(lower is better)")
        axis.grid(axis="x")
        axis.grid(False, axis="y")
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].set_ylim(len(labels) - 0.5, -0.5)
    figure.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=len(names))
