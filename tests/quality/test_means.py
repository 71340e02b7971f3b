import numpy as np
import pandas as pd
import pytest

from dsd.quality.means import beyond, over_images


def test_interval_over_images():
    values = pd.DataFrame({"niqe": np.random.default_rng(0).normal(5, 1, 50), "lpips": np.nan})
    found = over_images(values)
    assert found.niqe["mean"] == pytest.approx(values.niqe.mean())
    error = values.niqe.std() / np.sqrt(50)
    np.testing.assert_allclose(
        found.niqe[["low", "high"]] - found.niqe["mean"], [-1.96 * error, 1.96 * error], rtol=0.15
    )
    assert found.lpips.isna().all()


def test_one_image_has_no_interval():
    assert over_images(pd.DataFrame({"niqe": [5.0]})).niqe.isna().tolist() == [False, True, True]


def test_beyond_which_noise():
    assert beyond(0.1, -0.1, 0.3, 1.0, 3) == "nothing"
    assert beyond(0.1, 0.05, 0.3, 1.0, 3) == "images"
    assert beyond(0.1, -0.05, 0.3, 0.01, 3) == "seeds"
    assert beyond(-0.1, -0.3, -0.05, 0.01, 2) == "images and seeds"
    assert beyond(-0.1, -0.3, -0.05, np.nan, 1) == "images, one seed"
