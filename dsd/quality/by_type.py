"""Agreement of measures with people by type of distortion: where a measure follows them, and what it gets wrong."""

import numpy as np
import pandas as pd

from dsd.data.rated import RatedImages
from dsd.quality.evaluate import Agreement, majorities, pair_differences
from dsd.quality.resampling import Bootstrap


def by_type(scores: pd.DataFrame, rated: RatedImages, *, resamples: int = 2000, seed: int = 0) -> dict[str, Agreement]:
    """Agreement with people for each type of distortion, with Δ = L(b, ref) − L(a, ref) as in :func:`.agreement`.

    - `agreement`: as there, over the pairs of which one image or both are of the type.
    - `bias`: over the pairs of which one image is of the type: the share in which the measure calls this image the
      worse one, less the share in which most people do; ties count one half. Above 0 the measure is too hard on the
      type, below 0 too soft. It is how far the type's images rank too low or too high, on a scale of 0 to 1.
    - `pearson_without`: correlation of preference and Δ over all other pairs, those without an image of the type.

    Args:
        scores: as from :func:`.score`.
        rated: the pairs. Images without a type are compared with, but no type of their own.
        resamples: of the bootstrap, over references and images.
        seed: of the bootstrap.

    Returns:
        {type: statistics of each measure}, in alphabetical order.

    Raises:
        ValueError: `scores` lacks an image of `rated`, or has one twice.
    """
    delta = pair_differences(scores, rated)
    measures, x = list(delta.columns), delta.to_numpy()
    preference, majority = np.array([[pair.preference] for pair in rated.pairs]), majorities(rated)[:, None]
    type_a, type_b = (np.array([rated.type_of(getattr(pair, end)) for pair in rated.pairs]) for end in "ab")
    types = sorted({*type_a, *type_b} - {""})
    if not types:
        return {}
    # A column for each measure and type.
    of_a, of_b = (np.repeat(at[:, None] == types, len(measures), axis=1) for at in (type_a, type_b))
    x = np.tile(x, len(types))
    said, worse = np.sign(x), np.where(of_b, 1, -1)  # the sign of Δ that calls the image of the type the worse one
    bootstrap = Bootstrap(rated, resamples, seed)
    columns = {
        "agreement": bootstrap.mean((1 + majority * said) / 2, (of_a | of_b) & (majority != 0)),
        "bias": bootstrap.mean(worse * (said - majority) / 2, of_a ^ of_b),
        "pearson_without": bootstrap.correlation(x, preference, ~(of_a | of_b)),
    }
    parts = {name: np.split(values, len(types), axis=1) for name, values in columns.items()}
    return {
        kind: Agreement({name: pd.DataFrame(part[index], columns=measures) for name, part in parts.items()})
        for index, kind in enumerate(types)
    }
