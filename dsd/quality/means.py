"""Means over images, and how far they can be trusted."""

import numpy as np
import pandas as pd
from scipy.stats import t as student


def over_images(values: pd.DataFrame, seed: int = 0, resamples: int = 2000) -> pd.DataFrame:
    """The mean over images, and its 95 % bootstrap interval (percentile): images are drawn with replacement.

    Args:
        values: a row for each image, a column for each measure; NaN where an image does not have it.
        seed: of the draws.
        resamples: how many.

    Returns:
        Rows ``mean``, ``low`` and ``high``, the same columns. The interval of one image is NaN.

    Example:
        >>> over_images(pd.DataFrame({"psnr": [20.0, 30.0]})).psnr.tolist()
        [25.0, 20.0, 30.0]
    """
    x = values.to_numpy(float)
    known = np.isfinite(x)
    drawn = np.random.default_rng(seed).multinomial(len(x), np.full(len(x), 1 / len(x)), resamples)
    times = np.vstack([np.ones((1, len(x))), drawn])
    count = times @ known
    means = np.where(count > 0, times @ np.where(known, x, 0) / np.maximum(count, 1), np.nan)
    ends = np.full((2, x.shape[1]), np.nan)
    several = known.sum(axis=0) > 1
    ends[:, several] = np.nanpercentile(means[1:, several], [2.5, 97.5], axis=0)
    return pd.DataFrame([means[0], *ends], index=["mean", "low", "high"], columns=values.columns)


def beyond(mean: float, low: float, high: float, std: float, seeds: int) -> str:
    """Which noise a difference of two trained networks exceeds.

    Args:
        mean: the difference.
        low: lower end of its interval over images.
        high: upper end.
        std: its standard deviation over trainings; NaN for one.
        seeds: how many trainings both have.

    Returns:
        ``"images"``: the interval is without 0. ``"seeds"``: so is Student's 95 % interval of the mean over seeds. Both
        joined by "and", or ``"nothing"``. Of one seed: ``"images, one seed"`` or ``"nothing"``.

    Example:
        >>> beyond(0.1, 0.05, 0.3, 0.01, 3)
        'images and seeds'
    """
    images = low > 0 or high < 0
    if np.isnan(std):
        return "images, one seed" if images else "nothing"
    over_seeds = abs(mean) > student.ppf(0.975, seeds - 1) * std / np.sqrt(seeds)
    return " and ".join([*(["images"] if images else []), *(["seeds"] if over_seeds else [])]) or "nothing"
