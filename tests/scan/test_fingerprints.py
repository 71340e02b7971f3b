import numpy as np
import pytest
import torch

from dsd.scan.fingerprints import SCALE, channels_of, encode, l1_distances, upper_triangle


def symmetric(count, channels, seed=0):
    values = np.random.default_rng(seed).normal(size=(count, channels, channels)).astype(np.float32)
    return values + values.transpose(0, 2, 1)


def test_distances_are_those_of_whole_matrices(monkeypatch):
    a, b = symmetric(7, 6), symmetric(3, 6, seed=1)
    expected = np.abs(b[:, None] - a[None]).mean(axis=(2, 3))
    rows, queries = (upper_triangle(torch.from_numpy(whole)).numpy() for whole in (a, b))
    np.testing.assert_allclose(l1_distances(rows, queries), expected, rtol=1e-5)
    monkeypatch.setattr("dsd.scan.fingerprints.VALUES_AT_ONCE", 2 * rows.shape[1])  # parts of two rows
    np.testing.assert_allclose(l1_distances(rows, queries), expected, rtol=1e-5)


def test_float16_moves_a_distance_by_less_than_a_thousandth():
    for size in (1e-6, 1.0, 3e2):  # means of |DSD| from ReLU5_4 to the worst checkerboards
        matrices = size * symmetric(4, 32)
        rows = encode(torch.from_numpy(matrices))
        assert rows.dtype == np.float16
        expected = np.abs(matrices[:, None] - matrices[None]).mean(axis=(2, 3))
        np.testing.assert_allclose(l1_distances(rows, rows) / SCALE, expected, rtol=1e-3)


def test_what_float16_cannot_hold_has_no_fingerprint():
    matrices = torch.ones(2, 2, 2)
    matrices[1, 1, 1] = -5000
    assert np.isnan(encode(matrices)).tolist() == [[False] * 3, [True] * 3]


def test_rows_without_a_fingerprint_have_no_distance():
    rows = np.float16([[1, 2, 3], [np.nan] * 3])
    assert np.isnan(l1_distances(rows, rows[:1])).tolist() == [[False, True]]


@pytest.mark.parametrize("channels", [1, 2, 64, 128, 256, 512])
def test_channels(channels):
    assert channels_of(channels * (channels + 1) // 2) == channels
