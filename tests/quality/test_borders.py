import pytest
import torch

from dsd import VGG19, downscale, gram_matrix, paper
from dsd.quality.borders import SURROUNDINGS, encode_scales, surrounded_grams


@pytest.fixture(scope="module")
def networks():
    return {padding: VGG19(("relu1_2", "relu2_1"), "random", padding=padding) for padding in ("zeros", "reflect")}


def test_no_padding_reaches_what_is_surrounded_by_the_photograph():
    """As many pixels as the sample preset leaves around the smaller copy: 128 / 4."""
    x = torch.rand(1, 3, 72, 72)
    zeros, other = (
        surrounded_grams(x, VGG19(paper.FIG2["layers"], "random", padding=padding), 1, 32)
        for padding in ("zeros", "replicate")
    )
    assert [layer for layer, _ in zeros] == paper.FIG2["layers"]
    for key in zeros:
        torch.testing.assert_close(zeros[key], other[key], rtol=1e-4, atol=1e-7)


def test_surroundings_are_left_out_of_the_features(networks):
    x = torch.rand(2, 3, 24, 24)
    encoded = encode_scales(x, networks, 2, sides=[24], surroundings=8)
    assert {side for side, *_ in encoded} == {24, 8}
    assert (24, SURROUNDINGS, "relu2_1") not in encoded
    big, small = encoded[8, SURROUNDINGS, "relu2_1"]
    torch.testing.assert_close(big, gram_matrix(networks["zeros"](x)["relu2_1"][..., 4:-4, 4:-4]))
    torch.testing.assert_close(small, gram_matrix(networks["zeros"](downscale(x, 2))["relu2_1"][..., 2:-2, 2:-2]))
    torch.testing.assert_close(
        encoded[8, "reflect", "relu2_1"][0], gram_matrix(networks["reflect"](x[..., 8:-8, 8:-8])["relu2_1"])
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sides": [24, 26]}, "squares must have sides of 1 to 24 pixels, the images' own; got 24, 26"),
        ({"sides": [24], "surroundings": 12}, "got 24, 0"),
        ({"sides": [24], "surroundings": 6}, "surroundings must be a multiple of 4 pixels, alpha times the largest"),
    ],
)
def test_refuses_squares_that_are_not_there(networks, options, message):
    with pytest.raises(ValueError, match=message):
        encode_scales(torch.rand(1, 3, 24, 24), networks, 2, **options)
