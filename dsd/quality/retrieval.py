"""What nearest neighbours have in common with their image: its class, and what is easily seen."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from dsd.quality.resampling import interval
from dsd.quality.statistics import STATISTICS

CHANCE = "Chance"


def nearest_of_each(distances: np.ndarray, count: int) -> np.ndarray:
    """The nearest other images of each image; of equal ones the first.

    Args:
        distances: (N, N), of images from each other.
        count: how many, below N.

    Returns:
        Their indices, from the nearest on, (N, count).

    Example:
        >>> nearest_of_each(np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]]), 1)
        array([[1],
               [0],
               [0]])
    """
    others = np.where(np.eye(len(distances), dtype=bool), np.inf, distances)
    return np.argsort(others, axis=1, kind="stable")[:, :count]


def agreement(neighbours: np.ndarray, images: pd.DataFrame) -> pd.DataFrame:
    """How much each image has in common with its neighbours, on average over them.

    Args:
        neighbours: indices of images, (N, k).
        images: a row for each of the N: `group`, and a column for each of `STATISTICS`.

    Returns:
        A row for each image: ``same class``, the share of its neighbours that are of its group; and for each statistic
        how far apart they are, |difference of ranks| / (N − 1): 0 is equal rank, 1 are both ends.
    """
    groups = images.group.to_numpy()
    columns = {"same class": groups[neighbours] == groups[:, None]}
    for name in STATISTICS:
        rank = images[name].rank().to_numpy() / (len(images) - 1)
        columns[name] = np.abs(rank[neighbours] - rank[:, None])
    return pd.DataFrame({name: values.mean(axis=1) for name, values in columns.items()})


def everyone(count: int) -> np.ndarray:
    """All others as the neighbours of each image, (count, count − 1): what :func:`agreement` is by chance.

    Example:
        >>> everyone(3)
        array([[1, 2],
               [0, 2],
               [0, 1]])
    """
    others = np.arange(count - 1)[None].repeat(count, axis=0)
    return others + (others >= np.arange(count)[:, None])


def summarise(
    values: Mapping[str, pd.DataFrame], minus: Sequence[str], *, resamples: int = 2000, seed: int = 0
) -> pd.DataFrame:
    """Means of :func:`agreement` over images, and of the differences of the first descriptor from others.

    Intervals are 95 % bootstrap intervals (percentile). Images are resampled as queries, all descriptors alike: those
    of differences are paired. The collection that is searched stays as it is.

    Args:
        values: of each descriptor.
        minus: descriptors that are taken from the first one.
        resamples: how many.
        seed: of them.

    Returns:
        `descriptor`, `minus` (None, or what is taken from it), `quantity`, `value`, `low`, `high`.
    """
    first = next(iter(values))
    wanted: dict[tuple[str, str | None], pd.DataFrame] = {(name, None): of for name, of in values.items()}
    wanted |= {(first, other): values[first] - values[other] for other in minus}
    count = len(values[first])
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples) / count
    rows = []
    for (name, other), of in wanted.items():
        means = pd.DataFrame(np.vstack([of.mean(), times @ of.to_numpy()]), columns=of.columns)
        rows += [(name, other, quantity, *interval(means[quantity])) for quantity in of.columns]
    return pd.DataFrame(rows, columns=["descriptor", "minus", "quantity", "value", "low", "high"])
