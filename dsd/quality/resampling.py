"""How far sums over rated pairs can be trusted: references and images are drawn again and again, pairs follow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from dsd.data.rated import RatedImages

WEIGHTS_AT_ONCE = 2**23  # 64 MB


@dataclass(frozen=True)
class Bootstrap:
    """Means and correlations over rated pairs, and what they are for resampled images.

    A resample draws with replacement at both levels. First it draws references, as many as there are. Then it draws
    images of each drawn reference, as many as that one has. A pair counts as often as its two images were drawn
    together; an image is never a pair with itself.

    With one reference, only its images are drawn: the spread says nothing about other references. Two results of one
    `Bootstrap` are of the same resamples: their difference is a paired one.

    Args:
        rated: the pairs.
        resamples: how many.
        seed: of the draws.

    Reference:
        Davison & Hinkley, "Bootstrap methods and their application", 1997, Sec. 3.8: hierarchical data. The book also
        draws the lower level without replacement. Here both levels are drawn with replacement.

    Example:
        >>> from pathlib import Path
        >>> from dsd.data.rated import Pair
        >>> x, a, b, c = (Path(name) for name in ("x.png", "a.png", "b.png", "c.png"))
        >>> rated = RatedImages("set", [Pair(x, a, b, 0.7), Pair(x, b, c, 0.1), Pair(x, a, c, 0.9)], "probability")
        >>> of_all, *resampled = Bootstrap(rated, resamples=100).mean(np.array([[1.0], [2.0], [6.0]]))[:, 0]
        >>> float(of_all), len(resampled)
        (3.0, 100)
    """

    rated: RatedImages
    resamples: int = 2000
    seed: int = 0

    def mean(self, values: np.ndarray, mask: np.ndarray | bool = True) -> np.ndarray:
        """Mean of each column over the pairs where `mask` is true.

        Args:
            values: a row for each pair, (pairs, K).
            mask: which of them count, (pairs, K) or what can be broadcast to it.

        Returns:
            (1 + resamples, K): of all pairs, then of each resample. NaN where there are none.
        """
        weight = np.broadcast_to(mask, values.shape).astype(float)
        total, count = np.hsplit(self._totals(np.hstack([np.where(mask, values, 0), weight])), 2)
        with np.errstate(invalid="ignore"):
            return total / count

    def correlation(self, x: np.ndarray, y: np.ndarray, mask: np.ndarray | bool = True) -> np.ndarray:
        """Pearson correlation of each column of `x` with that of `y` over the pairs where `mask` is true.

        Args:
            x: a row for each pair, (pairs, K).
            y: likewise, or what can be broadcast to it.
            mask: as for :meth:`mean`.

        Returns:
            As of :meth:`mean`. NaN where it is not defined: constant columns, or values that are not finite.
        """
        weight = np.broadcast_to(mask, x.shape).astype(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            x, y = (_centred(np.where(mask, values, 0), weight) for values in (x, np.broadcast_to(y, x.shape)))
            columns = (weight, x, y, x * x, y * y, x * y)
            n, sx, sy, sxx, syy, sxy = np.hsplit(self._totals(np.hstack(columns)), len(columns))
            of_x, of_y = sxx - sx**2 / n, syy - sy**2 / n
            constant = (of_x <= 1e-12 * of_x[0]) | (of_y <= 1e-12 * of_y[0])
            return np.where(constant, np.nan, (sxy - sx * sy / n) / np.sqrt(of_x * of_y)).clip(-1, 1)

    def _totals(self, values: np.ndarray) -> np.ndarray:
        """Sums over pairs, each as often as it counts: all once, then as drawn; (1 + resamples, columns)."""
        with np.errstate(invalid="ignore"):
            drawn = [sum(weights @ values[pairs] for pairs, weights in block) for block in self._blocks()]
            return np.vstack([values.sum(axis=0), *drawn])

    def _blocks(self) -> Iterator[Iterator[tuple[np.ndarray, np.ndarray]]]:
        """For some resamples at a time: each reference's pairs, and how often they count, (resamples, pairs)."""
        generator = np.random.default_rng(self.seed)
        pairs = pd.DataFrame(
            [(str(p.reference), str(p.a), str(p.b)) for p in self.rated.pairs], columns=["r", "a", "b"]
        )
        groups = [_numbered(group) for _, group in pairs.groupby("r", sort=False)]
        copies = generator.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), self.resamples)
        for some in np.array_split(copies, max(1, self.resamples * len(pairs) // WEIGHTS_AT_ONCE)):
            yield ((rows, _weights(a, b, times, generator)) for (rows, a, b), times in zip(groups, some.T, strict=True))


def _numbered(pairs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of one reference's pairs, and its images a and b as numbers from 0."""
    images, _ = pd.factorize(np.concatenate([pairs.a, pairs.b]))
    return pairs.index.to_numpy(), images[: len(pairs)], images[len(pairs) :]


def _weights(a: np.ndarray, b: np.ndarray, copies: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """How often one reference's pairs (a, b) count in resamples that have so many copies of it, (resamples, pairs)."""
    images = max(a.max(), b.max()) + 1
    drawn = generator.multinomial(images, np.full(images, 1 / images), copies.sum()).astype(float)
    weights = np.zeros((len(copies), len(a)))
    there = copies > 0
    if there.any():
        starts = np.cumsum(copies[there]) - copies[there]
        weights[there] = np.add.reduceat(drawn[:, a] * drawn[:, b], starts, axis=0)
    return weights


def _centred(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Columns less the mean of what counts; exactly 0 where that is constant, whatever the mean's rounding."""
    counts = weight > 0
    constant = np.where(counts, values, np.inf).min(axis=0) == np.where(counts, values, -np.inf).max(axis=0)
    mean = values.sum(axis=0, where=counts) / counts.sum(axis=0)
    return np.where(counts & ~constant, values - mean, 0)


def interval(samples: pd.Series) -> tuple[float, float, float]:
    """An estimate and its 95 % percentile interval.

    Args:
        samples: the estimate, then those of the resamples.

    Returns:
        Estimate, lower and upper bound. Bounds are NaN where the estimate or all resamples are.
    """
    estimate, drawn = float(samples.iloc[0]), samples.iloc[1:].dropna()
    if np.isnan(estimate) or drawn.empty:
        return estimate, np.nan, np.nan
    low, high = np.percentile(drawn, [2.5, 97.5])
    return estimate, float(low), float(high)


def next_one(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of some values, and the 95 % interval in which one more of their kind lies: Student's t, normal values.

    Args:
        values: of one reference each, at least two.

    Returns:
        Mean, lower and upper bound.

    Example:
        >>> [round(value, 2) for value in next_one([0.1, 0.2, 0.3])]
        [0.2, -0.3, 0.7]
    """
    count = len(values)
    reach = student.ppf(0.975, count - 1) * np.std(values, ddof=1) * np.sqrt(1 + 1 / count)
    return float(np.mean(values)), float(np.mean(values) - reach), float(np.mean(values) + reach)
