"""Fig. 2: how dissimilar an image is to itself at another scale, and to other images."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import bootstrap
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.data import Photographs
from dsd.descriptor import downscale, grams
from dsd.frozen import Backbone
from dsd.gram import Normalize, l1_norm, patch_gram

KINDS = ("Random", "Same class", "Self")
Describe = Callable[[Tensor], Mapping[str, Tensor]]


def deep_and_patch_grams(
    x: Tensor, backbone: Backbone, patch_sizes: Sequence[int], normalize: Normalize = "chw"
) -> dict[str, Tensor]:
    """Gram matrices of the backbone's layers (Eq. 1) and of RGB patches (Eq. 3, named ``n=5`` …): {name: (N, C, C)}."""
    deep = {layer: g for (layer, _), g in grams(x, backbone, normalize=normalize).items()}
    return {**deep, **{f"n={size}": patch_gram(x, size, normalize) for size in patch_sizes}}


@torch.inference_mode()
def dissimilarities(
    pairs: Photographs, kind: str, describe: Describe, *, alpha: float, batch_size: int = 8, workers: int = 0
) -> pd.DataFrame:
    """‖G(x) − G(y)‖₁ for each pair of views x, y, and ‖G(x) − G(x↓alpha)‖₁ for each view.

    Args:
        pairs: views, of which items 0 and 1, 2 and 3, … are pairs.
        kind: what the pairs are called.
        describe: batch of images (N, 3, H, W) → {descriptor: (N, C, C)}.
        alpha: the scaling factor.
        batch_size: views described at a time (an odd number: one more).
        workers: processes that load images; 0 loads in this one.

    Returns:
        One row per descriptor and value: `descriptor`, `kind` (that of the pairs, or "Self"), `value`.
    """
    rows = []
    batches = DataLoader(pairs, batch_size + batch_size % 2, num_workers=workers)
    for x in tqdm(batches, desc=f"{pairs.name}: {kind}", unit="batch"):
        here, small = describe(x), describe(downscale(x, alpha))
        for name, g in here.items():
            for what, values in ((kind, l1_norm(g[0::2] - g[1::2])), ("Self", l1_norm(g - small[name]))):
                rows.append(pd.DataFrame({"descriptor": name, "kind": what, "value": values.cpu().numpy()}))
    return pd.concat(rows, ignore_index=True)


def measure(
    images: Photographs,
    same_class_images: Photographs,
    describe: Describe,
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
    sources = {"Random": images.paired(same_group=False), "Same class": same_class_images.paired(same_group=True)}
    values = {
        kind: dissimilarities(pairs, kind, describe, alpha=alpha, batch_size=batch_size, workers=workers)
        for kind, pairs in sources.items()
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
        found = bootstrap(
            tuple(samples), statistic, n_resamples=resamples, method="percentile", vectorized=True, batch=100, rng=seed
        ).confidence_interval
        return float(found.low), float(found.high)

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
