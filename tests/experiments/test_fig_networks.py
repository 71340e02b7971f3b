import inspect

import numpy as np
import pytest

from dsd.experiments import fig_networks
from dsd.experiments.catalogue import find_experiment
from dsd.experiments.presets import default_parameters
from dsd.experiments.provenance import Result
from dsd.experiments.style import NETWORKS
from dsd.quality.by_network import DIFFERENCE, TRAINED

CHANGES = {
    **{"random": ["lite", "squeezenet"], "seeds": 2, "layers": ["relu1_2", "relu3_1"], "weights": "auto"},
    **{"resize": 96, "crop": 88, "count": 8, "crops": 1, "rated_crop": 48, "rated_count": 1, "device": "cpu"},
}


@pytest.fixture(scope="module")
def arguments():
    parameters = default_parameters(find_experiment("fig-networks")) | CHANGES
    taken = inspect.signature(fig_networks.compute).parameters
    return {name: value for name, value in parameters.items() if name in taken}


@pytest.fixture(scope="module")
def result(arguments):
    computed = fig_networks.compute(**arguments)
    datasets = {role: images.provenance() for role, images in computed.datasets.items()}
    return Result("fig-networks", computed.table, {"parameters": arguments, "datasets": datasets} | computed.extra)


def test_every_measure_and_both_widths_show_the_tables_values(result):
    kinds = ["self", "texture", "spread", "pearson"]
    assert [kind for kind, _ in fig_networks.panels_of(result)] == kinds
    assert len(result.provenance["networks"]) == 1 + 2 * 2
    table = result.table[result.table.weights != DIFFERENCE]
    assert table.value.notna().all()
    for width in ("page", "column"):
        axes = np.reshape(fig_networks.draw(result, width).axes, (4, 2))
        for kind, (left, right) in zip(kinds, axes, strict=True):
            rows = table[table.kind == kind]
            for axis, own in ((left, rows[rows.weights == TRAINED]), (right, rows[rows.weights != TRAINED])):
                lines = [list(line.get_ydata()) for line in axis.get_lines()]
                for _, of_one in own.groupby(["network", "weights"]):
                    of_one = of_one.sort_values("receptive_field")
                    assert any(line == pytest.approx(list(of_one.value)) for line in lines)
                    assert any(line == pytest.approx(list(of_one.value[~of_one.fits])) for line in lines)


def test_layers_lie_at_their_depth_in_pixels(result):
    fields = result.table.drop_duplicates(["network", "layer"]).set_index(["network", "layer"]).receptive_field
    assert fields["lite"].to_dict() == {"relu1_2": 5, "relu3_1": 24}
    assert fields["squeezenet", "relu2"] == 23
    own = result.table[(result.table.network == "lite") & (result.table.layer == "relu3_1")].set_index("kind").fits
    assert not own["self"].any()  # 88 / 4 < 24
    assert own["texture"].all()  # 88 / 2
    assert own["pearson"].all()


def test_trained_less_random_is_told(result):
    told = fig_networks.differences(result, "lite")
    row = result.table[(result.table.kind == "self") & (result.table.weights == DIFFERENCE)].iloc[0]
    text = f"{row.value:+.2f} [{row.low:+.2f}, {row.high:+.2f}]".replace("-", "−")
    assert told["self"].iloc[0].item() == text
    assert told.index.get_level_values("layer").tolist() == ["ReLU1_2", "ReLU3_1"]
    assert f"(a) ReLU1_2 {text}, (b) ReLU3_1 " in fig_networks.caption(result)
    assert fig_networks.differences(result, "squeezenet").empty


def test_without_random_weights(arguments):
    computed = fig_networks.compute(**arguments | {"random": []})
    assert set(computed.table.weights) == {TRAINED}
    datasets = {role: images.provenance() for role, images in computed.datasets.items()}
    result = Result("fig-networks", computed.table, {"parameters": arguments, "datasets": datasets})
    assert "less random" not in fig_networks.caption(result)
    assert fig_networks.draw(result).axes


def test_networks_keep_their_looks(result):
    legend = fig_networks.draw(result).legends[0]
    handles = zip(legend.texts, legend.legend_handles, strict=True)
    colors = {text.get_text(): handle.get_color() for text, handle in handles}
    assert colors["VGG-19 lite"] == NETWORKS["lite"]["color"]
    assert colors["SqueezeNet"] == NETWORKS["squeezenet"]["color"]


def test_two_rated_sets_of_one_name_are_an_error(arguments):
    with pytest.raises(ValueError, match="two are called known distortions"):
        fig_networks.compute(**arguments | {"random": [], "rated_images": ["embedded", "embedded"]})
