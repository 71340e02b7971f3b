"""How dissimilar images are to each other, and to themselves at another scale, in means with intervals."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.data.views import Photographs
from dsd.gram import l1_norm
from dsd.quality.resampling import interval

# Of a batch, and of its smaller copy: Gram matrices by (side of the square, padding, descriptor).
Encode = Callable[[Tensor], Mapping[tuple[int, str, str], tuple[Tensor, Tensor]]]

COLUMNS = (
    *("images", "side", "padding", "minus", "descriptor", "kind", "count"),
    *("mean", "mean_low", "mean_high", "ratio", "ratio_low", "ratio_high"),
)


@torch.inference_mode()
def dissimilarities(
    photographs: Photographs,
    pairs: Sequence[tuple[int, int]],
    kind: str,
    encode: Encode,
    *,
    batch_size: int = 8,
    workers: int = 0,
) -> pd.DataFrame:
    """‖G(x) − G(y)‖₁ of pairs of views x, y, and ‖G(x) − G(x↓alpha)‖₁ of both.

    Args:
        photographs: the views.
        pairs: indices of two views each.
        kind: what the pairs are called.
        encode: batch of images → Gram matrices of both scales, see :func:`.encode_scales`.
        batch_size: views encoded at a time (an odd number: one more).
        workers: processes that load images; 0 loads in this one.

    Returns:
        One row per square, padding, descriptor and pair, in the pairs' order: `images`, `side`, `padding`,
        `descriptor`, `kind`, `between` (the two views), `own` (mean of both views' with their smaller copies).
    """
    values: dict[tuple[int, str, str], tuple[list[float], list[float]]] = {}  # small tensors kept would split the heap
    views = photographs.subset(index for pair in pairs for index in pair)
    batches = DataLoader(views, batch_size + batch_size % 2, num_workers=workers)
    for x in tqdm(batches, desc=f"{photographs.name}: {kind}", unit="batch"):
        for key, (g, small) in encode(x).items():
            between, own = values.setdefault(key, ([], []))
            first, second = g.unflatten(0, (-1, 2)).unbind(dim=1)
            between += l1_norm(first - second).tolist()
            own += l1_norm(g - small).unflatten(0, (-1, 2)).mean(dim=1).tolist()
    tables = [
        pd.DataFrame(dict(zip(("side", "padding", "descriptor"), key, strict=True)) | {"between": between, "own": own})
        for key, (between, own) in values.items()
    ]
    return pd.concat(tables, ignore_index=True).assign(images=photographs.name, kind=kind)


def summarise(values: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Means of :func:`dissimilarities`, their ratios to Random, and the differences of Self between paddings.

    Intervals are 95 % bootstrap intervals (percentile). Pairs are resampled, Self with Random, as if they were
    independent: crops of one photograph are not, and their intervals too narrow. All paddings have the same resamples,
    so that the interval of a difference is a paired one.

    Args:
        values: of Random pairs, and of Same class pairs where there are some.
        resamples: how many.
        seed: of them.

    Returns:
        One row per `images`, `side`, `padding`, `descriptor` and `kind`. Random, Same class, Self: `count` of pairs or
        views, `mean`, and `ratio` to the mean of Random of the same images (for Random: to its own mean). Difference:
        its `ratio` is Self's with this padding less Self's with the padding `minus`. All with `_low` and `_high`.

    Raises:
        ValueError: images without Random pairs, or whose Random pairs are all equal or not finite.
    """
    rows: list[tuple] = []
    selves: dict[tuple, dict[Any, pd.Series]] = {}
    for (images, side, padding, descriptor), group in values.groupby(
        ["images", "side", "padding", "descriptor"], sort=False
    ):
        pairs = {kind: of_kind[["between", "own"]] for kind, of_kind in group.groupby("kind", sort=False)}
        means = {kind: _means(pairs[kind], resamples, [seed, kind == "Random"]) for kind in pairs}
        if "Random" not in means:
            raise ValueError(f"{images} has no Random pairs, which the others are compared with")
        random = means["Random"].between
        if not random[0] > 0:
            raise ValueError(f"Random pairs of {images} must differ from each other, their mean is {random[0]:g}")
        counts = {kind: len(of_kind) for kind, of_kind in pairs.items()} | {"Self": 2 * len(pairs["Random"])}
        values_of = {kind: mean.between for kind, mean in means.items()} | {"Self": means["Random"].own}
        for kind, mean in values_of.items():
            ratio = mean / (random[0] if kind == "Random" else random)
            key = images, side, padding, None, descriptor, kind, counts[kind]
            rows.append((*key, *interval(mean), *interval(ratio)))
        selves.setdefault((images, side, descriptor, counts["Self"]), {})[padding] = means["Random"].own / random
    for (images, side, descriptor, count), ratios in selves.items():
        for padding, minus in combinations(ratios, 2):
            key = images, side, padding, minus, descriptor, "Difference", count
            rows.append((*key, np.nan, np.nan, np.nan, *interval(ratios[padding] - ratios[minus])))
    return pd.DataFrame(rows, columns=COLUMNS)


def _means(pairs: pd.DataFrame, resamples: int, seed: Sequence[int]) -> pd.DataFrame:
    """Each column's mean, then its means over resamples of the rows."""
    times = np.random.default_rng(seed).multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), resamples)
    values = pairs.to_numpy(float)
    return pd.DataFrame(np.vstack([values.mean(axis=0), times @ values / len(pairs)]), columns=pairs.columns)
