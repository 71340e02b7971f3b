"""How alike two sets of points are, by distances between their points."""

import numpy as np
from scipy.spatial.distance import cdist
from scipy.special import softmax

from dsd.checks import check_number, is_number


def contextual_similarity(a: np.ndarray, b: np.ndarray, bandwidth: float = 0.5, epsilon: float = 1e-5) -> float:
    r"""CX(a, b) by squared Euclidean distances: how well each point of b is found somewhere in a.

    .. math::
        d_{ij} = \lVert a_i - b_j \rVert^2, \quad
        w_{ij} = \exp\frac{1 - d_{ij} / (\min_k d_{ik} + \epsilon)}{h}, \quad
        CX = \frac{1}{P_b} \sum_j \max_i \frac{w_{ij}}{\sum_k w_{ik}}

    For images :func:`dsd.contextual.contextual` has −log CX, by cosine distances of features: those leave out how long
    a feature is, which of points in a plane is too much.

    Args:
        a: points, (P_a, C).
        b: points of the reference, (P_b, C); at least two, or CX is 1 whatever a is.
        bandwidth: h, above 0.
        epsilon: ε, above 0.

    Returns:
        From 1/P_b, where all of a is nearest to one point or far from all, to 1, where each of b has one of a that is
        much nearer to it than to the others.

    Raises:
        ValueError: not two sets of points in one space, a single b, a number that is none or out of range.

    Reference:
        Mechrez et al., "The contextual loss for image transformation with non-aligned data", ECCV 2018.

    Example:
        >>> b = np.array([[0.0, 0.0], [0.0, 9.0]])
        >>> contextual_similarity(b, b), round(contextual_similarity(b + [99, 0], b), 3)
        (1.0, 0.504)
    """
    d = _distances(a, b)
    if len(b) < 2:
        raise ValueError("b must have at least two points, or CX is 1 whatever a is; got 1")
    if not (is_number(bandwidth) and bandwidth > 0):
        raise ValueError(f"bandwidth must be a positive number, got {bandwidth!r}")
    if not check_number(epsilon, "epsilon"):
        raise ValueError("epsilon must be above 0, got 0")
    relative = d / (d.min(axis=1, keepdims=True) + epsilon)
    return float(softmax((1 - relative) / bandwidth, axis=1).max(axis=0).mean())


def chamfer(a: np.ndarray, b: np.ndarray) -> float:
    """Chamfer distance: mean_i min_j ‖a_i − b_j‖² + mean_j min_i ‖a_i − b_j‖².

    Args:
        a: points, (P_a, C).
        b: points, (P_b, C).

    Returns:
        At least 0.

    Raises:
        ValueError: not two sets of points in one space.

    Reference:
        Fan et al., "A point set generation network for 3D object reconstruction from a single image", CVPR 2017.

    Example:
        >>> chamfer(np.array([[0.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 3.0]]))  # 1 + (1 + 9) / 2
        6.0
    """
    d = _distances(a, b)
    return float(d.min(axis=1).mean() + d.min(axis=0).mean())


def paired_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared L2 distance of points that are paired by their order, as pixels are by their place: mean_i ‖a_i − b_i‖².

    Args:
        a: points, (P, C).
        b: points, (P, C).

    Returns:
        At least 0.

    Raises:
        ValueError: not two sets of as many points in one space.

    Example:
        >>> paired_distance(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 2.0], [1.0, 1.0]]))
        2.0
    """
    _check(a, b)
    if len(a) != len(b):
        raise ValueError(f"points that are paired must be as many, got {len(a)} and {len(b)}")
    return float(((a - b) ** 2).sum(axis=1).mean())


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """‖a_i − b_j‖², (P_a, P_b)."""
    _check(a, b)
    return cdist(a, b, "sqeuclidean")


def _check(a: np.ndarray, b: np.ndarray) -> None:
    shapes = np.shape(a), np.shape(b)
    if not all(len(shape) == 2 and min(shape) > 0 for shape in shapes) or shapes[0][1] != shapes[1][1]:
        raise ValueError(f"a and b must be points in one space, (P, C) each; got shapes {shapes[0]}, {shapes[1]}")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a and b must be finite, one has NaN or infinity")
