"""Fig. 2: how dissimilar an image is to itself at another scale, and to other images."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import bootstrap
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.backbone import VGG19
from dsd.data import Photographs
from dsd.descriptor import downscale, grams
from dsd.gram import l1_norm, patch_gram

KINDS = ("Random", "Same class", "Self")
Describe = Callable[[Tensor], Mapping[str, Tensor]]


def deep_and_patch_grams(x: Tensor, backbone: VGG19, patch_sizes: Sequence[int]) -> dict[str, Tensor]:
    """Gram matrices of the backbone's layers (Eq. 1) and of RGB patches (Eq. 3, named ``n=5`` …): {name: (N, C, C)}."""
    return {
        **{layer: g for (layer, _), g in grams(x, backbone).items()},
        **{f"n={size}": patch_gram(x, size) for size in patch_sizes},
    }


@torch.inference_mode()
def neighbour_and_self_dissimilarities(
    photographs: Photographs, describe: Describe, *, alpha: float, batch_size: int = 8, workers: int = 0
) -> pd.DataFrame:
    """‖G(x) − G(y)‖₁ for each view x and the next one y, and ‖G(x) − G(x↓alpha)‖₁ for each view x.

    One pass, each view described once at each of the two scales, one batch in memory.

    Args:
        photographs: the views, in the order that makes the pairs.
        describe: batch of images (N, 3, H, W) → {descriptor: (N, C, C)}.
        alpha: the scaling factor.
        batch_size: views described at a time.
        workers: processes that load images; 0 loads in this one.

    Returns:
        One row per descriptor and value: `descriptor`, `kind` (a neighbour of the same group is "Same class", of
        another one "Random"; "Self"), `value`.
    """
    groups = [view.group for view in photographs.views]
    rows: list[pd.DataFrame] = []
    last: dict[str, Tensor] = {}
    seen = 0
    for x in tqdm(DataLoader(photographs, batch_size, num_workers=workers), desc=photographs.name, unit="batch"):
        here, small = describe(x), describe(downscale(x, alpha))
        first = max(seen - 1, 0)
        pairs = zip(groups[first : seen + len(x) - 1], groups[first + 1 : seen + len(x)], strict=True)
        kinds = ["Same class" if one == other else "Random" for one, other in pairs]
        for name, g in here.items():
            chain = torch.cat([last[name], g]) if last else g
            values = torch.cat([l1_norm(chain[1:] - chain[:-1]), l1_norm(g - small[name])]).cpu().numpy()
            rows.append(pd.DataFrame({"descriptor": name, "kind": kinds + ["Self"] * len(x), "value": values}))
        last = {name: g[-1:] for name, g in here.items()}
        seen += len(x)
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
    """All values of Fig. 2: Random pairs and Self from `images`, Same class from neighbours in `same_class_images`.

    Returns:
        One row per descriptor and value: `descriptor`, `kind`, `value`.

    Raises:
        ValueError: fewer than two pairs of one kind.
    """
    values, same = (
        neighbour_and_self_dissimilarities(views, describe, alpha=alpha, batch_size=batch_size, workers=workers)
        for views in (images, same_class_images.grouped())
    )
    values = pd.concat([values[values.kind != "Same class"], same[same.kind == "Same class"]], ignore_index=True)
    for kind, source in zip(KINDS, (images, same_class_images, images), strict=True):
        found = int((values.kind == kind).sum() / values.descriptor.nunique())
        if found < 2:
            raise ValueError(
                f"{source.name} gives {found} values of kind {kind!r}, at least 2 are needed: give more images, "
                "class folders with several images each, or crops of at least 2"
            )
    return values


def summarise(values: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Means of :func:`measure`'s values and their ratios to Random, each with a 95 % bootstrap interval (percentile).

    Pairs are what is resampled, as if independent; Self and Random, which share their images, each on its own.

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
