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
    assert "over 6 photographs" in fig7_histogram.caption(result)
    assert "33% of the photographs lie outside its range" in fig7_histogram.caption(result)
