import pytest
import torch

from dsd.data.traditional import KINDS, distort
from dsd.experiments import tab_bapps
from dsd.experiments.provenance import Result
from dsd.quality.judged import ALL, PEOPLE
from tests.data.bapps_writer import write_bapps

PARAMETERS = {
    **{"backbone": "lite", "weights": "random", "precision": "float32", "lpips": [], "images": "embedded"},
    **{"layers": ["relu1_2", "relu2_1"], "resize": 64, "crop": 32, "count": 8, "crops": 1, "each": 1, "combined": 2},
    **{"gap": 0.2, "shown": "coffee.png", "batch": 8, "device": "cpu", "seed": 3},
}


def result_of(parameters):
    computed = tab_bapps.compute(**parameters)
    datasets = {role: images.provenance() for role, images in computed.datasets.items()}
    about = {"parameters": parameters | {"preset": "quick"}, "datasets": datasets, "commit": "abc"}
    return Result("tab-bapps", computed.table, about | computed.backbone.provenance(), computed.images)


@pytest.fixture(scope="module")
def synthetic():
    return result_of(PARAMETERS)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bapps")
    write_bapps(folder, {"cnn": [0.8, 1.0], "color": [0.4, 0.2, 0.6]})
    write_bapps(folder, {"traditional": [0.0, 1.0, 0.5]}, "jnd")
    return result_of(PARAMETERS | {"images": str(folder)})


def test_the_synthetic_set_says_what_it_is(synthetic):
    assert list(tab_bapps.values_of(synthetic).value) == [
        *("photometric", "noise", "blur", "spatial", "compression", "two in sequence", ALL)
    ]
    assert PEOPLE not in set(synthetic.table.measure)
    told = "synthetic: order known, no person asked"
    assert told in tab_bapps.caption(synthetic)
    assert "synthetic 2AFC, no person asked (22 triplets)" in tab_bapps.caption(synthetic)
    assert told in tab_bapps.draw(synthetic).axes[0].get_xlabel()
    assert tab_bapps.values_of(synthetic).value.loc[("PSNR", ""), ALL] > 0.9


def test_pairs_without_triplets(tmp_path):
    write_bapps(tmp_path, {"traditional": [0.0, 1.0, 0.5]}, "jnd")
    result = result_of(PARAMETERS | {"images": str(tmp_path)})
    assert list(tab_bapps.values_of(result).value) == ["JND, traditional", f"JND, {ALL}"]
    assert tab_bapps.draw(result).axes[0].get_xlabel() == "JND mean average precision, %"


def test_a_folder_inside_of_bapps_is_no_set_of_photographs(tmp_path):
    write_bapps(tmp_path, {"cnn": [0.8, 1.0]})
    with pytest.raises(ValueError, match=r"2afc holds answers \(\.npy\) and is not BAPPS's folder itself"):
        tab_bapps.compute(**PARAMETERS | {"images": str(tmp_path / "2afc")})


def test_bapps_has_both_questions_and_people(people):
    table = tab_bapps.values_of(people).value
    assert list(table) == ["cnn", "color", ALL, "JND, traditional", f"JND, {ALL}"]
    assert table.loc[("PSNR", ""), "cnn"] == pytest.approx(0.9)
    assert table.loc[(PEOPLE, ""), "cnn"] == pytest.approx((0.8**2 + 0.2**2 + 1) / 2)
    assert list(people.provenance["datasets"]) == ["2afc", "jnd"]
    assert "People: how often two" in tab_bapps.caption(people)
    assert "synthetic" not in tab_bapps.caption(people)
    assert tab_bapps.draw(people).axes[0].get_xlabel() == "2AFC score and JND mean average precision, %"


@pytest.mark.parametrize("width", ["page", "column"])
def test_cells_are_the_tables_values(people, width):
    (axis,) = tab_bapps.draw(people, width).axes
    table = tab_bapps.values_of(people).value
    digits = 1 if width == "page" else 0
    assert [text.get_text() for text in axis.texts] == [f"{100 * value:.{digits}f}" for value in table.to_numpy().flat]
    assert [text.get_text() for text in axis.get_yticklabels()][:2] == ["DSD$_2$ ReLU1_2", "DSD$_2$ ReLU2_1"]
    assert axis.get_yticklabels()[-1].get_text() == "People"


def test_the_picture_shows_each_distortion_at_two_strengths(synthetic):
    picture = synthetic.images["distortions"]
    assert picture.shape == (3, 64, 21 * 32)
    x = picture[:, :32, :32]
    for number, kind in enumerate(KINDS, 1):
        for row, strength in enumerate((0.5, 1)):
            shown = picture[:, 32 * row : 32 * (row + 1), 32 * number : 32 * (number + 1)]
            torch.testing.assert_close(shown, distort(x, [kind], strength, 3))
    for width in ("page", "column"):
        titles = [axis.get_title().replace("\n", " ") for axis in tab_bapps.draw_distortions(synthetic, width).axes]
        assert titles[:21] == ["original", *KINDS]


def test_tables_are_written(people, tmp_path):
    tab_bapps.write_tables(people, tmp_path)
    lines = (tmp_path / "tab-bapps.md").read_text().splitlines()
    row = tab_bapps.values_of(people).loc[("Style", "relu2_1")] * 100
    cell = f"{row['value', 'cnn']:.1f} [{row['low', 'cnn']:.1f}, {row['high', 'cnn']:.1f}]"
    assert next(line for line in lines if line.startswith("| Style ReLU2_1 |")).split(" | ")[1] == cell
    latex = (tmp_path / "tab-bapps.tex").read_text()
    assert f"Style ReLU2\\_1 & {row['value', 'cnn']:.1f} & " in latex
    assert "\\label{dsd-tab-bapps}" in latex


def test_differences_are_of_dsd(synthetic):
    table = tab_bapps.differences(synthetic)
    names = table.index.get_level_values("difference")
    assert "DSD_2 relu2_1 − Style relu2_1" in names
    assert all(name.startswith("DSD_2 ") for name in names)
    values = tab_bapps.values_of(synthetic).value[ALL] * 100
    expected = values["DSD_2", "relu2_1"] - values["Style", "relu2_1"]
    assert table.value["2afc", "DSD_2 relu2_1 − Style relu2_1"] == pytest.approx(expected, abs=0.051)
