"""Table 3: ×4 super-resolution trained with different losses of distributions, at different layers."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dsd.experiments.provenance import Computed, Result
from dsd.experiments.restorations import LOOKS, losses_network, tested_on, train_and_score, with_weights
from dsd.experiments.style import Width, figure_width, pretty
from dsd.experiments.tab3_tables import AUTHORS, NOISE, digits, first_set, losses_of, rows_of, summarise
from dsd.restore.config_files import as_yaml
from dsd.restore.evaluate import Evaluator

TITLES = ("PSNR of Y, dB\n(higher is better)", "LPIPS\n(lower is better)", "NIQE\n(lower is better)")
BELOW = 0.4  # how far below the row's middle seeds are


def compute(
    *,
    config: str,
    first: str,
    runs: Sequence[str],
    folder: str,
    sets: Mapping[str, int | None],
    weights: str,
    device: str,
    seed: int,
) -> Computed:
    """Train each network, or read the run that is there; test it. Args: the parameters of the notebook.

    Returns:
        What :func:`.summarise` makes of the scores.
    """
    scores = train_and_score(config, runs, folder, sets, first=first, weights=weights, seed=seed, device=device)
    settings = with_weights(config, weights)
    protocols = Evaluator(["psnr_y"], border=settings.network.scale, device="cpu").protocols()
    return Computed(
        summarise(scores, seed),
        losses_network(config, weights, device),
        {name: tested for name, tested in tested_on(scores).items() if name in sets},
        extra={"protocols": protocols, "settings": as_yaml(settings)},
    )


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw the paper's numbers (hollow) and ours with their intervals, by loss and layer; a stroke for each seed.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    losses = losses_of(result)
    losses = losses[losses.loss != "bicubic"]
    layered = losses.layer != ""
    new = layered & (losses.name != losses.name.shift())
    y = np.arange(len(losses)) + 1.3 * new.cumsum().to_numpy()  # above the layers of a loss its name
    figure, axes = plt.subplots(1, 3, sharey=True, figsize=(figure_width(width), 1.15 + 0.145 * (y[-1] + 2)))
    for axis, measure, title in zip(axes, AUTHORS, TITLES, strict=True):
        _draw_panel(axis, result, losses.assign(y=y), measure)
        axis.set_title(title if width == "page" else title.replace(" of Y", "").replace(" is better", ""))
        axis.xaxis.set_major_locator(plt.MaxNLocator(3 if width == "page" else 2))
    heads = dict(zip(y[new] - 1, losses.name[new], strict=True))
    labels = losses.layer.map(pretty).where(layered, losses.name)
    axes[0].set_yticks([*heads, *y], [*heads.values(), *labels])
    for label in axes[0].get_yticklabels()[: len(heads)]:
        label.set_fontweight("bold")
    axes[0].set_ylim(y[-1] + 0.7, -0.9)
    legend = {
        "paper": Line2D([], [], color="0.3", marker="o", markerfacecolor="white", markersize=4, linestyle="none"),
        "ours, 95% interval over images": Line2D([], [], color="0.3", marker="o", markersize=4, linewidth=1),
        "one seed": Line2D([], [], color="0.3", marker="|", markersize=3.5, linestyle="none"),
    }
    columns = 3 if width == "page" else 2
    figure.legend(legend.values(), legend, loc="outside upper center", ncols=columns, columnspacing=1)
    return figure


def _draw_panel(axis: Axes, result: Result, losses: pd.DataFrame, measure: str) -> None:
    """One measure: a row for each loss and layer, our number beside it."""
    name = first_set(result)
    own = rows_of(result, "loss", name).set_index(["name", "layer", "statistic"])[measure]
    seeds = rows_of(result, "mean", name)
    paper = rows_of(result, "paper").set_index(["name", "layer"])[measure]
    for row in losses.to_dict("records"):
        at, look = row["y"], LOOKS[row["loss"]]
        place = (row["name"], row["layer"])
        mean, low, high = (own[(*place, statistic)] for statistic in ("mean", "low", "high"))
        axis.plot([low, high], [at, at], color=look["color"], linewidth=1)
        axis.plot(mean, at, markersize=4, **look)
        each = seeds[(seeds.name == place[0]) & (seeds.layer == place[1])][measure]
        if len(each) > 1:
            axis.plot(each, np.full(len(each), at + BELOW), "|", color="0", markersize=3.5, markeredgewidth=0.8)
        if place in paper.index:
            axis.plot(paper[place], at, markersize=4, **(look | {"markerfacecolor": "white", "linestyle": "none"}))
        if np.isfinite(mean):
            text = axis.text(1.04, at, digits(measure, mean), transform=axis.get_yaxis_transform(), fontsize=7)
            text.set_verticalalignment("center_baseline")
    if not np.isfinite(own.to_numpy(float)).any():
        axis.text(0.5, 0.5, "not measured\nhere", transform=axis.transAxes, ha="center", va="center", fontsize=7)
    axis.grid(axis="x")
    axis.grid(False, axis="y")
    axis.tick_params(axis="y", length=0)


def caption(result: Result) -> str:
    """What the figure shows."""
    name = first_set(result)
    count = result.provenance["datasets"][name]["count"]
    psnr, lpips, niqe = NOISE
    protocol = result.provenance["protocols"]["authors"].partition(": ")[2]
    return (
        f"×4 super-resolution by distribution loss, and by the layer where it compares. Filled: ours on {name} "
        f"({count} images, authors' protocol: {protocol}). Hollow: the paper's Table 3, of networks that learned from "
        "other data. Perceptual only: no distribution loss. L1 model: what all runs begin with. Lines: 95% bootstrap "
        "intervals over images; they say nothing about another training. Strokes: seeds, where there are several. The "
        f"paper's Style and MSS may be two runs of one loss: they differ by up to {psnr:.2f} dB, {lpips:.3f} LPIPS, "
        f"{niqe:.2f} NIQE."
    )
