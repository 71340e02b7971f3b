"""Fig. 4: an image brought to the fingerprint of another, by its DSD and by a style pyramid."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result, checkpoints
from dsd.experiments.style import COLORS, draw_close_up
from dsd.losses import DSDPyramidLoss, StyleLoss
from dsd.losses.base import FeatureLoss
from dsd.optimize import optimize
from dsd.quality.statistics import gradient_energy, metric_q, noise_level

SHARPNESS = {"metric Q": metric_q, "noise level": noise_level, "gradient energy": gradient_energy}


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


def draw(result: Result) -> Figure:
    """Draw the images with a close-up of each, the losses on the way, and what is left of both in both results."""
    final = outcome(result.table)
    figure = plt.figure(figsize=(6.75, 5))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[2, 1])
    titles = {"content": "Content", "Style pyramid": "Style pyramid", "DSD": "DSD (α = 2)", "reference": "Reference"}
    measured = sharpness(result.images)
    relative = measured / measured.loc["content"]
    for (kind, title), (whole, close) in zip(titles.items(), upper.subplots(2, 4).T, strict=True):
        draw_close_up(whole, close, result.images[kind], result.parameters["zoom"])
        whole.set_title(title)
        close.set_xlabel(f"Q ×{relative['metric Q'][kind]:.2f}, noise ×{relative['noise level'][kind]:.1f}")
    left, right = lower.subplots(1, 2)
    colors = dict(zip(("DSD", "Style pyramid"), COLORS.values(), strict=False))
    for name, color in colors.items():
        own = (result.table.image == name) & (result.table.quantity == name)
        way = result.table[own].sort_values("step")
        left.semilogy(way.step, way.value / way.value.iloc[0], color=color, label=name)
    left.set_xlabel("Step")
    left.set_ylabel("Own loss (start = 1)")
    left.legend()
    for offset, (image, color) in zip((-0.2, 0.2), colors.items(), strict=True):
        remaining = [final[loss][image] / final[loss]["content"] for loss in colors]
        bars = right.bar(np.arange(2) + offset, remaining, 0.36, color=color, label=f"after {image}")
        right.bar_label(bars, fmt="%.2f", fontsize=7)
    right.set_xticks(range(2), [f"{loss} loss" for loss in colors])
    right.set_ylabel("Left (content = 1)")
    right.set_ylim(0, 1.5 * right.get_ylim()[1])
    right.legend()
    return figure
