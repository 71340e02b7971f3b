"""Fig. 6: an image changed until its own ‖DSD‖ is small."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from dsd import paper
from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result, checkpoints
from dsd.experiments.style import MEASURES, Width, draw_close_up, figure_width, pretty
from dsd.optimize import Optimizer, optimize
from dsd.quality.norms import summed_norm


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    image: str,
    original: str,
    layers: Sequence[str],
    alpha: float,
    steps: Sequence[int],
    optimizer: Optimizer,
    learning_rate: float,
    halve_every: int,
    residual_std: float,
    resize: int | None,
    crop: int | None,
    position: tuple[float, float],
    zoom: Sequence[float],
    device: str,
    seed: int,
) -> Computed:
    """Minimise ‖DSD_α(x)‖₁ over the pixels of an image. Args: the parameters of the notebook.

    A run that was stopped goes on where it was.

    Returns:
        A table with columns `image` ("optimised", "original"), `step` and `norm`; images "step 0" …, "original".
    """
    settings = dict(locals())
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    names = [image, original] if original else [image]
    photographs = Photographs.from_names(names, resize=resize, crop=crop, position=position)
    folder = checkpoints("fig6", settings, network)
    shown = [0, *steps]
    path = optimize(
        photographs[0][None].to(network.device),
        lambda x: summed_norm(x, network, alpha),
        steps=steps[-1],
        learning_rate=learning_rate,
        optimizer=optimizer,
        halve_every=halve_every,
        residual_std=residual_std,
        snapshots=shown,
        seed=seed,
        description="‖DSD‖",
        checkpoint=folder / "checkpoint.pt",
    )
    table = pd.DataFrame({"image": "optimised", "step": range(steps[-1] + 1), "norm": path.losses})
    images = {f"step {step}": path.snapshots[step][0].cpu() for step in shown}
    if original:
        images["original"] = photographs[1]
        truth = summed_norm(photographs[1][None].to(network.device), network, alpha)
        table.loc[len(table)] = ("original", 0, truth.item())
    return Computed(table, network, {"image": photographs}, images, checkpoints=folder)


def shown_norms(result: Result) -> Mapping[str, float]:
    """‖DSD‖ of each image that is shown, by its name."""
    table = result.table
    way = table[table.image == "optimised"].set_index("step").norm
    values = {f"step {step}": float(way[step]) for step in (0, *result.parameters["steps"])}
    truth = table[table.image == "original"]
    return values | ({"original": float(truth.norm.iloc[0])} if len(truth) else {})


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw the image on its way, with a close-up of each, and ‖DSD‖ over the steps.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    done, values, page = result.parameters, shown_norms(result), width == "page"
    name = rf"$\Vert$DSD$_{{{done['alpha']:g}}}\Vert_1$"
    figure = plt.figure(figsize=(figure_width(width), 4.8 if page else 4.3))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[3, 1.8] if page else [2.2, 2])
    titles = {"step 0": "ESRGAN" if done["original"] else "Start", "original": "Ground truth"}
    for (whole, close), (kind, value) in zip(upper.subplots(2, len(values)).T, values.items(), strict=True):
        draw_close_up(whole, close, result.images[kind], done["zoom"])
        whole.set_title(titles.get(kind, kind.removeprefix("step ") + " steps"))
        close.set_xlabel(rf"{name} ={' ' if page else chr(10)}{1e3 * value:.3g} $\times 10^{{-3}}$", fontsize=7)
    axis = lower.subplots()
    _draw_way(axis, result)
    axis.set_ylabel(rf"{name} $\times 10^3$")
    return figure


def caption(result: Result) -> str:
    """What the figure shows."""
    done = result.parameters
    values = {name: f"{1e3 * value:.3g}" for name, value in shown_norms(result).items()}
    norm, last = rf"$10^3\,\lVert\mathrm{{DSD}}_{{{done['alpha']:g}}}\rVert_1$", done["steps"][-1]
    return (
        f"The pixels of one image, changed to make its {norm} at {', '.join(map(pretty, done['layers']))} small "
        f"({done['optimizer']}): from {values['step 0']} to {values[f'step {last}']} after {last} steps. "
        "Below each image, the framed part."
        + (f" The ground truth has {values['original']}." if "original" in values else "")
        + (" Squares are what the paper prints for an image of its own." if done["preset"] != "quick" else "")
    )


def _draw_way(axis: Axes, result: Result) -> None:
    """10³ ‖DSD‖ over the steps, here and in the paper."""
    shown = [0, *result.parameters["steps"]]
    way = 1e3 * result.table[result.table.image == "optimised"].set_index("step").norm
    axis.plot(way.index, way, markersize=5, markevery=shown, label="here", zorder=3, **MEASURES["DSD_4"])
    labelled = way[shown]
    if result.parameters["preset"] != "quick":
        printed = 1e3 * pd.Series(paper.FIG6_VALUES)
        axis.plot(printed.index, printed, "s:", color="0.3", markerfacecolor="white", label="paper, its own image")
        labelled = pd.concat([labelled, printed])
    for point in labelled.items():
        axis.annotate(f"{point[1]:.3g}", point, (4, 5), textcoords="offset points", ha="center", fontsize=7)
    if truth := shown_norms(result).get("original"):
        axis.axhline(1e3 * truth, color="0.3", linestyle="--", linewidth=0.8, label=f"ground truth, {1e3 * truth:.3g}")
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xlim(-0.3, 2 * shown[-1])
    axis.set_yscale("log")
    axis.set_ylim(0.6 * labelled.min(), 1.7 * labelled.max())
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for scale in (axis.xaxis, axis.yaxis):
        scale.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.set_xlabel("Step")
    axis.legend(loc="lower left")
