"""Where in a photograph its DSD comes from: the map of shares, and whether it foretells what a change there does."""

from collections.abc import Iterator, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from dsd.attribution import dsd_attribution
from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.data.distortions import blur
from dsd.data.views import Photographs
from dsd.descriptor import dsd_norm
from dsd.experiments.markdown import with_interval
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import Width, draw_image, figure_width, pretty
from dsd.quality.means import over_images
from dsd.quality.statistics import gradient_energy

SHARE, TEXTURE = "share of ‖DSD‖", "gradient energy"
PAIRS = {"page": 3, "column": 2}  # photographs in a row, each with its map


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    images: str,
    layer: str,
    alpha: float,
    cells: int,
    blocks: int,
    sigmas: Sequence[float],
    resize: int | None,
    crop: int,
    count: int,
    crops: int,
    shown: int,
    device: str,
    seed: int,
) -> Computed:
    """Map each view's DSD, then blur one block after the other, weakly and strongly, and see how far ‖DSD‖ falls.

    Args: the parameters of the notebook.

    Returns:
        Rows of kind ``"map"``, cells of the maps of the views that are shown, with their `share`; and of kind
        ``"block"``, of all views and each `sigma`, with `share`, `change` (the fall of ‖DSD‖ when the block is blurred
        so) and `texture` (its part of the gradient energy). All three as parts of the whole view's. Images:
        the views that are shown.
    """
    network = load_backbone(backbone, [layer], weights, precision=precision, device=device)
    photographs = Photographs.from_folder(images, resize=resize, crop=crop, count=count, crops=crops, seed=seed)
    rows: list[dict[str, str | int | float]] = []
    for index in tqdm(range(len(photographs)), "photographs", unit="image"):
        x, file = photographs[index].to(network.device), str(photographs.views[index].path.name)
        with torch.no_grad():
            (shares,) = dsd_attribution(x[None], network, alpha).values()
            shares = shares[0] / shares.sum()
            parts = {"share": _sums(shares, blocks), "texture": _texture(x, blocks)}
            for sigma in sigmas:
                fall = _fall(x, network, alpha, blocks, sigma)
                rows += _rows(file, index, "block", {"sigma": sigma}, **parts, change=fall)
        if index < shown:
            rows += _rows(file, index, "map", {}, share=_sums(shares, cells))
    pictures = {f"view {index}": photographs[index] for index in range(min(shown, len(photographs)))}
    return Computed(pd.DataFrame(rows), network, {"images": photographs}, pictures)


def _sums(values: Tensor, parts: int) -> Tensor:
    """The sum over each of parts × parts blocks of a map."""
    rows = torch.stack([rows.sum(dim=0) for rows in values.tensor_split(parts, dim=0)])
    return torch.stack([columns.sum(dim=1) for columns in rows.tensor_split(parts, dim=1)], dim=1)


def _fall(x: Tensor, network: Backbone, alpha: float, blocks: int, sigma: float) -> Tensor:
    """How far ‖DSD‖ falls when a block is blurred, by block."""
    masks = torch.eye(blocks**2, device=x.device).unflatten(1, (1, blocks, blocks))
    masks = blur(F.interpolate(masks, x.shape[1:], mode="nearest"), sigma)  # without an edge around what is blurred
    changed = torch.lerp(x, blur(x, sigma), masks).clamp(0, 1)
    norms = [next(iter(dsd_norm(image[None], network, (alpha,)).values())) for image in (x, *changed)]
    return (1 - torch.cat(norms[1:]) / norms[0]).unflatten(0, (blocks, blocks))


def _texture(x: Tensor, blocks: int) -> Tensor:
    """How much of the gradient energy each block has."""
    cut = (part for rows in x.tensor_split(blocks, dim=1) for part in rows.tensor_split(blocks, dim=2))
    energy = torch.cat([part[0].numel() * gradient_energy(part[None]) for part in cut])
    return (energy / energy.sum()).unflatten(0, (blocks, blocks))


def _rows(
    file: str, view: int, kind: str, about: dict[str, float], **values: Tensor
) -> Iterator[dict[str, str | int | float]]:
    """A row for each place of some maps of one size."""
    for row, column in np.ndindex(*next(iter(values.values())).shape):
        numbers = {name: map_[row, column].item() for name, map_ in values.items()}
        yield {"kind": kind, "view": view, "file": file, "row": row, "column": column, **about, **numbers}


def agreement(result: Result) -> pd.DataFrame:
    """Does a block's share foretell the fall of ‖DSD‖ when it is blurred? Spearman's correlation over blocks.

    Returns:
        Rows: each σ, and its ``mean``, ``low`` and ``high`` over views, with the 95 % bootstrap interval. Columns: of
        the share, of the block's gradient energy, and of the difference of both.
    """
    tables = {}
    for sigma, blocks in result.table[result.table.kind == "block"].groupby("sigma"):
        each = blocks.groupby("view")[["share", "texture", "change"]].corr("spearman").change.unstack()
        values = pd.DataFrame({SHARE: each.share, TEXTURE: each.texture, "difference": each.share - each.texture})
        tables[sigma] = over_images(values, result.parameters["seed"])
    return pd.concat(tables, names=["sigma", ""])


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw photographs beside their maps; below, what blurring each block did, against its share.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    maps, size = _maps(result), figure_width(width)
    pairs = PAIRS[width]
    lines = -(-len(maps) // pairs)
    above = lines * (size / (2 * pairs) + 0.08) + 0.55
    figure = plt.figure(figsize=(size, above + 1.9))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[above, 1.9])
    axes = upper.subplots(lines, 2 * pairs, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    limit = np.quantile(np.abs(list(maps.values())), 0.99)
    for pair, (view, map_) in zip(axes.reshape(-1, 2), maps.items(), strict=False):
        draw_image(pair[0], result.images[f"view {view}"])
        picture = pair[1].imshow(map_, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    bar = upper.colorbar(picture, ax=axes, orientation="horizontal", extend="both", aspect=40, shrink=0.6, pad=0.02)
    bar.set_label("Share of ‖DSD‖ ÷ an even share")
    axes = lower.subplots(1, len(result.parameters["sigmas"]), sharey=True, squeeze=False)[0]
    for axis, sigma in zip(axes, result.parameters["sigmas"], strict=True):
        _draw_blocks(axis, result, sigma)
    axes[0].set_ylabel("Fall of ‖DSD‖ when\nit is blurred, %")
    return figure


def _maps(result: Result) -> dict[int, np.ndarray]:
    """The maps in units of an even share, by view."""
    cells = result.table[result.table.kind == "map"]
    return {
        view: len(rows) * rows.pivot(index="row", columns="column", values="share").to_numpy()
        for view in cells.view.unique()
        for rows in [cells[cells.view == view]]
    }


def _draw_blocks(axis: Axes, result: Result, sigma: float) -> None:
    """A dot for each block of each view: fall against share."""
    blocks = result.table[result.table.sigma == sigma]
    axis.plot(100 * blocks.share, 100 * blocks.change, ".", color="0.4", markersize=2.5, markeredgewidth=0)
    ends = np.array([min(0, 100 * blocks.share.min()), 100 * blocks.share.max()])
    axis.plot(ends, ends, color="0.1", linestyle="--", linewidth=0.8)
    axis.set_title(f"Blurred with σ = {sigma:g} pixels")
    axis.set_xlabel("Block's share of ‖DSD‖, %")


def caption(result: Result) -> str:
    """What the figure shows."""
    done, found = result.parameters, agreement(result)
    spread = "; ".join(
        f"σ = {sigma:g}: "
        + ", ".join(
            f"{name} {with_interval(*(found.loc[(sigma, end), name] for end in ('mean', 'low', 'high')))}"
            for name in map(str, found)
        )
        for sigma in done["sigmas"]
    )
    return (
        f"Where the DSD of a photograph comes from ({pretty(done['layer'])}, α = {done['alpha']:g}). Red: places that "
        "raise ‖DSD‖. Blue: places that lower it. 1 is what each would have if all had the same. Below: a dot for each "
        f"of {done['blocks']}×{done['blocks']} blocks of {result.table['view'].nunique()} photographs: its share, and "
        "how far ‖DSD‖ falls when it is blurred. Dashed: fall and share are equal. Spearman's correlation with the "
        f"fall over the blocks of a photograph, mean and 95% bootstrap interval: {spread}."
    ).replace("-0.", "−0.")
