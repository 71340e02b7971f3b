"""What ‖DSD‖ follows: its rank correlations, over images, with what is easily seen in them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dsd.quality.statistics import STATISTICS

TEXTURE = "high-frequency energy"


def follows(images: pd.DataFrame, networks: Sequence[str]) -> pd.DataFrame:
    """Spearman's rank correlation of each network's ‖DSD‖ with each of `STATISTICS`.

    Args:
        images: a row for each view: ‖DSD‖ in a column for each network, and a column for each of `STATISTICS`.
        networks: columns of ‖DSD‖. One that is named twice counts once.

    Returns:
        Networks × statistics.

    Example:
        >>> images = pd.DataFrame({"vgg19": [1, 2, 3]} | dict.fromkeys(STATISTICS, [3, 5, 9]))
        >>> follows(images, ["vgg19"]).contrast.item()
        1.0
    """
    columns = list(dict.fromkeys(networks))
    return images[[*columns, *STATISTICS]].corr("spearman").loc[columns, list(STATISTICS)]


def intervals(images: pd.DataFrame, networks: Sequence[str], *, seed: int, resamples: int = 1000) -> pd.DataFrame:
    """95 % bootstrap intervals of :func:`follows`. Photographs are resampled, each with all its views.

    Args:
        images: a row for each view: ‖DSD‖ in a column for each network, a column for each of `STATISTICS`, and the
            photograph that it is of, as `group` and `file`.
        networks: columns of ‖DSD‖.
        seed: of the resampling.
        resamples: how often.

    Returns:
        `low` and `high`, by network and statistic.
    """
    views = list(images.groupby(["group", "file"]).indices.values())
    random = np.random.default_rng(seed)
    correlations = []
    for _ in range(resamples):
        chosen = np.concatenate([views[k] for k in random.integers(len(views), size=len(views))])
        correlations.append(follows(images.iloc[chosen], networks).stack())
    return pd.DataFrame(correlations).quantile([0.025, 0.975]).T.set_axis(["low", "high"], axis=1)


def followed(ends: pd.DataFrame) -> str:
    """What ‖DSD‖ follows more than fine texture, where the intervals decide it.

    Args:
        ends: of one network: `low` and `high` of its correlations, by statistic; a part of :func:`intervals`.

    Returns:
        The statistics whose intervals lie above that of ``"high-frequency energy"``, joined by "and". "texture, too"
        where all others lie below it. "not decided" otherwise.
    """
    texture, others = ends.loc[TEXTURE], ends.drop(TEXTURE)
    if (others.high < texture.low).all():
        return "texture, too"
    return " and ".join(others.index[others.low > texture.high]) or "not decided"
