"""Fig. 6: an image changed until its own ‖DSD‖ is small."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from dsd import paper
from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result, checkpoints
from dsd.experiments.style import COLORS, draw_close_up
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


def draw(result: Result) -> Figure:
    """Draw the image on its way, with a close-up of each, and ‖DSD‖ over the steps."""
    done = result.parameters
    values = shown_norms(result)
    name = rf"$\Vert$DSD$_{{{done['alpha']:g}}}\Vert_1$"
    figure = plt.figure(figsize=(6.75, 5))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[2, 1])
    titles = {"step 0": "Start: ESRGAN's output" if done["original"] else "Start", "original": "Ground truth"}
    for (whole, close), (kind, value) in zip(upper.subplots(2, len(values)).T, values.items(), strict=True):
        draw_close_up(whole, close, result.images[kind], done["zoom"])
        whole.set_title(titles.get(kind, kind.replace("step", "After") + " steps"))
        whole.set_xlabel(rf"{name} = {1e3 * value:.2f} $\times 10^{{-3}}$")
    axis = lower.subplots()
    way = result.table[result.table.image == "optimised"].set_index("step").norm
    shown = [0, *done["steps"]]
    axis.loglog(way.index + 1, way / way[0], color=COLORS["Random"], label="here")
    axis.plot([step + 1 for step in shown], [way[step] / way[0] for step in shown], "o", color=COLORS["Random"])
    if "original" in values:
        axis.axhline(values["original"] / way[0], color=COLORS["Self"], linestyle="--", label="ground truth")
    if done["preset"] != "quick":
        printed = [(step + 1, value / paper.FIG6_VALUES[0]) for step, value in paper.FIG6_VALUES.items()]
        axis.plot(*zip(*printed, strict=True), "s", color=COLORS["Same class"], label="paper, its own image")
    axis.set_xlabel("Step + 1")
    axis.set_ylabel(f"{name}, start = 1")
    ticks = [1, 0.5, 0.2, 0.1]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.legend(loc="lower left")
    return figure
