from functools import partial

import pytest
from PIL import Image

from dsd.experiments import provenance
from dsd.experiments.fig2_dissimilarity import caption, compute, draw
from dsd.experiments.provenance import Result
from dsd.experiments.style import WIDTHS
from dsd.quality.borders import SURROUNDINGS


@pytest.fixture
def small(parameters_of, classes):
    """Parameters of a quick run over the classes."""
    changes = {"layers": ["relu1_2"], "patch_sizes": [2], "resize": 24, "crop": 24, "sides": [16], "crops": 1}
    folders = dict.fromkeys(("images", "same_class_images"), str(classes))
    return partial(parameters_of, "fig2", **changes, alpha=2, **folders)


def run(parameters):
    return {key: value for key, value in parameters.items() if key not in ("preset", "redraw")}


def test_same_class_is_relative_to_its_own_random(small, classes, tmp_path):
    named = [str(path) for path in sorted(classes.rglob("0.png"))] + [str(next(classes.rglob("1.png")))]
    parameters = small(
        same_class_size=16,
        sides=[12],
        paddings=["zeros", "replicate"],
        further=[
            {"images": named, "name": "four", "sides": [24], "surroundings": 8},
            {"images": "embedded", "sides": [16], "count": 4},
        ],
    )
    computed = compute(**run(parameters))
    table = computed.table[computed.table.kind != "Difference"]
    table = table.set_index(["images", "side", "padding", "descriptor", "kind"]).sort_index()
    assert table.index.is_unique
    squares = {(images, side) for images, side, *_ in table.index}
    name = classes.name
    assert squares == {
        (name, 24),
        (name, 12),
        (name, 16),
        ("four", 24),
        ("four", 8),
        ("scikit-image's photographs", 16),
    }
    same = table.loc[(name, 16, "zeros", "relu1_2")]
    assert same.loc["Same class", "ratio"] == same.loc["Same class", "mean"] / same.loc["Random", "mean"]
    assert "Same class" not in table.loc[(name, 24, "zeros", "relu1_2")].index
    assert set(table.loc[("four", 8)].index.get_level_values("padding")) == {"zeros", "replicate", SURROUNDINGS}
    assert [data.name for data in computed.datasets.values()] == [name, name, "four", "scikit-image's photographs"]
    assert computed.backbone.provenance()["padding"] == "zeros"
    origin = provenance.provenance(parameters, computed.backbone, computed.datasets, 0)
    result = Result("fig2", computed.table, origin)
    for width, inches in WIDTHS.items():
        figure = draw(result, width)
        assert figure.get_figwidth() == inches
        bars, _, *panels = figure.get_axes()
        assert len(bars.patches) == 3
        assert len(panels) == 1
        assert len(panels[0].containers) == 2 * 3 + 1  # two paddings of three sets, one of them surrounded
    counts = computed.table[computed.table.descriptor == "n=2"].set_index(["images", "side", "kind"])["count"]
    text = caption(result)
    assert f"Random: {counts[name, 24, 'Random']} pairs of two classes." in text
    same = f"Same: {counts[name, 16, 'Same class']} pairs of one class, of {len(list(classes.rglob('*.png')))} views of"
    assert f"{same} {name} at 16², relative to their own Random." in text
    assert "real pixels in place of padding" in text
    assert f"Self: {counts[name, 24, 'Self']} images" in text
    assert f"of {name}, four, scikit-image's photographs." in text


def test_panel_c_has_a_place_for_each_layer_in_a_column_for_the_deepest(small):
    layers = ["ReLU1_2", "ReLU2_1", "ReLU2_2", "ReLU3_1"]
    parameters = small(layers=[layer.lower() for layer in layers], sides=[16], resize=32, crop=32)
    computed = compute(**run(parameters))
    result = Result("fig2", computed.table, provenance.provenance(parameters, computed.backbone, computed.datasets, 0))
    for width, shown, rows in (("page", layers, 2), ("column", layers[-1:], 1)):
        panels = [axis for axis in draw(result, width).get_axes() if axis.get_title().startswith("ReLU")]
        assert [axis.get_title() for axis in panels] == shown
        assert [label.get_text() for label in panels[0].get_xticklabels()] == ["16", "32"]
        assert len({round(axis.get_position().y0, 2) for axis in panels}) == rows


def test_the_same_images_at_the_same_size_are_measured_once(small):
    table = compute(**run(small(paddings=["zeros"]))).table
    assert set(table.side) == {24, 16}
    assert list(table[(table.side == 24) & (table.descriptor == "relu1_2")].kind) == ["Random", "Same class", "Self"]


def test_refuses_what_would_be_counted_twice_or_has_no_pairs(small, classes, tmp_path):
    other = tmp_path / "again" / classes.name
    other.mkdir(parents=True)
    for number in range(2):
        Image.new("RGB", (24, 24)).save(other / f"{number}.png")
    message = rf"two sets of images of one name and side: {classes.name} \(24²\)"
    with pytest.raises(ValueError, match=message):
        compute(**run(small(same_class_images=str(other), crops=2)))
    (other / "1.png").unlink()
    with pytest.raises(ValueError, match="has 0 pairs of two photographs, at least 2 are needed"):
        compute(**run(small(images=str(other), sides=[], same_class_size=16)))
    with pytest.raises(ValueError, match="has 0 pairs of the same photograph"):
        compute(**run(small(same_class_images=str(other), same_class_size=16, sides=[])))


def test_refuses_further_images_that_the_figure_could_not_tell_apart(small, classes):
    again = {"images": str(classes), "sides": [12]}
    with pytest.raises(ValueError, match=f"a name of their own, not {classes.name}"):
        compute(**run(small(further=[again])))
    unnamed = {"images": [str(path) for path in sorted(classes.rglob("*.png"))], "sides": [24]}
    with pytest.raises(ValueError, match="a name of their own, not ''"):
        compute(**run(small(further=[unnamed])))
    with pytest.raises(TypeError, match="'side'"):
        compute(**run(small(further=[again | {"side": 12}])))
