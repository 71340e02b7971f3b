"""Fig. 2: how dissimilar an image is to itself at another scale, and to other images."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from scipy.stats import bootstrap
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.data.views import Photographs
from dsd.descriptor import gram_matrices
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import COLORS, pretty
from dsd.gram import Normalize, l1_norm, patch_gram
from dsd.resize import downscale

KINDS = ("Random", "Same class", "Self")
Encode = Callable[[Tensor], Mapping[str, Tensor]]


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    images: str,
    same_class_images: str,
    layers: Sequence[str],
    patch_sizes: Sequence[int],
    alpha: float,
    normalize: Normalize,
    resize: int,
    crop: int,
    count: int,
    crops: int,
    batch_size: int,
    workers: int,
    device: str,
    seed: int,
) -> Computed:
    """Compare Gram matrices of pairs of images and of scales. Args: the parameters of the notebook.

    Returns:
        The table of :func:`summarise`.
    """
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    load = partial(Photographs.from_folder, resize=resize, crop=crop, count=count, crops=crops, seed=seed)
    photographs, classes = load(images), load(same_class_images)

    def encode(x: Tensor) -> Mapping[str, Tensor]:
        return deep_and_patch_grams(x.to(network.device), network, patch_sizes, normalize)

    values = measure(photographs, classes, encode, alpha=alpha, batch_size=batch_size, workers=workers)
    datasets = {"images": photographs, "same_class_images": classes}
    return Computed(summarise(values, seed=seed), network, datasets)


def draw(result: Result) -> Figure:
    """Draw bars relative to Random: (a) deep features, (b) RGB patches."""
    done = result.parameters
    same = result.provenance["datasets"]["same_class_images"]["grouping"]
    labels = {"Random": "Random", "Same class": f"Same {same}", "Self": f"Self-dissimilarity (α = {done['alpha']:g})"}
    panels = {"(a) Deep features": done["layers"], "(b) RGB patches": [f"n={size}" for size in done["patch_sizes"]]}
    figure, axes = plt.subplots(1, 2, sharey=True, width_ratios=[len(names) for names in panels.values()])
    for axis, (title, names) in zip(axes, panels.items(), strict=True):
        for offset, (kind, color) in zip((-0.27, 0, 0.27), COLORS.items(), strict=True):
            bars = result.table[result.table.kind == kind].set_index("descriptor").loc[names]
            error = [bars.ratio - bars.ratio_low, bars.ratio_high - bars.ratio]
            places = [place + offset for place in range(len(names))]
            axis.bar(
                places, bars.ratio, 0.25, yerr=error, color=color, label=labels[kind], error_kw={"elinewidth": 0.7}
            )
        axis.set_xticks(range(len(names)), [pretty(name) for name in names])
        axis.tick_params(axis="x", length=0)
        axis.set_title(title)
    axes[0].set_ylabel("Dissimilarity (Random = 1)")
    axes[1].legend()
    return figure


def deep_and_patch_grams(
    x: Tensor, backbone: Backbone, patch_sizes: Sequence[int], normalize: Normalize = "chw"
) -> dict[str, Tensor]:
    """Gram matrices of the backbone's layers (Eq. 1) and of RGB patches (Eq. 3, named ``n=5`` …): {name: (N, C, C)}."""
    deep = {layer: g for (layer, _), g in gram_matrices(x, backbone, normalize=normalize).items()}
    return {**deep, **{f"n={size}": patch_gram(x, size, normalize) for size in patch_sizes}}


@torch.inference_mode()
def dissimilarities(
    photographs: Photographs,
    pairs: Sequence[tuple[int, int]],
    kind: str,
    encode: Encode,
    *,
    alpha: float,
    batch_size: int = 8,
    workers: int = 0,
) -> pd.DataFrame:
    """‖G(x) − G(y)‖₁ for each pair of views x, y, and ‖G(x) − G(x↓alpha)‖₁ for each view of a pair.

    Args:
        photographs: the views.
        pairs: indices of two views each.
        kind: what the pairs are called.
        encode: batch of images (N, 3, H, W) → {descriptor: (N, C, C)}.
        alpha: the scaling factor.
        batch_size: views encoded at a time (an odd number: one more).
        workers: processes that load images; 0 loads in this one.

    Returns:
        One row per descriptor and value: `descriptor`, `kind` (that of the pairs, or "Self"), `value`.
    """
    rows = []
    views = photographs.subset(index for pair in pairs for index in pair)
    batches = DataLoader(views, batch_size + batch_size % 2, num_workers=workers)
    for x in tqdm(batches, desc=f"{photographs.name}: {kind}", unit="batch"):
        grams, small = encode(x), encode(downscale(x, alpha))
        for name, g in grams.items():
            first, second = g.unflatten(0, (-1, 2)).unbind(dim=1)
            for what, values in ((kind, l1_norm(first - second)), ("Self", l1_norm(g - small[name]))):
                rows.append(pd.DataFrame({"descriptor": name, "kind": what, "value": values.cpu().numpy()}))
    return pd.concat(rows, ignore_index=True)


def measure(
    images: Photographs,
    same_class_images: Photographs,
    encode: Encode,
    *,
    alpha: float = 4,
    batch_size: int = 8,
    workers: int = 0,
) -> pd.DataFrame:
    """All values of Fig. 2: Random pairs and Self from `images`, Same class pairs from `same_class_images`.

    No view is in two pairs, so that pairs are independent as far as photographs are.

    Returns:
        One row per descriptor and value: `descriptor`, `kind`, `value`.

    Raises:
        ValueError: fewer than two pairs of one kind; before anything is computed.
    """
    sources = {
        "Random": (images, images.pairs(same_group=False)),
        "Same class": (same_class_images, same_class_images.pairs(same_group=True)),
    }
    values = {
        kind: dissimilarities(*source, kind, encode, alpha=alpha, batch_size=batch_size, workers=workers)
        for kind, source in sources.items()
    }
    same = values["Same class"]
    return pd.concat([values["Random"], same[same.kind == "Same class"]], ignore_index=True)


def summarise(values: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Means of :func:`measure`'s values and their ratios to Random, each with a 95 % bootstrap interval (percentile).

    Pairs (for Self, views) are what is resampled, as if independent: crops of one photograph are not, and their
    intervals too narrow. Self and Random, which share their images, are resampled each on its own.

    Returns:
        One row per descriptor and kind: `descriptor`, `kind`, `count`, `mean`, `mean_low`, `mean_high`, `ratio`,
        `ratio_low`, `ratio_high` (for Random, the interval of its mean relative to the mean itself).
    """

    def interval(samples: Iterable[np.ndarray], statistic: Callable) -> tuple[float, float]:
        limits = bootstrap(
            tuple(samples), statistic, n_resamples=resamples, method="percentile", vectorized=True, batch=100, rng=seed
        ).confidence_interval
        return float(limits.low), float(limits.high)

    def ratio_of_means(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return x.mean(axis) / y.mean(axis)

    if not values.groupby("descriptor").value.max().all():
        raise ValueError("the images do not differ from each other or between scales: there is nothing to compare")
    rows = []
    for descriptor in values.descriptor.unique():
        of_descriptor = values[values.descriptor == descriptor]
        samples = {kind: of_descriptor.value[of_descriptor.kind == kind].to_numpy(float) for kind in KINDS}
        random_mean = samples["Random"].mean()
        for kind, sample in samples.items():
            mean = sample.mean()
            low, high = interval([sample], np.mean)
            ratio_low, ratio_high = (
                (low / mean, high / mean) if kind == "Random" else interval([sample, samples["Random"]], ratio_of_means)
            )
            rows.append((descriptor, kind, len(sample), mean, low, high, mean / random_mean, ratio_low, ratio_high))
    columns = ["descriptor", "kind", "count", "mean", "mean_low", "mean_high", "ratio", "ratio_low", "ratio_high"]
    return pd.DataFrame(rows, columns=columns)
