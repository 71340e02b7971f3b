"""Fig. 5: how style, multi-scale style and DSD losses compare two images, drawn with the images' own Gram matrices."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.images import embedded_photographs, find_image
from dsd.data.views import Photographs, View
from dsd.descriptor import gram_matrices
from dsd.experiments.provenance import Computed, Result, check_data
from dsd.experiments.style import COLORS, pretty
from dsd.losses import DSDLoss, MultiScaleStyleLoss, StyleLoss
from dsd.paths import data_root

COMPARE = COLORS["Same class"]  # between the two images
SUBTRACT = COLORS["Self"]  # between the scales of one image

# In inches: the drawing, a panel, and what stands in it; a panel's centre to the centre of a matrix, of a thumbnail.
WIDTH, HEIGHT, PANEL = 6.8, 3.14, 2.27
MATRIX, THUMBNAIL, LABEL = 0.5, 0.38, 0.36
NEAR, FAR = 0.35, 0.885
FULL, HALF, DIFFERENCE = 2.43, 1.62, 0.81  # heights of rows: centres of the matrices at both scales, of DSD matrices
SMALL = 6.5  # points


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    images: str,
    distorted: str,
    noise: float,
    layer: str,
    alpha: float,
    channels: int,
    resize: int | None,
    crop: int,
    device: str,
    seed: int,
) -> Computed:
    """Compare two images by three losses. Args: the parameters of the notebook.

    Returns:
        `quantity` ("loss", or "gram": an entry of a Gram matrix), `name` (of the loss or the image), `value`, `row` and
        `column` (channels of the network).
    """
    x, y, photographs = load_pair(images=images, distorted=distorted, resize=resize, crop=crop, noise=noise, seed=seed)
    network = load_backbone(backbone, [layer], weights, precision=precision, device=device)
    pair = torch.stack([x, y]).to(network.device)
    scales = gram_matrices(pair, network, (1, alpha))
    grams = {
        f"{image}{arrow}": scales[layer, scale][index]
        for index, image in enumerate("xy")
        for arrow, scale in (("", 1), ("↓", alpha))
    }
    shown = most_active_channels(torch.stack([*grams.values()]), channels).cpu()
    losses = {
        "style": StyleLoss(network),
        "style↓": StyleLoss(network, (alpha,)),
        "mss": MultiScaleStyleLoss(network, (1, alpha)),
        "dsd": DSDLoss(network, (alpha,)),
    }
    values = {name: loss(*pair[:, None]).item() for name, loss in losses.items()}
    rows: list[tuple] = [("loss", name, value, None, None) for name, value in values.items()]
    for name, g in grams.items():
        for row, entries in zip(shown.tolist(), g.cpu()[shown][:, shown].tolist(), strict=True):
            rows += [("gram", name, value, row, column) for column, value in zip(shown.tolist(), entries, strict=True)]
    table = pd.DataFrame(rows, columns=["quantity", "name", "value", "row", "column"])
    table = table.astype({"row": "Int64", "column": "Int64"})
    return Computed(table, network, {"images": photographs})


def draw(result: Result) -> Figure:
    """Draw the three losses side by side, with the images' own Gram matrices.

    Raises:
        ValueError: the images are not those that were compared.
    """
    done, table = result.parameters, result.table
    x, y, photographs = load_pair(**done)
    check_data(result.provenance, {"images": photographs})
    entries = dict([*table[table.quantity == "gram"].groupby("name")])
    losses = table[table.quantity == "loss"].set_index("name").value
    return draw_losses(
        x.permute(1, 2, 0).numpy(),
        y.permute(1, 2, 0).numpy(),
        {str(name): g.pivot(index="row", columns="column", values="value").to_numpy() for name, g in entries.items()},
        {str(name): value for name, value in losses.items()},
        layer=done["layer"],
        alpha=done["alpha"],
    )


def load_pair(
    *, images: str, distorted: str, resize: int | None, crop: int, noise: float, seed: int, **_: Any
) -> tuple[Tensor, Tensor, Photographs]:
    """Load a reference image and a distorted one. Further parameters are passed over.

    Args:
        images: the reference: a file (a path, or relative to the data root), a folder to draw one from, or
            ``"embedded"`` for scikit-image's astronaut.
        distorted: its distorted copy, a file; or ``"noise"`` to add white Gaussian noise to the reference.
        resize: as for :class:`dsd.data.views.Photographs`.
        crop: as for :class:`dsd.data.views.Photographs`.
        noise: standard deviation, where it is added.
        seed: of the noise, and of the draw from a folder.

    Returns:
        The two, float (3, crop, crop) in [0, 1], and what was read from files.

    Raises:
        FileNotFoundError: there is no such file or folder.
    """

    if images == "embedded":
        reference = embedded_photographs()[0]
    elif any(place.is_dir() for place in (Path(images), data_root() / images)):
        reference = Photographs.from_folder(images, count=1, seed=seed).views[0].path
    else:
        reference = find_image(images)
    files = [reference] if distorted == "noise" else [reference, find_image(distorted)]
    views = [View(path, reference.name) for path in files]
    names = [f"{path.parent.name}/{path.name}" for path in files]
    name = "scikit-image's astronaut" if images == "embedded" else " and ".join(names)
    photographs = Photographs(views, name, resize=resize, crop=crop)
    x = photographs[0]
    if distorted == "noise":
        y = x + noise * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
        return x, y.clamp(0, 1), photographs
    return x, photographs[1], photographs


def most_active_channels(grams: Tensor, count: int) -> Tensor:
    """Indices, in the network's order, of the channels with the largest energy: the diagonal entries, over all images.

    Example:
        >>> most_active_channels(torch.diag(torch.tensor([1.0, 5.0, 2.0, 3.0]))[None], 2)
        tensor([1, 3])
    """
    return grams.diagonal(dim1=1, dim2=2).sum(dim=0).topk(min(count, grams.shape[1])).indices.sort().values


def draw_losses(
    x: np.ndarray,
    y: np.ndarray,
    grams: Mapping[str, np.ndarray],
    losses: Mapping[str, float],
    *,
    layer: str,
    alpha: float = 2,
) -> Figure:
    """Draw the three losses side by side.

    Args:
        x: the reference, (H, W, 3) in [0, 1].
        y: the distorted image, the same.
        grams: Gram matrices of ``x``, ``x↓``, ``y``, ``y↓``: the entries to show.
        losses: ``style``, ``style↓`` (of the downscaled images), ``mss``, ``dsd``.
        layer: that the matrices are of.
        alpha: downscaling factor.

    Returns:
        A figure as wide as a page.
    """
    down, dsd = rf"\mathrm{{↓}}_{{{alpha:g}}}", rf"\mathrm{{DSD}}_{{{alpha:g}}}"
    dissimilarities = {image: grams[image] - grams[f"{image}↓"] for image in "xy"}
    # The few largest entries, those of the diagonal, would leave the others without contrast.
    largest = float(np.quantile([*grams.values()], 0.98))
    strongest = float(np.quantile(np.abs([*dissimilarities.values()]), 0.98))
    gram_colors = ScalarMappable(Normalize(0, largest), "viridis")
    dsd_colors = ScalarMappable(Normalize(-strongest, strongest), "RdBu_r")

    figure = plt.figure(figsize=(WIDTH, HEIGHT + 0.14), layout="constrained")
    axes = figure.add_subplot(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="equal")
    axes.set_axis_off()
    middle = [WIDTH / 2 + step * PANEL for step in (-1, 0, 1)]

    def draw_scales(centre: float, scales: int) -> None:
        """Both images and, on the inner side, their Gram matrices, at full scale and below it at half."""
        for image, pixels, side in (("x", x, -1), ("y", y, 1)):
            for key, name, row, factor in ((image, image, FULL, 1), (f"{image}↓", image + down, HALF, alpha))[:scales]:
                outer, inner, size = centre + side * FAR, centre + side * NEAR, THUMBNAIL / factor
                _show(axes, pixels, (outer, row), size)
                _show(axes, grams[key], (inner, row), MATRIX, gram_colors)
                _write(axes, (outer, row + size / 2 + 0.015), f"${name}$", va="bottom")
                _write(axes, (inner, row + MATRIX / 2), f"$G({name})$", va="bottom")
                _arrow(axes, (outer - side * size / 2, row), (inner + side * MATRIX / 2, row))

    def compare(centre: float, rows: Sequence[float], formula: str, value: str) -> None:
        """Arrows between the matrices of x and y, and below them the loss."""
        label = rows[-1] - MATRIX / 2 - 0.13 - LABEL / 2
        _arrow(axes, (centre, rows[0]), (centre, label + LABEL / 2), color=COMPARE)
        for row in rows:
            ends = [(centre + side * (NEAR - MATRIX / 2), row) for side in (-1, 1)]
            _arrow(axes, *ends, color=COMPARE, arrowstyle="<|-|>", linewidth=1.4)
        for above, below in pairwise(rows):
            _sign(axes, (centre, (above + below) / 2), "+", COMPARE)
        axes.add_patch(
            FancyBboxPatch(
                (centre - 1.04, label - LABEL / 2), 2.08, LABEL, "round,pad=0,rounding_size=0.05", fc="0.95", lw=0
            )
        )
        _write(axes, (centre, label + 0.085), formula)
        _write(axes, (centre, label - 0.09), value, fontsize=7.5, fontweight="bold")

    titles = {
        "(a) Style": "compare the images at one scale",
        "(b) Multi-scale style": "compare at each scale, then add",
        "(c) DSD": "subtract across scales, then compare",
    }
    for centre, (title, subtitle) in zip(middle, titles.items(), strict=True):
        _write(axes, (centre, HEIGHT), title, va="top", fontsize=8, fontweight="bold")
        _write(axes, (centre, HEIGHT - 0.15), subtitle, va="top", fontsize=7)
    for edge in (WIDTH / 2 - PANEL / 2, WIDTH / 2 + PANEL / 2):
        axes.plot([edge, edge], [0, HEIGHT], color="0.85", linewidth=0.6)

    style, style_down = r"\Vert G(x) - G(y)\Vert_1", rf"\Vert G(x{down}) - G(y{down})\Vert_1"
    draw_scales(middle[0], 1)
    compare(middle[0], [FULL], f"${style}$", f"{losses['style']:#.3g}")
    draw_scales(middle[1], 2)
    summands = f"{losses['style']:#.3g} + {losses['style↓']:#.3g} = {losses['mss']:#.3g}"
    compare(middle[1], [FULL, HALF], f"${style} + {style_down}$", summands)
    draw_scales(middle[2], 2)
    for image, side in (("x", -1), ("y", 1)):
        inner = middle[2] + side * NEAR
        _show(axes, dissimilarities[image], (inner, DIFFERENCE), MATRIX, dsd_colors)
        _sign(axes, (inner, FULL - MATRIX / 2 - 0.085), "−", SUBTRACT)
        _arrow(axes, (inner, HALF - MATRIX / 2), (inner, DIFFERENCE + MATRIX / 2), color=SUBTRACT, linewidth=1.4)
        _write(axes, (middle[2] + side * FAR, DIFFERENCE), f"${dsd}({image})$")
    compare(middle[2], [DIFFERENCE], rf"$\Vert {dsd}(x) - {dsd}(y)\Vert_1$", f"{losses['dsd']:#.3g}")

    # The key fills what the simpler panels leave free.
    for height, text in (
        (1.27, "compare $x$ with $y$: the mean of $|\\cdot|$"),
        (1.06, "subtract the scales of one image"),
    ):
        _write(axes, (middle[0] - 0.62, height), text, ha="left")
    _arrow(axes, (middle[0] - 0.9, 1.27), (middle[0] - 0.7, 1.27), color=COMPARE, arrowstyle="<|-|>", linewidth=1.4)
    _sign(axes, (middle[0] - 0.8, 1.06), "−", SUBTRACT)
    _colorbar(axes, (middle[0], 0.55), gram_colors, "Gram matrices $G$")
    _colorbar(axes, (middle[1], 0.55), dsd_colors, f"DSD matrices: ${dsd}(x) = G(x) - G(x{down})$")
    _write(axes, (middle[0], 0.1), f"the {len(grams['x'])} most active channels of {pretty(layer)}")
    _write(axes, (middle[1], 0.1), "losses are of all channels")
    return figure


def _write(axes: Axes, where: tuple[float, float], text: str, **style: Any) -> None:
    axes.text(*where, text, **{"ha": "center", "va": "center", "fontsize": SMALL, **style})


def _show(
    axes: Axes, values: np.ndarray, centre: tuple[float, float], side: float, colors: ScalarMappable | None = None
) -> None:
    left, bottom = centre[0] - side / 2, centre[1] - side / 2
    style: dict[str, Any] = (
        {} if colors is None else {"norm": colors.norm, "cmap": colors.cmap, "interpolation": "nearest"}
    )
    axes.imshow(values, extent=(left, left + side, bottom, bottom + side), **style)


def _arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    color: str = "0.4",
    arrowstyle: str = "-|>",
    linewidth: float = 0.8,
) -> None:
    style: dict[str, Any] = {"mutation_scale": 4 + 2 * linewidth, "shrinkA": 0.8, "shrinkB": 0.8}
    axes.add_patch(
        FancyArrowPatch(start, end, color=color, arrowstyle=arrowstyle, lw=linewidth, joinstyle="miter", **style)
    )


def _sign(axes: Axes, centre: tuple[float, float], sign: str, color: str) -> None:
    axes.add_patch(Circle(centre, 0.062, color=color, lw=0))
    _write(axes, centre, sign, va="center_baseline", color="white", fontsize=8, fontweight="bold")


def _colorbar(axes: Axes, centre: tuple[float, float], colors: ScalarMappable, name: str) -> None:
    """A colour bar with its name above; the ends of the scale are exceeded by a few entries."""
    low, high = colors.get_clim()
    ticks = sorted({low or 0, 0, high or 0})
    place = axes.inset_axes((centre[0] - 0.75, centre[1] - 0.04, 1.5, 0.08), transform=axes.transData)
    bar = axes.figure.colorbar(
        colors, cax=place, orientation="horizontal", extend="both" if low else "max", extendfrac=0.04
    )
    bar.set_ticks(ticks, labels=[f"{tick:.2g}".replace("-", "−") for tick in ticks], fontsize=SMALL)
    bar.ax.tick_params(length=1.5, pad=1.5)
    bar.outline.set_linewidth(0.4)
    _write(axes, (centre[0], centre[1] + 0.06), name, va="bottom")
