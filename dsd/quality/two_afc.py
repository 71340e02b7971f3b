"""How a measure agrees with people's judgements: the 2AFC score and the JND mean average precision of LPIPS."""

import numpy as np


def two_afc(d0: np.ndarray, d1: np.ndarray, share: np.ndarray) -> np.ndarray:
    r"""2AFC score of each triplet: the share of people who chose the image that the measure finds closer.

    .. math:: p\,[d_1 < d_0] + (1 - p)\,[d_0 < d_1] + \tfrac12\,[d_0 = d_1]

    Args:
        d0: distances of the first image to the reference, (N,) or (N, K) of K measures.
        d1: of the second, likewise.
        share: p, of people who found the second image closer, (N,).

    Returns:
        Scores from 0 to 1, of the shape of `d0`. NaN where a distance is NaN.

    Raises:
        ValueError: shapes that do not belong together, or a share outside [0, 1].

    Reference:
        Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018.

    Example:
        >>> two_afc(np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.6, 0.3]), np.array([0.75] * 3)).tolist()
        [0.75, 0.25, 0.5]
    """
    if d0.shape != d1.shape or d0.shape[:1] != share.shape:
        shapes = ", ".join(str(values.shape) for values in (d0, d1, share))
        raise ValueError(f"d0 and d1 must be of one shape (N,) or (N, K), share of shape (N,); got {shapes}")
    _check_shares(share, "share")
    p = share.reshape(-1, *[1] * (d0.ndim - 1))
    scores = np.where(d0 == d1, 0.5, np.where(d1 < d0, p, 1 - p))
    return np.where(np.isnan(d0) | np.isnan(d1), np.nan, scores)


def ceiling(share: np.ndarray) -> np.ndarray:
    """How often one person agrees with another, p² + (1 − p)²: what people themselves score, (N,).

    Args:
        share: p, (N,).

    Raises:
        ValueError: a share outside [0, 1].

    Example:
        >>> ceiling(np.array([0.5, 1.0])).tolist()
        [0.5, 1.0]
    """
    _check_shares(share, "share")
    return share**2 + (1 - share) ** 2


def jnd_precision(distance: np.ndarray, same: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
    """JND mean average precision: the area under the curve of precision over recall, of "both are the same".

    Pairs are taken in the order of their distance. `same` counts softly: a pair that half of the people call the same
    is half right, half wrong. Precision is first made to fall with recall, as in the LPIPS repository. Equal distances
    keep the order of the pairs.

    Args:
        distance: of each pair, (N,).
        same: the share of people who called it the same, (N,).
        times: how often each pair counts, (R, N); None: once. The copies of a pair are taken at once.

    Returns:
        (R,), from 0 to 1; of one row without `times`. NaN where nobody called any pair the same, or a distance is NaN.

    Raises:
        ValueError: shapes that do not belong together, or a share outside [0, 1].

    Reference:
        Zhang et al., CVPR 2018, and the code of its repository, ``score_jnd_dataset`` and ``voc_ap``.

    Example:
        >>> jnd_precision(np.array([0.1, 0.3, 0.2]), np.array([1.0, 0.0, 1.0])).tolist()
        [1.0]
    """
    times = np.ones((1, len(distance))) if times is None else times
    if distance.ndim != 1 or distance.shape != same.shape or times.shape[1:] != same.shape:
        shapes = ", ".join(str(values.shape) for values in (distance, same, times))
        raise ValueError(f"distance and same must be of shape (N,), times of shape (R, N); got {shapes}")
    _check_shares(same, "same")
    if np.isnan(distance).any():
        return np.full(len(times), np.nan)
    order = np.argsort(distance, kind="stable")
    times, same = times[:, order], same[order]
    right, seen = np.cumsum(times * same, axis=1), np.cumsum(times, axis=1)
    with np.errstate(invalid="ignore"):
        precision = np.where(seen > 0, right / seen, 0)
        recall = right / right[:, -1:]
    falling = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    return (np.diff(recall, axis=1, prepend=0) * falling).sum(axis=1)


def _check_shares(shares: np.ndarray, name: str) -> None:
    if not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"{name} must be shares from 0 to 1, got {shares.min()!r} to {shares.max()!r}")
