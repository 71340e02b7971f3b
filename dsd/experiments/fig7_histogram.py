"""Fig. 7: the histogram of ‖DSD‖ over natural images."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import Width, figure_width, pretty
from dsd.quality.norms import summed_norm, tabulate
from dsd.quality.statistics import statistics


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    images: str,
    layers: Sequence[str],
    alpha: float,
    bins: int,
    limits: Sequence[float],
    resize: int | None,
    crop: int,
    count: int,
    crops: int,
    batch_size: int,
    workers: int,
    device: str,
    seed: int,
) -> Computed:
    """Measure ‖DSD‖ of every view, summed over the layers. Args: the parameters of the notebook.

    Returns:
        `file`, `group`, `norm`, and the columns of :func:`dsd.quality.statistics.statistics`.
    """
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    photographs = Photographs.from_folder(images, resize=resize, crop=crop, count=count, crops=crops, seed=seed)

    def measure(x: Tensor) -> dict[str, Tensor]:
        return {"norm": summed_norm(x.to(network.device), network, alpha), **statistics(x)}

    table = tabulate(photographs, measure, batch_size=batch_size, workers=workers)
    return Computed(table, network, {"images": photographs})


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw the histogram, with a tick for each image, and the range that the paper's figure has.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    import seaborn as sns

    done = result.parameters
    values = 1e3 * result.table.norm
    first, last = (1e3 * limit for limit in done["limits"])
    step = (last - first) / done["bins"]
    below, above = np.floor((values.min() - first) / step), np.ceil((values.max() - first) / step)
    edges = first + step * np.arange(min(0, below), max(done["bins"], above) + 1)  # the paper's, continued
    figure, axis = plt.subplots(figsize=(figure_width(width), 2.2))
    sns.histplot(values, bins=edges, color="0.55", edgecolor="white", linewidth=0.3, ax=axis)
    sns.rugplot(values, height=0.04, color="0.1", linewidth=0.5, ax=axis)
    top = axis.get_ylim()[1]
    axis.vlines(values.median(), 0, top, color="0.1", linestyle="--", linewidth=0.8)
    axis.annotate(
        f"median {values.median():.1f}", (values.median(), top), (3, -2), textcoords="offset points", va="top"
    )
    bar = {"arrowstyle": "|-|,widthA=0.2,widthB=0.2", "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", (first, 1.04 * top), (last, 1.04 * top), arrowprops=bar)
    axis.text(last, 1.06 * top, f"paper's axis, {first:g} to {last:g}", ha="right", va="bottom", fontsize=7)
    axis.set_ylim(0, 1.2 * top)
    axis.set_xlim(0, edges[-1] + step)
    layers = ", ".join(pretty(layer) for layer in done["layers"])
    axis.set_xlabel(rf"$\Vert$DSD$_{{{done['alpha']:g}}}\Vert_1 \times 10^3$, sum of {layers}")
    axis.set_ylabel("Images")
    return figure


def caption(result: Result) -> str:
    """What the figure shows."""
    done, norm = result.parameters, result.table.norm
    symbol = rf"$10^3\lVert\mathrm{{DSD}}_{{{done['alpha']:g}}}\rVert_1$"
    layers = ", ".join(pretty(layer) for layer in done["layers"])
    first, last = done["limits"]
    below = f"{share:.0%} lie below {1e3 * first:g} and " if (share := (norm < first).mean()) else ""
    return (
        f"Histogram of {symbol}, summed over {layers}, of {len(norm)} photographs, each a tick. Bins are as wide as "
        f"the paper's. {below}{(norm > last).mean():.0%} lie above {1e3 * last:g}, where the paper's axis ends."
    )
