"""A shortlist of near images out of a large collection: usearch's graph of Euclidean neighbours."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from dsd.atomic import atomic_write
from dsd.data.files import file_digest
from dsd.scan.fingerprint_files import graph_file, remove_graphs
from dsd.scan.fingerprints import times_in_matrix
from dsd.scan.neighbours import Index

if TYPE_CHECKING:
    import usearch.index

COUNT = 200  # of the shortlist, of which L1 then chooses
ROWS_AT_ONCE = 1024


def shortlist(index: Index, query: np.ndarray, count: int = COUNT) -> np.ndarray:
    """Indices of about the nearest images by the Euclidean distance of their DSD matrices.

    The graph that finds them is made at the first call, and kept beside the fingerprints. It is approximate: exact L1
    distances of these images are to follow. Only when it is made are the fingerprints compared with their SHA-256.

    Args:
        index: the fingerprints.
        query: a fingerprint, float16 (1, entries).
        count: how many.

    Raises:
        ModuleNotFoundError: usearch is not installed.
        ValueError: the fingerprints have changed since the scan wrote them.
    """
    graph = new_graph(index.rows.shape[1])
    place = graph_file(index.place, index.about["sha256"])
    if not view(graph, place):
        if file_digest(index.place) != index.about["sha256"]:
            raise ValueError(
                f"{index.place} is damaged: its SHA-256 is not the one in the .json beside it. "
                "Remove both and the table, and repeat the scan"
            )
        remove_graphs(index.place)
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


def view(graph: "usearch.index.Index", place: Path) -> bool:
    """Map a stored graph into memory; False: there is none, or it is damaged."""
    if not place.exists() or not place.stat().st_size:
        return False  # of these, usearch 2.26 closes file descriptor 0, the standard input
    try:
        graph.view(str(place))
    except RuntimeError:
        return False
    return True


def add_rows(graph: "usearch.index.Index", rows: np.ndarray) -> None:
    """Add fingerprints to a graph, each by its index; those of images without one are left out."""
    for start in tqdm(range(0, len(rows), ROWS_AT_ONCE), desc="shortlist", unit="block", delay=1):
        some = rows[start : start + ROWS_AT_ONCE]
        keys = start + np.flatnonzero(np.isfinite(some[:, 0]))
        graph.add(keys, euclidean(rows[keys]))


def euclidean(rows: np.ndarray) -> np.ndarray:
    """Upper triangles whose Euclidean distance, times √2, is that of the whole matrices: their diagonal divided by √2.

    Example:
        >>> euclidean(np.float16([[1, 2, 3]]))
        array([[0.707, 2.   , 2.121]], dtype=float16)
    """
    return (rows * (times_in_matrix(rows.shape[1]) / 2) ** 0.5).astype(np.float16)
