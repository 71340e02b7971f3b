"""Similarity of point sets against loops over their definitions, and against CX of features."""

import math

import numpy as np
import pytest
import torch

from dsd.contextual import contextual
from dsd.quality.point_sets import chamfer, contextual_similarity, paired_distance


def points(count, dimensions=2, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dimensions))


def by_loops(a, b, h, epsilon):
    """CX as it is printed, entry by entry."""
    best = [0.0] * len(b)
    for x in a:
        d = [sum((s - t) ** 2 for s, t in zip(x, y, strict=True)) for y in b]
        w = [math.exp((1 - each / (min(d) + epsilon)) / h) for each in d]
        best = [max(most, each / sum(w)) for most, each in zip(best, w, strict=True)]
    return sum(best) / len(b)


@pytest.mark.parametrize(("h", "epsilon"), [(0.5, 1e-5), (0.1, 0.3)])
def test_cx_is_its_definition(h, epsilon):
    a, b = points(7), points(5, seed=1)
    assert contextual_similarity(a, b, h, epsilon) == pytest.approx(by_loops(a, b, h, epsilon), rel=1e-12)


def test_chamfer_is_its_definition():
    a, b = points(7, 3), points(5, 3, seed=1)
    d = [[sum((s - t) ** 2 for s, t in zip(x, y, strict=True)) for y in b] for x in a]
    expected = sum(map(min, d)) / 7 + sum(map(min, zip(*d, strict=True))) / 5
    assert chamfer(a, b) == pytest.approx(expected, rel=1e-12)


def test_paired_distance_is_its_definition():
    a, b = points(6), points(6, seed=1)
    expected = sum((s - t) ** 2 for s, t in zip(a.flat, b.flat, strict=True)) / 6
    assert paired_distance(a, b) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("h", [0.1, 0.5])
def test_of_unit_vectors_cx_is_that_of_features(h):
    """‖a − b‖² = 2 − 2 cos, so that twice the ε gives the same; b = ±e has mean 0, which features are less."""
    b = np.vstack([points(9, 4), points(9, 4) * -1])
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (points(20, 4, seed=1), b))
    features = (torch.from_numpy(x.T.copy())[None, :, None] for x in (a, b))
    assert contextual_similarity(a, b, h, 2e-5) == pytest.approx(math.exp(-contextual(*features, h)), rel=1e-9)


@pytest.mark.parametrize("measure", [contextual_similarity, chamfer, paired_distance])
def test_moves_and_turns_of_both_sets_change_nothing(measure):
    a, b = points(8), points(8, seed=1)
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    assert measure(a @ turn + 3, b @ turn + 3) == pytest.approx(measure(a, b), rel=1e-9)


def test_limits():
    b = points(9) * 100
    assert contextual_similarity(b, b) == pytest.approx(1)
    assert chamfer(b, b) == paired_distance(b, b) == 0
    assert contextual_similarity(b + 1e9, b) == pytest.approx(1 / 9, rel=1e-4)  # as far from all of b
    assert contextual_similarity(b[:1], b) == pytest.approx(1 / 9)  # of one point only


@pytest.mark.parametrize("measure", [contextual_similarity, chamfer, paired_distance])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (points(3)[0], points(3), r"must be points in one space, .*; got shapes \(2,\), \(3, 2\)"),
        (points(3, 3), points(3), r"got shapes \(3, 3\), \(3, 2\)"),
        (points(0), points(3), r"got shapes \(0, 2\), \(3, 2\)"),
        (np.full((3, 2), np.nan), points(3), "must be finite"),
    ],
)
def test_refuses_what_are_no_points(measure, a, b, message):
    with pytest.raises(ValueError, match=message):
        measure(a, b)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: contextual_similarity(points(3), points(1)), "b must have at least two points"),
        (lambda: contextual_similarity(points(3), points(3), 0), "bandwidth must be a positive number, got 0"),
        (lambda: contextual_similarity(points(3), points(3), 0.5, 0), "epsilon must be above 0, got 0"),
        (lambda: contextual_similarity(points(3), points(3), 0.5, -1), "epsilon must be a finite number of at least 0"),
        (lambda: paired_distance(points(3), points(4)), "must be as many, got 3 and 4"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
