"""Fingerprints: a DSD matrix as a row of numbers, and how far two are from each other.

A DSD is symmetric: its upper triangle with the diagonal is kept, row by row, as float16 times `SCALE`.
"""

import math

import numpy as np
import torch
from torch import Tensor

# Of photographs, no entry at any layer of the backbones here exceeds 31; of full-contrast checkerboards, 1280. float16
# ends at 65504. Rounding moves an L1 distance of photographs by less than 1e-4 of its value.
SCALE = 16.0
VALUES_AT_ONCE = 2**22  # 16 MB in float32


def upper_triangle(matrices: Tensor) -> Tensor:
    """The upper triangle with the diagonal, row by row, of symmetric matrices.

    Args:
        matrices: (N, C, C).

    Returns:
        (N, C·(C+1)/2).

    Example:
        >>> upper_triangle(torch.tensor([[[1, 2], [2, 3]]]))
        tensor([[1, 2, 3]])
    """
    rows, columns = torch.triu_indices(*matrices.shape[1:], device=matrices.device)
    return matrices[:, rows, columns]


def encode(matrices: Tensor) -> np.ndarray:
    """DSD matrices as rows of a file of fingerprints: `SCALE` times their upper triangle.

    Rounded to 11 bits. A matrix with an entry beyond ±65504/`SCALE` has no fingerprint: its row is NaN.

    Args:
        matrices: float (N, C, C), symmetric.

    Returns:
        float16 (N, C·(C+1)/2).

    Example:
        >>> encode(torch.tensor([[[1.0, 0.5], [0.5, 2.0]], [[1.0, 0.5], [0.5, 9999.0]]])).tolist()
        [[16.0, 8.0, 32.0], [nan, nan, nan]]
    """
    rows = (SCALE * upper_triangle(matrices)).half()
    return rows.where(rows.isfinite().all(dim=1, keepdim=True), torch.nan).numpy(force=True)


def channels_of(entries: int) -> int:
    """C, where a triangle has C·(C+1)/2 entries.

    Example:
        >>> channels_of(8256)
        128
    """
    return math.isqrt(2 * entries)


def times_in_matrix(entries: int) -> np.ndarray:
    """How often each entry of an upper triangle stands in its matrix: once on the diagonal, else twice; float32.

    Example:
        >>> times_in_matrix(3)
        array([1., 2., 1.], dtype=float32)
    """
    i, j = np.triu_indices(channels_of(entries))
    return np.where(i == j, 1, 2).astype(np.float32)


def l1_distances(rows: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """‖A − B‖₁, the mean of |A − B| over all C² entries, of symmetric matrices of which the upper triangles are given.

    An entry beside the diagonal stands for two of the matrix. In parts of 16 MB; the distances are all that grows.

    Args:
        rows: upper triangles with the diagonal of N matrices A, float (N, C·(C+1)/2); may be mapped into memory.
        queries: of Q matrices B, likewise.

    Returns:
        float32 (Q, N); NaN where a row is. Fingerprints are `SCALE` times a DSD, and so is this.

    Example:
        >>> l1_distances(np.float32([[1, 2, 3]]), np.float32([[0, 0, 0], [1, 2, 7]]))  # (1 + 2 + 2 + 3) / 4; 4 / 4
        array([[2.],
               [1.]], dtype=float32)
    """
    share = torch.from_numpy(times_in_matrix(rows.shape[1]) / channels_of(rows.shape[1]) ** 2)
    weighted = share * _float32(queries)
    step = max(1, VALUES_AT_ONCE // rows.shape[1])
    distances = np.empty((len(queries), len(rows)), np.float32)
    for start in range(0, len(rows), step):
        part = _float32(rows[start : start + step]) * share
        distances[:, start : start + step] = torch.cdist(weighted, part, p=1).numpy()
    return distances


def _float32(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
