"""Style transfer between photographs of the same kind, by pixels: the contextual loss, Gatys' style, DSD."""

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

from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.data.views import Photographs
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Computed, Result, checkpoints
from dsd.experiments.restorations import LOOKS
from dsd.experiments.style import MEASURES, Width, draw_image, figure_width, pretty
from dsd.losses import ContextualLoss, DSDLoss, LossSum, PerceptualLoss, StyleLoss
from dsd.losses.base import FeatureLoss
from dsd.optimize import optimize
from dsd.quality.means import over_images

METHODS = {  # its loss to the style, its loss to the content
    "CX": ("CX to style", "CX to content"),
    "Gatys": ("Gram to style", "Squared to content"),
    "DSD": ("DSD to style", "Squared to content"),
}
JUDGES = {  # by which all results are measured: what they are called in the figure
    "CX to style": "CX",
    "Gram to style": "Gram",
    "DSD to style": "DSD",
    "CX to content": "CX",
    "Perceptual to content": "Perceptual",
}
METHOD_LOOKS: dict[str, dict[str, Any]] = {
    "CX": LOOKS["cx"],
    "Gatys": MEASURES["Style"],
    "DSD": MEASURES["DSD_2"],
}


class SquaredContentLoss(PerceptualLoss):
    """Mean (φ(x) − φ(y))², summed over layers. Images of equal size.

    Reference:
        Gatys et al., "Image style transfer using convolutional neural networks", CVPR 2016.

    Example:
        >>> loss = SquaredContentLoss("lite", layer_weights={"relu2_1": 1})
        >>> loss(x := torch.rand(1, 3, 16, 16), x).item()
        0.0
    """

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Mean (a − b)² over channels and positions, (N,)."""
        return (a - b).float().square().mean(dim=(1, 2, 3))


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    pairs: Sequence[Sequence[str]],
    images: str,
    count: int,
    cx_layers: Sequence[str],
    style_layers: Sequence[str],
    content_layer: str,
    style_bandwidth: float,
    content_bandwidth: float,
    content_weight: float,
    alpha: float,
    size: int,
    steps: int,
    learning_rate: float,
    halve_every: int,
    shown: int,
    device: str,
    seed: int,
) -> Computed:
    """Give each content image the style of another one, by each of `METHODS`. Args: the parameters of the notebook.

    A run that was stopped goes on where it was.

    Returns:
        The rows of :func:`transfer` for each `pair`, and the images of those that are shown: "0 content", "0 CX", ….

    Raises:
        ValueError: no pairs, or one that is not of two images; fewer classes than pairs that are asked for.
    """
    settings = dict(locals())
    layers = sorted({*cx_layers, *style_layers, content_layer})
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    losses = make_losses(network, cx_layers, style_layers, content_layer, (style_bandwidth, content_bandwidth), alpha)
    sets = load_pairs(pairs, images, count=count, size=size, seed=seed)
    folder = checkpoints("cx-style", settings, network)
    tables: list[pd.DataFrame] = []
    pictures: dict[str, Tensor] = {}
    each = [(photographs, 2 * k) for photographs in sets.values() for k in range(len(photographs) // 2)]
    for number, (photographs, first) in enumerate(each):
        content, style = (photographs[first + k][None].to(network.device) for k in range(2))
        name = " ← ".join(photographs.views[first + k].path.stem for k in range(2))
        results, table = transfer(
            content,
            style,
            losses,
            content_weight=content_weight,
            checkpoints=folder / str(number),
            steps=steps,
            learning_rate=learning_rate,
            halve_every=halve_every,
            seed=seed,
        )
        tables.append(table.assign(pair=name))
        if number < shown:
            pictures |= {f"{number} {kind}": x[0].cpu() for kind, x in results.items()}
    return Computed(pd.concat(tables, ignore_index=True), network, sets, pictures, checkpoints=folder)


def load_pairs(
    pairs: Sequence[Sequence[str]], images: str, *, count: int, size: int, seed: int
) -> dict[str, Photographs]:
    """Squares of photographs, content and style in turn.

    Args:
        pairs: names of content and style, each as for :meth:`Photographs.from_names`.
        images: a folder of class folders, from which come pairs of one class, of each class one; "" for none.
        count: so many pairs of it.
        size: side of the squares, to which the short side is brought first.
        seed: of the choice.

    Raises:
        ValueError: no pairs, one that is not of two images, or fewer classes.
    """
    sets = {}
    for pair in pairs:
        if len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"a pair must be the names of two images, content and style; got {pair!r}")
    if pairs:
        names = [name for pair in pairs for name in pair]
        sets["pairs"] = Photographs.from_names(names, resize=size, crop=size)
        sets["pairs"].name = " and ".join(dict.fromkeys(view.path.name for view in sets["pairs"].views))
    if images:
        every = Photographs.from_folder(images, resize=size, crop=size, seed=seed)
        of_class = {every.views[a].group: (a, b) for a, b in every.pairs(same_group=True)}
        if not 0 < count <= len(of_class):
            raise ValueError(f"{images} has pairs of {len(of_class)} classes, {count} are asked for")
        views = [every.views[k] for group in sorted(of_class)[:count] for k in of_class[group]]
        sets["classes"] = Photographs(views, every.name, grouping=every.grouping, resize=size, crop=size)
    if not sets:
        raise ValueError("there must be pairs: names of two images each, or a folder of class folders; got neither")
    return sets


def make_losses(
    network: Backbone,
    cx_layers: Sequence[str],
    style_layers: Sequence[str],
    content_layer: str,
    bandwidths: tuple[float, float],
    alpha: float,
) -> dict[str, FeatureLoss]:
    """All that methods make small and results are judged by; `bandwidths`: h of CX to the style and to the content."""
    of_cx, of_style, of_content = (dict.fromkeys(at, 1.0) for at in (cx_layers, style_layers, [content_layer]))
    return {
        "CX to style": ContextualLoss(network, bandwidths[0], layer_weights=of_cx),
        "Gram to style": StyleLoss(network, layer_weights=of_style),
        "DSD to style": DSDLoss(network, (alpha,), layer_weights=of_style),
        "CX to content": ContextualLoss(network, bandwidths[1], layer_weights=of_content),
        "Perceptual to content": PerceptualLoss(network, layer_weights=of_content),
        "Squared to content": SquaredContentLoss(network, layer_weights=of_content),
    }


def transfer(
    content: Tensor,
    style: Tensor,
    losses: Mapping[str, FeatureLoss],
    *,
    content_weight: float,
    checkpoints: Path | None = None,
    **options: Any,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """Change the pixels of an image by each method, and judge every image by all losses.

    A loss counts relative to what it is between the two images: to the style, as the content is, it begins with 1; to
    the content, `content_weight` is what the style image itself would cost. So one weight serves all methods.

    Args:
        content: where to start, float (1, 3, H, W) in [0, 1].
        style: float (1, 3, H, W) in [0, 1].
        losses: of :func:`make_losses`.
        content_weight: of the loss to the content.
        checkpoints: folder of the optimisations' checkpoints, for this pair alone; None: they are not kept.
        options: of :func:`dsd.optimize.optimize`.

    Returns:
        The images, ``{"content": …, "style": …, method: result …}``, and `image`, `loss`, `value`.
    """
    judges = LossSum({name: (1, loss) for name, loss in losses.items()})
    images = {"content": content, "style": style}
    with torch.no_grad():
        encoded = {side: judges.encode(x) for side, x in images.items()}
        targets = {name: encoded[name.rpartition(" ")[2]][name] for name in losses}
        apart = {side: judges(x, targets)[1] for side, x in images.items()}
    for method, (to_style, to_content) in METHODS.items():
        weights = {
            to_style: 1 / apart["content"][to_style].item(),
            to_content: content_weight / apart["style"][to_content].item(),
        }
        total = LossSum({name: (weight, losses[name]) for name, weight in weights.items()})
        aims = {name: targets[name] for name in weights}
        checkpoint = checkpoints / f"{method}.pt" if checkpoints else None
        images[method] = optimize(
            content,
            lambda x, total=total, aims=aims: total(x, aims)[0],  # type: ignore[misc]
            description=method,
            checkpoint=checkpoint,
            **options,
        ).image
    rows = []
    for image, x in images.items():
        with torch.no_grad():
            rows += [(image, name, value.item()) for name, value in judges(x, targets)[1].items()]
    return images, pd.DataFrame(rows, columns=["image", "loss", "value"])


def outcome(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """How near results are to style and content, as means over pairs.

    Args:
        table: `pair`, `image`, `loss`, `value`.
        seed: of the bootstrap.

    Returns:
        `method`, `loss`, `mean`, `low`, `high`: the loss to the style divided by the content image's, that to the
        content divided by the style image's; the 95 % bootstrap interval over pairs, NaN for one pair.
    """
    values = table.pivot(index="pair", columns=["image", "loss"], values="value")
    rows = []
    for method in METHODS:
        start = {name: "style" if name.endswith("content") else "content" for name in JUDGES}
        relative = pd.DataFrame({name: values[method, name] / values[start[name], name] for name in JUDGES})
        summary = over_images(relative, seed).T
        rows += [{"method": method, "loss": name, **summary.loc[name].to_dict()} for name in JUDGES]
    return pd.DataFrame(rows)


def told(result: Result) -> pd.DataFrame:
    """:func:`outcome` as text: losses × methods."""
    rows = outcome(result.table, result.parameters["seed"])
    numbers = rows[["mean", "low", "high"]].to_numpy(float)
    text = [with_interval(*row) for row in numbers]
    return rows.assign(text=text).pivot(index="loss", columns="method", values="text").loc[list(JUDGES), list(METHODS)]


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw pairs with the result of each method, and how near results are to style and content.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    kinds = {"content": "Content", "style": "Style", "CX": "CX", "Gatys": "Gatys", "DSD": "DSD"}
    shown = len(result.images) // len(kinds)
    wide = figure_width(width)
    pictures = shown * wide / len(kinds) + 0.45
    figure = plt.figure(figsize=(wide, pictures + 2.3))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[pictures, 2.3])
    grid = upper.subplots(shown, len(kinds), squeeze=False)
    for number, row in enumerate(grid):
        for axis, kind in zip(row, kinds, strict=True):
            draw_image(axis, result.images[f"{number} {kind}"])
    for axis, title in zip(grid[0], kinds.values(), strict=True):
        axis.set_title(title)
    rows = outcome(result.table, result.parameters["seed"])
    left, right = lower.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": [3, 2]})
    _draw_outcome(left, rows, "style", "Content image = 1")
    _draw_outcome(right, rows, "content", "Style image = 1")
    left.set_title("(a) Distance to the style", loc="left")
    right.set_title("(b) To the content", loc="left")
    lower.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def _draw_outcome(axis: Axes, rows: pd.DataFrame, side: str, label: str) -> None:
    """A group for each loss, in it a mark with its interval for each method."""
    losses = [name for name in JUDGES if name.endswith(side)]
    for offset, (method, look) in zip((-0.2, 0, 0.2), METHOD_LOOKS.items(), strict=True):
        own = rows[rows.method == method].set_index("loss").loc[losses]
        x = np.arange(len(losses)) + offset
        axis.vlines(x, own.low, own.high, color=look["color"], linewidth=0.8)
        axis.plot(x, own["mean"], linestyle="", markersize=4, label=method, **look)
    axis.axhline(1, color="0.1", linestyle="--", linewidth=0.8)
    axis.set_xticks(range(len(losses)), [JUDGES[name] for name in losses])
    axis.set_xlim(-0.5, len(losses) - 0.5)
    axis.set_ylim(bottom=-0.05)
    axis.set_ylabel(label)


def caption(result: Result) -> str:
    """What the figure shows."""
    done = result.parameters
    count = result.table.pair.nunique()
    cx, style = (", ".join(map(pretty, done[name])) for name in ("cx_layers", "style_layers"))
    return (
        f"A content image gets the style of another one of its kind, by {done['steps']} steps on its pixels. CX: "
        f"contextual loss to the style ({cx}; $h$ = {done['style_bandwidth']:g}) and to the content "
        f"({pretty(done['content_layer'])}; $h$ = {done['content_bandwidth']:g}). Gatys: Gram matrices of the style "
        f"({style}; mean absolute difference) and squared difference to the content. DSD: as Gatys, with DSD in place "
        "of Gram matrices. (a) "
        "Distances of results to the style image, as shares of the content image's. (b) To the content image, as "
        f"shares of the style image's. Mean over {count} pair{'s' * (count > 1)}"
        + ("; lines are 95% bootstrap intervals." if count > 1 else ".")
        + " Each method is judged by its own distance, too."
    )
