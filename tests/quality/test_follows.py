import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from dsd.quality.follows import followed, follows, intervals
from dsd.quality.statistics import STATISTICS


@pytest.fixture
def images():
    table = pd.DataFrame(np.random.default_rng(0).random((30, 4)), columns=["vgg19", *STATISTICS])
    return table.assign(group="x", file=[f"{k}.png" for k in range(30)])


def test_rank_correlations(images):
    correlation = follows(images, ["vgg19", "vgg19"])
    assert correlation.shape == (1, 3)
    expected = spearmanr(images.vgg19, images.contrast).statistic
    assert correlation.loc["vgg19", "contrast"] == pytest.approx(expected)


def test_intervals_are_over_photographs_not_views(images):
    once = intervals(images, ["vgg19"], seed=1, resamples=50)
    twice = intervals(pd.concat([images, images]), ["vgg19"], seed=1, resamples=50)
    pd.testing.assert_frame_equal(once, twice)
    values = follows(images, ["vgg19"]).stack()
    assert (once.low < values).all()
    assert (values < once.high).all()


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ((0.5, 0.1, 0.4), "contrast and colourfulness"),
        ((0.5, 0.1, 0.2), "contrast"),
        ((0.1, 0.4, 0.2), "texture, too"),
        ((0.1, 0.2, 0.2), "not decided"),
    ],
)
def test_what_it_follows_more_than_texture(values, what):
    middle = np.array(values)
    assert followed(pd.DataFrame({"low": middle - 0.08, "high": middle + 0.08}, STATISTICS)) == what
