"""Images as symmetric matrices by three descriptors, DSD, Gram and RGB patches, and how far apart these are."""

from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.backbones.base import Backbone
from dsd.data.views import Photographs
from dsd.descriptor import gram_matrices
from dsd.gram import patch_gram
from dsd.quality.statistics import statistics
from dsd.scan.fingerprints import l1_distances, times_in_matrix, upper_triangle

DSD, GRAM, RGB = "DSD", "Gram", "RGB patches"


@torch.inference_mode()
def encode_views(
    photographs: Photographs,
    network: Backbone,
    alpha: float,
    patch_size: int,
    *,
    batch_size: int = 8,
    workers: int = 0,
) -> tuple[dict[tuple[str, str], np.ndarray], pd.DataFrame]:
    """Every view by each descriptor, and what is easily seen in it.

    Args:
        photographs: the views.
        network: the backbone.
        alpha: scaling factor of DSD.
        patch_size: side of the RGB patches.
        batch_size: views in memory at a time.
        workers: processes that load images; 0 loads in this one.

    Returns:
        {(descriptor, layer): float32 (N, C·(C+1)/2)}, upper triangles; the layer of RGB patches is "". And the columns
        of :func:`dsd.quality.statistics.statistics`, a row for each view.
    """
    parts: dict[tuple[str, str], list[np.ndarray]] = {}
    columns: dict[str, list[float]] = {}
    for x in tqdm(DataLoader(photographs, batch_size, num_workers=workers), desc=photographs.name, unit="batch"):
        grams = gram_matrices(x.to(network.device), network, (1, alpha))
        matrices = {(GRAM, layer): grams[layer, 1] for layer in network.layers}
        matrices |= {(DSD, layer): grams[layer, 1] - grams[layer, alpha] for layer in network.layers}
        matrices[RGB, ""] = patch_gram(x, patch_size)
        for key, matrix in matrices.items():
            parts.setdefault(key, []).append(upper_triangle(matrix).numpy(force=True))
        for name, values in statistics(x).items():
            columns.setdefault(name, []).extend(values.tolist())
    return {key: np.concatenate(of) for key, of in parts.items()}, pd.DataFrame(columns)


def all_distances(triangles: np.ndarray, distance: Literal["L1", "Euclidean"]) -> np.ndarray:
    """The distances of all matrices from each other, given as upper triangles.

    Args:
        triangles: (N, C·(C+1)/2).
        distance: ``"L1"``, the mean of |A − B| over the C² entries, or ``"Euclidean"``, √ΣΣ(A − B)².

    Returns:
        float32 (N, N).

    Example:
        >>> all_distances(np.float32([[0, 0, 0], [1, 2, 0]]), "Euclidean")[0]  # of [[1, 2], [2, 0]] from 0
        array([0., 3.], dtype=float32)
    """
    if distance == "L1":
        return l1_distances(triangles, triangles)
    whole = torch.from_numpy(triangles * times_in_matrix(triangles.shape[1]) ** 0.5)
    return torch.cdist(whole, whole, compute_mode="use_mm_for_euclid_dist_if_necessary").numpy()
