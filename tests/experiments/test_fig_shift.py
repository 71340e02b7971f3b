import pytest

from dsd.experiments import fig_shift
from dsd.experiments.provenance import Result


@pytest.fixture(scope="module")
def computed():
    return fig_shift.compute(
        backbone="lite",
        weights="random",
        precision="float32",
        lpips=[],
        images="embedded",
        layers=["relu1_2", "relu2_1"],
        shifts=[0, 3],
        resize=64,
        crop=48,
        count=1,
        device="cpu",
        seed=0,
    )


@pytest.fixture
def result(computed):
    return Result("fig-shift", computed.table, {"parameters": {"shifts": [0, 3], "layers": ["relu1_2", "relu2_1"]}})


def test_all_measures_of_the_layer_are_shown(result):
    measures = ("DSD_2", "DSD_4", "Style", "MSS", "PDL", "Perceptual", "CX")
    assert list(fig_shift.shown(result, "relu2_1")) == [*(f"{name} relu2_1" for name in measures), "1 − SSIM"]


@pytest.mark.parametrize("width", ["page", "column"])
def test_lines_are_the_tables_values(result, width):
    growth, copy, pearson = fig_shift.draw(result, width).axes
    table = result.table.set_index(["kind", "measure", "shift"]).value
    for axis, kind in ((growth, "growth"), (copy, "copy"), (pearson, "pearson")):
        drawn = [list(line.get_ydata()) for line in axis.get_lines()]
        expected = [[table[kind, measure, shift] for shift in (0, 3)] for measure in fig_shift.shown(result, "relu2_1")]
        assert drawn == [pytest.approx(values, nan_ok=True) for values in expected]


def test_the_largest_shift_is_told_for_each_measure(result):
    told = fig_shift.at_largest(result, "relu2_1")
    row = result.table.set_index(["kind", "measure", "shift"]).loc["growth", "1 − SSIM", 3]
    assert told["times its value"].xs("1 − SSIM", level="measure").item() == (
        f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]"
    )
    assert len(told) == 8
    assert "Change of (c) at 3 pixels: known distortions: " in fig_shift.caption(result)
    assert "Perceptual" in fig_shift.caption(result)


def test_two_sets_of_one_name_are_an_error(computed):
    with pytest.raises(ValueError, match="two are called known distortions"):
        fig_shift.compute(
            **{"backbone": "lite", "weights": "random", "precision": "float32", "lpips": [], "layers": ["relu1_2"]},
            **{"images": ["embedded", "embedded"], "shifts": [0, 1], "resize": 32, "crop": 24, "count": 1},
            **{"device": "cpu", "seed": 0},
        )
