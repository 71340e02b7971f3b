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
from dsd.experiments.style import COLORS, pretty
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


def draw(result: Result) -> Figure:
    """Draw the histogram, with a tick for each image."""
    import seaborn as sns

    done = result.parameters
    values = result.table.norm
    outside = (~values.between(*done["limits"])).sum()
    figure, axis = plt.subplots(figsize=(3.35, 2.3))
    first, last = done["limits"]
    edges = np.linspace(first, last, done["bins"] + 1)
    sns.histplot(1e3 * values, bins=1e3 * edges, color=COLORS["Random"], ax=axis)
    sns.rugplot(1e3 * values, height=0.04, color="#222222", linewidth=0.5, ax=axis)
    layers = ", ".join(pretty(layer) for layer in done["layers"])
    axis.set_xlim(0, 1e3 * last)
    axis.set_xlabel(rf"$\Vert$DSD$_{{{done['alpha']:g}}}\Vert_1 \times 10^3$, sum of {layers}")
    axis.set_ylabel("Images")
    note = f"{len(values)} images, median {1e3 * values.median():.1f} × 10⁻³"
    axis.set_title(note + (f", {outside} not shown" if outside else ""))
    return figure
