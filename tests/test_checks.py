import re
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch

from dsd.checks import (
    check_choice,
    check_feature_pair,
    check_features,
    check_images,
    check_integer,
    check_number,
    is_number,
)

GOOD = torch.rand(2, 3, 8, 9)
BIG = 10**400  # no float holds it


@pytest.mark.parametrize("x", [GOOD, GOOD.double(), GOOD.bfloat16(), torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)])
def test_accepts_images(x):
    check_images(x)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([1, 2], TypeError, "photo must be a torch.Tensor .* got list"),
        ((GOOD * 255).to(torch.uint8), ValueError, "photo must be a float tensor, got torch.uint8 .*255"),
        (GOOD.to("meta"), ValueError, r"photo must have values in \[0, 1\], got a tensor on meta, which has none"),
        (GOOD[0], ValueError, r"photo must have shape \(N, 3, H, W\), got \(3, 8, 9\)"),
        (GOOD[:, :1], ValueError, r"got \(2, 1, 8, 9\)"),
        (GOOD.permute(0, 2, 3, 1), ValueError, r"got \(2, 8, 9, 3\)"),
        (GOOD[:0], ValueError, "at least one image"),
        (GOOD * 255, ValueError, r"photo must have values in \[0, 1\] and no NaN, got \[.*, 25\d"),
        (GOOD - 0.5, ValueError, r"in \[0, 1\]"),
        (GOOD * float("nan"), ValueError, r"no NaN, got \[nan, nan\]"),
        (GOOD.to_sparse(), ValueError, "photo must be a dense tensor, got torch.sparse_coo"),
        (torch.where(GOOD.max() == GOOD, float("nan"), GOOD), ValueError, "NaN"),
    ],
)
def test_refuses(x, error, message):
    with pytest.raises(error, match=message):
        check_images(x, "photo")


def test_out_of_range_values_pass_where_allowed():
    check_images(GOOD * 2 - 0.5, check_values=False)


@pytest.mark.parametrize(
    ("smallest", "alpha", "side"), [(4, 1, 4), (4, 2, 7), (8, 4, 29), (4, 2.5, 8), (1, 4, 4), (1, 1, 1)]
)
def test_names_the_smallest_size_that_works(smallest, alpha, side):
    check_images(torch.rand(1, 3, side, side + 5), smallest=smallest, alpha=alpha)
    if side > 1:
        with pytest.raises(ValueError, match=f"smallest image that works is {side}×{side}"):
            check_images(torch.rand(1, 3, side - 1, side + 5), smallest=smallest, alpha=alpha)


def test_names_the_device():
    check_images(GOOD, device=torch.device("cpu"))
    with pytest.raises(ValueError, match="photo is on meta, the network on cpu: move one of them"):
        check_images(GOOD.to("meta"), "photo", device=torch.device("cpu"))


def test_features():
    check_features(torch.rand(2, 7, 1, 3))
    with pytest.raises(ValueError, match=r"those must be a dense tensor, got torch.sparse_coo"):
        check_features(torch.rand(2, 7, 1, 3).to_sparse(), "those")
    check_feature_pair(torch.rand(2, 7, 1, 3), torch.rand(2, 7, 5, 4))
    with pytest.raises(ValueError, match="a and b must be features of images of the same size"):
        check_feature_pair(torch.rand(2, 7, 1, 3), torch.rand(2, 7, 5, 4), equal_sizes=True)


@pytest.mark.parametrize("value", [1, 2.5, np.float32(1), np.int64(3), Fraction(7, 2)])
def test_numbers(value):
    assert is_number(value)
    number = check_number(value, "weight", 1)
    assert number == value
    assert type(number) is float


@pytest.mark.parametrize(
    "value", [True, np.True_, "1", None, 1j, [1], torch.tensor(1.0), np.ones(2), float("nan"), float("inf"), BIG]
)
def test_what_is_no_number(value):
    assert not is_number(value)
    with pytest.raises(ValueError, match=re.escape(f"weight must be a finite number of at least 0, got {value!r}")):
        check_number(value, "weight")
    with pytest.raises(ValueError, match="size must be an integer of at least 1, got"):
        check_integer(1.5 if value is BIG else value, "size", 1)


def test_integers():
    assert check_integer(np.int64(3), "size", 1) == 3
    assert type(check_integer(np.int64(3), "size", 1)) is int
    with pytest.raises(ValueError, match="size must be an integer of at least 1, got 0"):
        check_integer(0, "size", 1)
    with pytest.raises(ValueError, match=f"size must be at most {sys.maxsize}, got {sys.maxsize + 1}"):
        check_integer(sys.maxsize + 1, "size", 1)
    with pytest.raises(ValueError, match="weight must be a finite number of at least 0, got -1"):
        check_number(-1, "weight")


@pytest.mark.parametrize("value", ["c", None, 1, ["a"], np.array(["a", "b"])])
def test_words(value):
    check_choice("a", "mode", ("a", "b"))
    with pytest.raises(ValueError, match=re.escape(f"mode must be one of a, b; got {value!r}")):
        check_choice(value, "mode", ("a", "b"))
