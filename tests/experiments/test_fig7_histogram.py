import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from dsd import VGG19Lite, dsd_norm
from dsd.data.views import Photographs
from dsd.experiments import fig7_histogram, provenance
from dsd.quality.statistics import STATISTICS

LAYERS = ("relu1_2", "relu2_1")


def test_norms_are_summed_over_layers_and_all_are_shown(parameters_of, tmp_path):
    views = {"resize": 48, "crop": 32, "count": 6, "crops": 2}
    parameters = parameters_of("fig7", layers=list(LAYERS), **views)
    computed = fig7_histogram.compute(
        **{name: parameters[name] for name in parameters if name not in ("preset", "redraw")}
    )
    assert list(computed.table) == ["file", "group", "norm", *STATISTICS]
    photographs = Photographs.from_folder("embedded", **views)
    network = VGG19Lite(LAYERS, weights="random")
    for index in range(6):
        norms = dsd_norm(photographs[index][None], network)
        assert computed.table.norm[index] == pytest.approx(sum(value.item() for value in norms.values()), rel=1e-4)

    limits = [0, sorted(1.001 * computed.table.norm)[3]]
    result = provenance.Result("fig7", computed.table, {"parameters": parameters | {"limits": limits, "bins": 5}})
    for width in ("page", "column"):
        (axis,) = fig7_histogram.draw(result, width).axes
        bars = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
        assert sum(bar.get_height() for bar in bars) == 6  # none is cut off
    caption = fig7_histogram.caption(result)
    assert "summed over ReLU1_2, ReLU2_1, of 6 photographs" in caption
    assert f"paper's. 33% lie above {1e3 * limits[1]:g}, where the paper's axis ends" in caption


def test_bins_are_the_papers_continued(parameters_of):
    norms = [0.5e-3, 3e-3, 5e-3, 14e-3]  # the paper's bins: from 3.5 to 8.5, each 2.5 wide
    done = parameters_of("fig7") | {"limits": [3.5e-3, 8.5e-3], "bins": 2, "alpha": 1.5}
    result = provenance.Result("fig7", pd.DataFrame({"norm": norms}), {"parameters": done})
    (axis,) = fig7_histogram.draw(result).axes
    bars = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    np.testing.assert_allclose([bar.get_x() for bar in bars], np.arange(-1.5, 15, 2.5))
    assert [bar.get_height() for bar in bars] == [1, 1, 1, 0, 0, 0, 1]
    assert axis.get_xlim()[1] > bars[-1].get_x() + bars[-1].get_width()
    assert "paper's axis, 3.5 to 8.5" in [text.get_text() for text in axis.texts]
    assert r"\mathrm{DSD}_{1.5}\rVert" in fig7_histogram.caption(result)
    assert "50% lie below 3.5 and 25% lie above 8.5" in fig7_histogram.caption(result)
