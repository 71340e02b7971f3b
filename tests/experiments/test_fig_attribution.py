import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from dsd import VGG19Lite, dsd_attribution, dsd_norm
from dsd.data.distortions import blur
from dsd.data.views import Photographs
from dsd.experiments import fig_attribution
from dsd.experiments.provenance import Result

VIEWS = {"resize": 48, "crop": 32, "count": 3, "crops": 1}


@pytest.fixture
def computed(parameters_of):
    parameters = parameters_of("fig-attribution", layer="relu1_2", blocks=2, sigmas=[1, 2], cells=8, shown=2, **VIEWS)
    return fig_attribution.compute(
        **{name: value for name, value in parameters.items() if name not in ("preset", "redraw")}
    ), parameters


def test_shares_are_those_of_the_map_and_falls_those_of_blurred_blocks(computed):
    table = computed[0].table
    x = Photographs.from_folder("embedded", **VIEWS)[1][None]
    network = VGG19Lite(("relu1_2",), weights="random")
    (map_,) = dsd_attribution(x, network).values()
    share = (map_[0] / map_.sum()).unflatten(0, (2, 16)).unflatten(2, (2, 16)).sum(dim=(1, 3))
    blocks = table[(table.kind == "block") & (table["view"] == 1) & (table.sigma == 2)].set_index(["row", "column"])
    for place in np.ndindex(2, 2):
        assert blocks.share[place] == pytest.approx(share[place].item(), abs=1e-4)
    assert blocks.texture.sum() == pytest.approx(1)

    mask = torch.zeros(1, 1, 32, 32)
    mask[..., :16, 16:] = 1
    changed = x + blur(mask, 2) * (blur(x, 2) - x)
    before, after = (next(iter(dsd_norm(image.clamp(0, 1), network).values())).item() for image in (x, changed))
    assert blocks.change[0, 1] == pytest.approx(1 - after / before, abs=1e-3)


def test_maps_add_up_and_are_of_the_views_that_are_shown(computed):
    table = computed[0].table
    maps = table[table.kind == "map"].groupby("view").share.agg(["size", "sum"])
    assert maps["size"].to_dict() == {0: 64, 1: 64}
    assert maps["sum"].to_numpy() == pytest.approx(1, abs=1e-4)
    assert list(computed[0].images) == ["view 0", "view 1"]


def test_agreement_is_spearmans(computed):
    result = Result("fig-attribution", computed[0].table, {"parameters": computed[1]})
    blocks = result.table[result.table.sigma == 1]
    expected = [spearmanr(rows.share, rows.change).statistic for _, rows in blocks.groupby("view")]
    found = fig_attribution.agreement(result).loc[1].T
    mean = found["mean"]
    assert mean[fig_attribution.SHARE] == pytest.approx(np.mean(expected))
    assert mean["difference"] == pytest.approx(mean[fig_attribution.SHARE] - mean[fig_attribution.TEXTURE])


@pytest.mark.parametrize("width", ["page", "column"])
def test_each_photograph_is_beside_its_map(computed, width):
    result = Result("fig-attribution", computed[0].table, {"parameters": computed[1]}, computed[0].images)
    pictures = [axis.images[0].get_array() for axis in fig_attribution.draw(result, width).axes if axis.images]
    assert [np.shape(picture) for picture in pictures] == [(32, 32, 3), (8, 8)] * 2
    cells = result.table[result.table.kind == "map"]
    first = pd.Series(np.ravel(pictures[1]))
    np.testing.assert_allclose(first, 64 * cells[cells["view"] == 0].share)
    assert "2×2 blocks of 3 photographs" in fig_attribution.caption(result)
