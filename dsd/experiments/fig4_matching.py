"""Fig. 4: an image brought to the fingerprint of another, by its DSD and by a style pyramid."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result, checkpoints
from dsd.experiments.style import MEASURES, Width, draw_close_up, figure_width
from dsd.losses import DSDPyramidLoss, StyleLoss
from dsd.losses.base import FeatureLoss
from dsd.optimize import optimize
from dsd.quality.statistics import gradient_energy, metric_q, noise_level

SHARPNESS = {"metric Q": metric_q, "noise level": noise_level, "gradient energy": gradient_energy}
LOOKS = {
    "DSD": MEASURES["DSD_2"],
    "Style pyramid": MEASURES["Style"],
    "content": {"color": "0.4", "marker": "o", "markerfacecolor": "none"},
}
RESULT_HATCHES = {"DSD": "", "Style pyramid": "////"}


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    content: str,
    reference: str,
    layers: Sequence[str],
    alphas: Sequence[float],
    steps: int,
    learning_rate: float,
    halve_every: int,
    residual_std: float,
    resize: int | None,
    crop: int | None,
    zoom: Sequence[float],
    device: str,
    seed: int,
) -> Computed:
    """Bring the content to the reference's style pyramid, and to its DSD. Args: the parameters of the notebook.

    A run that was stopped goes on where it was.

    Returns:
        The table and images of :func:`match`, and the reference.
    """
    settings = dict(locals())
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    pair = Photographs.from_names([content, reference], resize=resize, crop=crop)
    x, y = (pair[k][None].to(network.device) for k in range(2))
    folder = checkpoints("fig4", settings, network)
    results, table = match(
        x,
        y,
        {"Style pyramid": StyleLoss(network, alphas), "DSD": DSDPyramidLoss(network, alphas)},
        checkpoints=folder,
        steps=steps,
        learning_rate=learning_rate,
        halve_every=halve_every,
        residual_std=residual_std,
        seed=seed,
    )
    images = {name: image[0].cpu() for name, image in {**results, "reference": y}.items()}
    return Computed(table, network, {"content and reference": pair}, images, checkpoints=folder)


def match(
    content: Tensor,
    reference: Tensor,
    losses: Mapping[str, FeatureLoss],
    *,
    checkpoints: Path | None = None,
    **options: Any,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """Optimise the pixels of an image towards another with each loss in turn, and judge each result with all losses.

    Args:
        content: where to start, float (1, 3, H, W) in [0, 1].
        reference: whose description is the target, float (1, 3, H', W') in [0, 1].
        losses: by name.
        checkpoints: folder of the optimisations' checkpoints, for this run alone; as for :func:`optimize`.
        options: of :func:`dsd.optimize.optimize`.

    Returns:
        The images, ``{"content": …, loss: result …}``, and a table with columns `image` (which), `step`, `quantity` and
        `value`: each loss on the way to its own result, and every loss at the ends.
    """
    targets = {name: loss.encode(reference) for name, loss in losses.items()}
    images, rows = {"content": content}, []
    for name, loss in losses.items():
        checkpoint = checkpoints / f"{name}.pt" if checkpoints else None
        path = optimize(
            content,
            lambda x, name=name, loss=loss: loss(x, targets[name]),  # type: ignore[misc]
            description=name,
            checkpoint=checkpoint,
            **options,
        )
        images[name] = path.image
        rows += [(name, step, name, value) for step, value in enumerate(path.losses[:-1])]
    for image, x in images.items():
        step = 0 if image == "content" else options["steps"]
        with torch.no_grad():
            rows += [(image, step, name, loss(x, targets[name]).item()) for name, loss in losses.items()]
    return images, pd.DataFrame(rows, columns=["image", "step", "quantity", "value"])


def outcome(table: pd.DataFrame) -> pd.DataFrame:
    """What :func:`match` ended with: images × losses; the content as it is."""
    return table.sort_values("step", kind="stable").groupby(["image", "quantity"]).value.last().unstack()


def sharpness(images: Mapping[str, Tensor]) -> pd.DataFrame:
    """How sharp pictures are: images × {metric Q, noise level, gradient energy}, see :mod:`dsd.quality.statistics`.

    Args:
        images: by name, each float (3, H, W) in [0, 1].

    Example:
        >>> sharpness({"flat": torch.full((3, 16, 16), 0.5)})
              metric Q  noise level  gradient energy
        flat       0.0          0.0              0.0
    """
    rows = {name: {what: of(x[None]).item() for what, of in SHARPNESS.items()} for name, x in images.items()}
    return pd.DataFrame.from_dict(rows, orient="index")


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw the images with a close-up of each, both losses on the way and in the end, and how sharp the results are.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    page = width == "page"
    figure = plt.figure(figsize=(figure_width(width), 4.8 if page else 6.2))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[2.9, 1.9] if page else [1.8, 4.4])
    titles = {"content": "Content", "Style pyramid": "Style pyramid", "DSD": "DSD", "reference": "Reference"}
    for (kind, title), (whole, close) in zip(titles.items(), upper.subplots(2, 4).T, strict=True):
        draw_close_up(whole, close, result.images[kind], result.parameters["zoom"])
        whole.set_title(title)
    way, left, sharp = lower.subplots(*((1, 3) if page else (3, 1)))
    _draw_way(way, result.table)
    _draw_left(left, outcome(result.table))
    _draw_sharpness(sharp, sharpness(result.images))
    lower.legend(*sharp.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def caption(result: Result) -> str:
    """What the figure shows."""
    measured = sharpness(result.images)
    ratio = measured.loc["DSD"] / measured.loc["Style pyramid"]
    return (
        "A content image is changed until it has the style pyramid of a reference, or its DSD "
        f"({result.parameters['steps']} steps, one pair of photographs); below each image, the framed part. (a) Own "
        "loss: each loss on the way to its own result, on a log scale; 1 is the start. (b) Both losses at the end, of "
        "both results; 1 is the content. (c) Detail or noise, on a log scale; 1 is the reference. Zhu and Milanfar's "
        "$Q$ measures edges and lines without noise, gradient energy measures both. The DSD result has "
        f"{ratio['metric Q']:.2f} times the $Q$, {ratio['noise level']:.2f} times the noise level and "
        f"{ratio['gradient energy']:.2f} times the gradient energy of the style pyramid's."
    )


def _draw_way(axis: Axes, table: pd.DataFrame) -> None:
    for name in RESULT_HATCHES:
        way = table[(table.image == name) & (table.quantity == name)].sort_values("step")
        marked = (len(way) // 6, len(way) // 3 + 1)
        axis.semilogy(way.step, way.value / way.value.iloc[0], markevery=marked, markersize=4, **LOOKS[name])
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.set(xlabel="Step", ylabel="Start = 1, log scale")
    axis.set_title("(a) Own loss", loc="left")


def _draw_left(axis: Axes, final: pd.DataFrame) -> None:
    for offset, (image, hatch) in zip((-0.2, 0.2), RESULT_HATCHES.items(), strict=True):
        left = [final[loss][image] / final[loss]["content"] for loss in RESULT_HATCHES]
        bars = axis.bar(np.arange(2) + offset, left, 0.36, color=LOOKS[image]["color"], hatch=hatch)
        axis.bar_label(bars, fmt="%.2f", fontsize=7)
    axis.set_xticks(range(2), [f"{loss}\nloss" for loss in RESULT_HATCHES])
    axis.margins(y=0.15)
    axis.set_ylabel("Content = 1")
    axis.set_title("(b) Both losses at the end", loc="left")


def _draw_sharpness(axis: Axes, measured: pd.DataFrame) -> None:
    for image, look in LOOKS.items():
        relative = measured.loc[image, list(SHARPNESS)] / measured.loc["reference", list(SHARPNESS)]
        label = image[0].upper() + image[1:]
        axis.semilogx(relative, range(3), base=2, linestyle="", markersize=5, label=label, **look)
    axis.axvline(1, color="0.1", linestyle="--", linewidth=0.8)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.set_yticks(range(3), ["$Q$", "Noise\nlevel", "Gradient\nenergy"])
    axis.set_ylim(2.6, -0.6)
    axis.margins(x=0.1)
    axis.set_xlabel("Reference = 1, log scale")
    axis.set_title("(c) Detail or noise?", loc="left")
