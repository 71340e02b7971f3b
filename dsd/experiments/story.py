"""What a notebook shows before its figure: the images that go in, and one of them on its way to DSD."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from dsd.backbones.base import Backbone
from dsd.descriptor import gram_matrices
from dsd.experiments.style import pretty
from dsd.gram import Normalize, l1_norm
from dsd.resize import downscale


def show_images(images: Mapping[str, Sequence[Tensor]]) -> Figure:
    """Draw sets of images, a row each.

    Args:
        images: by name, float (3, H, W) in [0, 1].

    Returns:
        The figure, 5.5 in wide.
    """
    columns = max(map(len, images.values()))
    height = len(images) * (min(5.5 / columns, 1.8) + 0.2)
    figure, axes = plt.subplots(len(images), columns, figsize=(5.5, height), squeeze=False)
    for row, (name, of_set) in zip(axes, images.items(), strict=True):
        row[0].set_title(name, loc="left").set_in_layout(False)
        for axis in row:
            axis.set_axis_off()
        for axis, image in zip(row, of_set, strict=False):
            _show(axis, image)
    return figure


@torch.inference_mode()
def follow(
    image: Tensor,
    network: Backbone,
    layer: str,
    alpha: float,
    *,
    normalize: Normalize = "chw",
    channels: int = 48,
) -> Figure:
    """Draw an image on its way: x and x↓alpha, their Gram matrices, and the difference of these, which is DSD.

    Args:
        image: x, float (3, H, W) in [0, 1].
        network: the backbone.
        layer: one of its layers.
        alpha: the scaling factor.
        normalize: as for :func:`dsd.gram_matrix`.
        channels: so many are drawn: the most active ones, in the network's order.

    Returns:
        The figure, 5.5 in wide: two images, and three matrices with their colour bars. Below them, the layer's
            10³ ‖DSD‖₁.
    """
    x = image[None].to(network.device)
    grams = gram_matrices(x, network, (1, alpha), normalize)
    full, small = grams[layer, 1][0].cpu(), grams[layer, alpha][0].cpu()
    shown = most_active_channels(torch.stack([full, small]), channels)
    matrices = {
        "$G(x)$": full,
        rf"$G(x{{\downarrow}}_{{{alpha:g}}})$": small,
        rf"DSD$_{{{alpha:g}}}(x)$": full - small,
    }
    figure, axes = plt.subplots(1, 5, figsize=(5.5, 1.75))
    _show(axes[0], image)
    axes[0].set_title("$x$")
    canvas = torch.ones_like(image)  # the small copy at its own size
    copy = downscale(x, alpha)[0].clamp(0, 1).cpu()
    canvas[:, : copy.shape[1], : copy.shape[2]] = copy
    _show(axes[1], canvas)
    axes[1].set_title(rf"$x{{\downarrow}}_{{{alpha:g}}}$")
    # 2 % of the entries, the largest, exceed a colour scale: with them the others would have no contrast.
    largest = float(torch.stack([full, small])[:, shown][:, :, shown].quantile(0.98))
    for axis, (name, matrix) in zip(axes[2:], matrices.items(), strict=True):
        difference = name.startswith("DSD")
        values = matrix[shown][:, shown]
        limit = float(values.abs().quantile(0.98)) if difference else largest
        colors = {"cmap": "RdBu_r", "vmin": -limit} if difference else {"cmap": "viridis", "vmin": 0}
        picture = axis.imshow(values.numpy(), vmax=limit, interpolation="nearest", **colors)
        axis.set_title(name)
        axis.set_axis_off()
        bar = figure.colorbar(picture, ax=axis, orientation="horizontal", extend="both" if difference else "max")
        bar.set_ticks(
            ticks := [-limit, 0, limit] if difference else [0, limit], labels=[f"{tick:.1g}" for tick in ticks]
        )
    norm = f"10³ ‖DSD‖₁ = {1e3 * l1_norm((full - small)[None]).item():.3g}"
    figure.supxlabel(f"{pretty(layer)}: {len(shown)} of {len(full)} channels shown; {norm} over all", fontsize=7)
    return figure


def most_active_channels(grams: Tensor, count: int) -> Tensor:
    """Indices, in the network's order, of the channels with the largest energy: the diagonal entries, over all images.

    Example:
        >>> most_active_channels(torch.diag(torch.tensor([1.0, 5.0, 2.0, 3.0]))[None], 2)
        tensor([1, 3])
    """
    return grams.diagonal(dim1=1, dim2=2).sum(dim=0).topk(min(count, grams.shape[1])).indices.sort().values


def _show(axis: Axes, image: Tensor) -> None:
    axis.imshow(image.permute(1, 2, 0).numpy())
    axis.set_axis_off()
