"""A shortlist of near images out of a large collection: usearch's graph of Euclidean neighbours."""

from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from dsd.atomic import atomic_write
from dsd.scan.fingerprints import times_in_matrix
from dsd.scan.neighbours import Index

if TYPE_CHECKING:
    import usearch.index

COUNT = 200  # of the shortlist, of which L1 then chooses
ROWS_AT_ONCE = 1024


def shortlist(index: Index, query: np.ndarray, count: int = COUNT) -> np.ndarray:
    """Indices of about the nearest images by the Euclidean distance of their DSD matrices.

    The graph that finds them is made at the first call, and kept beside the fingerprints. It is approximate: exact L1
    distances of these images are to follow.

    Args:
        index: the fingerprints.
        query: a fingerprint, float16 (1, entries).
        count: how many.

    Raises:
        ModuleNotFoundError: usearch is not installed.
    """
    graph = new_graph(index.rows.shape[1])
    place = index.place.with_suffix(".usearch")
    try:
        graph.view(str(place))
    except RuntimeError:  # there is none
        add_rows(graph, index.rows)
        with atomic_write(place) as file:
            graph.save(file.name)
    found = graph.search(euclidean(query)[0], count)
    return np.sort(found.keys.astype(np.int64))


def new_graph(entries: int) -> "usearch.index.Index":
    """An empty graph of so many float16 values a point.

    Raises:
        ModuleNotFoundError: usearch is not installed.
    """
    try:
        from usearch.index import Index as Graph
    except ImportError as error:
        raise ModuleNotFoundError("--shortlist needs usearch: pip install '.[neighbours]' in the repository") from error
    return Graph(
        ndim=entries, metric="l2sq", dtype="f16", connectivity=16, expansion_add=40, expansion_search=2 * COUNT
    )


def add_rows(graph: "usearch.index.Index", rows: np.ndarray) -> None:
    """Add fingerprints to a graph, each by its index; those of images without one are left out."""
    for start in tqdm(range(0, len(rows), ROWS_AT_ONCE), desc="shortlist", unit="block", delay=1):
        some = rows[start : start + ROWS_AT_ONCE]
        keys = start + np.flatnonzero(np.isfinite(some[:, 0]))
        graph.add(keys, euclidean(rows[keys]))


def euclidean(rows: np.ndarray) -> np.ndarray:
    """Upper triangles whose Euclidean distance is that of the whole matrices: entries beside the diagonal times √2.

    Example:
        >>> euclidean(np.float16([[1, 2, 3]]))
        array([[1.   , 2.828, 3.   ]], dtype=float16)
    """
    return (rows * times_in_matrix(rows.shape[1]) ** 0.5).astype(np.float16)
