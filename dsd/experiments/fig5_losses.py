"""Fig. 5: how style, multi-scale style and DSD losses compare two images, drawn with the images' own Gram matrices."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.images import embedded_photographs, find_image
from dsd.data.views import Photographs, View
from dsd.descriptor import gram_matrices
from dsd.experiments.fig5_scheme import Panel
from dsd.experiments.provenance import Computed, Result, check_data
from dsd.experiments.story import most_active_channels
from dsd.experiments.style import MEASURES, Width, figure_width, pretty
from dsd.losses import DSDLoss, MultiScaleStyleLoss, StyleLoss
from dsd.paths import data_root

COMPARE = "0.25"  # between the two images
SUBTRACT = MEASURES["DSD_2"]["color"]  # between the scales of one image

# In inches, of a panel:
HEIGHT, MATRIX, NEAR = 3.2, 0.46, 0.36  # NEAR: from its middle to a matrix's
STAMP = 0.3  # room below
FULL, HALF, DIFFERENCE = -0.87, -1.67, -2.43  # rows: middles of the matrices at both scales, of DSD matrices


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


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw the three losses side by side, with the images' own Gram matrices.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.

    Raises:
        ValueError: the images are not those that were compared.
    """
    done, table = result.parameters, result.table
    x, y, photographs = load_pair(**done)
    check_data(result.provenance, {"images": photographs})
    return draw_losses(
        {"x": x.permute(1, 2, 0).numpy(), "y": y.permute(1, 2, 0).numpy()},
        _grams(table),
        _losses(table),
        layer=done["layer"],
        alpha=done["alpha"],
        width=width,
    )


def caption(result: Result) -> str:
    """What the figure shows."""
    done, losses, grams = result.parameters, _losses(result.table), _grams(result.table)
    negative = {image: f"{(grams[image] < grams[f'{image}↓']).mean():.0%}" for image in "xy"}
    return (
        "Three losses between the same two images $x$ and $y$, drawn with their own Gram matrices $G$ at "
        f"{pretty(done['layer'])}. (a) Style compares them at one scale: {losses['style']:#.3g}. (b) Multi-scale style "
        f"adds the comparison of the smaller copies: {losses['mss']:#.3g}. (c) DSD subtracts the smaller copy's matrix "
        f"from the image's, then compares: {losses['dsd']:#.3g}. Of the DSD matrices' entries that are shown, "
        f"{negative['x']} of $x$ and {negative['y']} of $y$ are negative: there the smaller copy has more."
    )


def _grams(table: pd.DataFrame) -> dict[str, np.ndarray]:
    return {
        str(name): entries.pivot(index="row", columns="column", values="value").to_numpy()
        for name, entries in table[table.quantity == "gram"].groupby("name")
    }


def _losses(table: pd.DataFrame) -> dict[str, float]:
    losses = table[table.quantity == "loss"]
    return dict(zip(losses.name, losses.value, strict=True))


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


def draw_losses(
    images: Mapping[str, np.ndarray],
    grams: Mapping[str, np.ndarray],
    losses: Mapping[str, float],
    *,
    layer: str,
    alpha: float = 2,
    width: Width = "page",
) -> Figure:
    """Draw the images and the three losses: beside each other on a page, two by two in a column.

    Args:
        images: the reference ``x`` and the distorted ``y``, (H, W, 3) in [0, 1].
        grams: Gram matrices of ``x``, ``x↓``, ``y``, ``y↓``: the entries to show.
        losses: ``style``, ``style↓`` (of the downscaled images), ``mss``, ``dsd``.
        layer: that the matrices are of.
        alpha: downscaling factor.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    down, dsd = rf"\mathrm{{↓}}_{{{alpha:g}}}", rf"\mathrm{{DSD}}_{{{alpha:g}}}"
    dissimilarities = {image: grams[image] - grams[f"{image}↓"] for image in "xy"}
    # 2 % of the entries, the largest, exceed the scale: with them the others would have no contrast.
    largest = float(np.quantile([*grams.values()], 0.98))
    strongest = float(np.quantile(np.abs([*dissimilarities.values()]), 0.98))
    gram_colors = ScalarMappable(Normalize(0, largest), "viridis")
    dsd_colors = ScalarMappable(Normalize(-strongest, strongest), "RdBu_r")
    sides = {"x": -NEAR, "y": NEAR}
    scales = {"": (FULL, "", 1.0), "↓": (HALF, down, alpha)}

    columns = 4 if width == "page" else 2
    rows, side = 4 // columns, figure_width(width) / columns
    figure, axes = plt.subplots(figsize=(columns * side, rows * HEIGHT + STAMP))
    panels = [Panel(axes, (k % columns + 0.5) * side, -(k // columns) * HEIGHT) for k in range(4)]
    titles = {
        "Images": "at both scales",
        "(a) Style": "compare the images\nat one scale",
        "(b) Multi-scale style": "compare at each scale,\nthen add",
        "(c) DSD": "subtract across scales,\nthen compare",
    }
    for panel, (title, subtitle) in zip(panels, titles.items(), strict=True):
        panel.write((0, -0.03), title, va="top", fontsize=8, fontweight="bold")
        panel.write((0, -0.18), subtitle, va="top")

    def draw_grams(panel: Panel, *shown: str) -> None:
        for image, x in sides.items():
            for scale in shown:
                row, arrow, _ = scales[scale]
                panel.show(grams[image + scale], (x, row), MATRIX, gram_colors)
                panel.write((x, row + MATRIX / 2), f"$G({image}{arrow})$", va="bottom")

    def compare(panel: Panel, rows: Sequence[float], formula: str, value: str) -> None:
        """Arrows between the matrices of x and y, and below them the loss."""
        box = rows[-1] - MATRIX / 2 - 0.13
        panel.arrow((0, rows[0]), (0, box), COMPARE)
        for row in rows:
            panel.arrow((MATRIX / 2 - NEAR, row), (NEAR - MATRIX / 2, row), COMPARE, "<|-|>")
        for above, below in pairwise(rows):
            panel.sign((0, (above + below) / 2), "+", COMPARE)
        panel.box((0, box), 1.25, formula, value)

    first, style, mss, difference = panels
    for image, x in sides.items():
        for row, arrow, factor in scales.values():
            first.show(images[image], (x, row), 0.54 / factor)
            first.write((x, row + 0.27 / factor), f"${image}{arrow}$", va="bottom")
    first.colorbar((0, -2.27), gram_colors, "Gram matrices $G$")
    first.colorbar((0, -2.84), dsd_colors, "DSD matrices")

    formula = r"$\Vert G(x) - G(y)\Vert_1$"
    draw_grams(style, "")
    compare(style, [FULL], formula, f"{losses['style']:#.3g}")
    style.arrow((-0.63, -1.9), (-0.41, -1.9), COMPARE, "<|-|>")
    style.write((-0.36, -1.9), "compare $x$ with $y$:\nmean of $|\\cdot|$", ha="left")
    style.sign((-0.52, -2.3), "−", SUBTRACT)
    style.write((-0.36, -2.3), "subtract the scales\nof one image", ha="left")
    shown = f"Shown: the {len(grams['x'])} most\nactive channels of\n{pretty(layer)}. Losses: of all."
    style.write((0, -2.8), shown)

    draw_grams(mss, *scales)
    summands = f"{losses['style']:#.3g} + {losses['style↓']:#.3g}\n= {losses['mss']:#.3g}"
    compare(mss, [FULL, HALF], f"{formula}\n" rf"$+\;\Vert G(x{down}) - G(y{down})\Vert_1$", summands)

    draw_grams(difference, *scales)
    for image, x in sides.items():
        difference.sign((x, (FULL + HALF) / 2 + 0.06), "−", SUBTRACT)
        difference.arrow((x, HALF - MATRIX / 2), (x, DIFFERENCE + MATRIX / 2 + 0.12), SUBTRACT)
        difference.write((x, DIFFERENCE + MATRIX / 2), f"${dsd}({image})$", va="bottom")
        difference.show(dissimilarities[image], (x, DIFFERENCE), MATRIX, dsd_colors)
    compare(difference, [DIFFERENCE], rf"$\Vert {dsd}(x) - {dsd}(y)\Vert_1$", f"{losses['dsd']:#.3g}")

    for panel in panels:
        if edge := panel.middle - side / 2:
            axes.plot([edge, edge], [panel.top - HEIGHT + 0.05, panel.top - 0.05], color="0.85", linewidth=0.6)
    axes.set(xlim=(0, columns * side), ylim=(-rows * HEIGHT, 0), aspect="equal")
    axes.set_axis_off()
    return figure
