import pytest

from dsd import VGG19Lite, dsd_norm
from dsd.data.views import Photographs
from dsd.experiments import fig7_histogram, provenance
from dsd.quality.statistics import STATISTICS

LAYERS = ("relu1_2", "relu2_1")


def test_norms_are_summed_over_layers_and_those_outside_are_counted(parameters_of, tmp_path):
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
    (axis,) = fig7_histogram.draw(result).axes
    assert axis.get_title().startswith("6 images, median ")
    assert axis.get_title().endswith(", 2 not shown")
    assert [patch.get_height() for patch in axis.patches][-1] >= 1
    assert sum(patch.get_height() for patch in axis.patches) == 4
