import pytest
import torch

from dsd.checks import check_images

GOOD = torch.rand(2, 3, 8, 9)


@pytest.mark.parametrize("x", [GOOD, GOOD.double(), GOOD.bfloat16(), torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)])
def test_accepts_images(x):
    check_images(x)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([1, 2], TypeError, "photo must be a torch.Tensor .* got list"),
        ((GOOD * 255).to(torch.uint8), ValueError, "photo must be a float tensor .* got torch.uint8 .*255"),
        (GOOD[0], ValueError, r"photo must have shape \(N, 3, H, W\), got \(3, 8, 9\)"),
        (GOOD[:, :1], ValueError, r"got \(2, 1, 8, 9\)"),
        (GOOD.permute(0, 2, 3, 1), ValueError, r"got \(2, 8, 9, 3\)"),
        (GOOD[:0], ValueError, "at least one image"),
        (GOOD * 255, ValueError, r"photo must have values in \[0, 1\] and no NaN, got \[.*, 25\d"),
        (GOOD - 0.5, ValueError, r"in \[0, 1\]"),
        (GOOD * float("nan"), ValueError, r"no NaN, got \[nan, nan\]"),
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
