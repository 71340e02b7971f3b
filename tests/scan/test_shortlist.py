import sys
from importlib.util import find_spec

import numpy as np
import pytest

from dsd.scan.fingerprints import l1_distances
from dsd.scan.neighbours import Index, nearest
from dsd.scan.shortlist import euclidean, shortlist

needs_usearch = pytest.mark.skipif(find_spec("usearch") is None, reason="usearch is not installed")


@pytest.fixture
def index(tmp_path):
    """500 fingerprints of 8 channels in ten clusters, of which the first has none."""
    random = np.random.default_rng(0)
    rows = (random.normal(size=(10, 36)).repeat(50, axis=0) + 0.3 * random.normal(size=(500, 36))).astype(np.float16)
    rows[0] = np.nan
    return Index(rows, [], {}, tmp_path / "prints.fingerprints.npy")


@needs_usearch
def test_holds_the_nearest_and_is_made_once(index, tmp_path):
    recall = []
    for number in range(1, 500, 25):
        query = index.rows[number : number + 1]
        some = shortlist(index, query, 100)
        assert (len(some), 0 in some) == (100, False)
        exact = nearest(l1_distances(index.rows, query)[0], 10)
        recall.append(np.isin(exact, some).mean())
    assert np.mean(recall) > 0.95
    (made,) = tmp_path.iterdir()
    assert made.name == "prints.fingerprints.usearch"


@needs_usearch
def test_a_damaged_graph_is_made_again(index, tmp_path):
    (tmp_path / "prints.fingerprints.usearch").write_text("notes")
    assert 7 in shortlist(index, index.rows[7:8], 20)


def test_distances_are_euclidean_of_whole_matrices():
    rows = np.random.default_rng(1).normal(size=(2, 36)).astype(np.float32)
    i, j = np.triu_indices(8)
    whole = np.zeros((2, 8, 8))
    whole[:, i, j] = whole[:, j, i] = rows
    expected = np.linalg.norm(whole[0] - whole[1])
    assert np.linalg.norm(np.subtract(*euclidean(rows).astype(float))) == pytest.approx(expected, rel=1e-3)


def test_says_what_to_install(index, monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ModuleNotFoundError, match=r"--shortlist needs usearch: pip install '\.\[neighbours\]'"):
        shortlist(index, index.rows[1:2])
