"""Style transfer between photographs of the same kind, by pixels: the contextual loss, Gatys' style, DSD."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.experiments.cx_style_transfer import METHODS, load_pairs, make_losses, transfer
from dsd.experiments.methods import as_text, draw_methods
from dsd.experiments.provenance import Computed, Result, checkpoints
from dsd.experiments.style import Width, draw_image, figure_width, pretty
from dsd.quality.means import over_images

JUDGES = {  # by which all results are measured: what they are called in the figure
    "CX to style": "CX",
    "Gram to style": "Gram",
    "DSD to style": "DSD",
    "CX to content": "CX",
    "Perceptual to content": "Perceptual",
}


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
    return as_text(outcome(result.table, result.parameters["seed"]), "loss", "method").loc[list(JUDGES), list(METHODS)]


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
    rows = outcome(result.table, result.parameters["seed"]).set_index(["method", "loss"])
    left, right = lower.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": [3, 2]})
    for axis, side, title, label in (
        (left, "style", "(a) Distance to the style", "Content image = 1"),
        (right, "content", "(b) To the content", "Style image = 1"),
    ):
        losses = [name for name in JUDGES if name.endswith(side)]
        draw_methods(axis, rows, losses, METHODS)
        axis.axhline(1, color="0.1", linestyle="--", linewidth=0.8)
        axis.set_xticks(range(len(losses)), [JUDGES[name] for name in losses])
        axis.set_ylim(bottom=-0.05)
        axis.set_ylabel(label)
        axis.set_title(title, loc="left")
    lower.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


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
