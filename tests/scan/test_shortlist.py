import os
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from dsd.data.files import file_digest
from dsd.scan.fingerprint_files import graph_file
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
    return stored(rows, tmp_path)


def stored(rows, folder):
    """The index of some fingerprints, as a scan leaves them."""
    np.save(place := folder / "prints.fingerprints.npy", rows)
    return Index(rows, [], {"sha256": file_digest(place)}, place)


def graphs(folder):
    return sorted(folder.glob("*.usearch"))


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
    (made,) = graphs(tmp_path)
    assert made.name == f"prints.fingerprints.{index.about['sha256'][:8]}.usearch"


@needs_usearch
@pytest.mark.parametrize("content", [None, b"", b"notes"])
def test_a_missing_or_damaged_graph_is_made_again_and_standard_input_stays(index, content):
    if content is not None:
        graph_file(index.place, index.about["sha256"]).write_bytes(content)
    kept = os.dup(0)
    before = os.fstat(0)
    try:
        assert 7 in shortlist(index, index.rows[7:8], 20)
        assert os.path.samestat(os.fstat(0), before)
    finally:
        os.dup2(kept, 0)
        os.close(kept)


@needs_usearch
def test_a_graph_of_other_fingerprints_is_not_used(index, tmp_path):
    shortlist(index, index.rows[1:2])
    fewer = stored(index.rows[::-1][:3].copy(), tmp_path)
    assert 0 in (some := shortlist(fewer, fewer.rows[:1]))
    assert some.max() < 3
    assert graphs(tmp_path) == [graph_file(fewer.place, fewer.about["sha256"])]


@needs_usearch
def test_makes_no_graph_of_changed_fingerprints(index):
    np.save(index.place, index.rows[:-1])
    with pytest.raises(ValueError, match=r"prints\.fingerprints\.npy is damaged: its SHA-256"):
        shortlist(index, index.rows[1:2])


def test_order_of_distances_is_euclidean_of_whole_matrices():
    rows = np.random.default_rng(1).normal(size=(2, 36)).astype(np.float32)
    i, j = np.triu_indices(8)
    whole = np.zeros((2, 8, 8))
    whole[:, i, j] = whole[:, j, i] = rows
    expected = np.linalg.norm(whole[0] - whole[1])
    distance = np.linalg.norm(np.subtract(*euclidean(rows).astype(float)))
    assert 2**0.5 * distance == pytest.approx(expected, rel=1e-3)


def test_the_largest_fingerprint_stays_finite():
    assert np.isfinite(euclidean(np.full((1, 36), np.finfo(np.float16).max, np.float16))).all()


def test_says_what_to_install(index, monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ModuleNotFoundError, match=r"--shortlist needs usearch: pip install '\.\[neighbours\]'"):
        shortlist(index, index.rows[1:2])
