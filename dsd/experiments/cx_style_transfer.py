"""What cx-style does: pairs of photographs, losses, and pixels that take a style by each method."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dsd.backbones.base import Backbone
from dsd.data.views import Photographs
from dsd.losses import ContextualLoss, DSDLoss, LossSum, PerceptualLoss, StyleLoss
from dsd.losses.base import FeatureLoss
from dsd.optimize import optimize

METHODS = {  # its loss to the style, its loss to the content
    "CX": ("CX to style", "CX to content"),
    "Gatys": ("Gram to style", "Squared to content"),
    "DSD": ("DSD to style", "Squared to content"),
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
