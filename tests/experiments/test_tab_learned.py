import matplotlib.pyplot as plt
import pytest

from dsd.backbones import load_backbone
from dsd.experiments import tab_learned, tab_learned_tables
from dsd.experiments.provenance import Result
from dsd.learned.held_out import MORE

PARAMETERS = {
    **{"backbone": "lite", "weights": "auto", "networks": [], "layers": ["relu1_2", "relu2_1"], "published": "relu2_1"},
    **{"alpha": 2, "images": ["embedded"], "triplets": 6, "steps": 5, "rate": 1e-2, "batch": 8, "dropout": 0.5},
    **{"seeds": 2, "resize": 48, "crop": 48, "count": 2, "device": "cpu", "seed": 3},
}


@pytest.fixture(scope="module")
def result():
    computed = tab_learned.compute(**PARAMETERS)
    datasets = {role: images.provenance() for role, images in computed.datasets.items()}
    about = {"parameters": PARAMETERS | {"preset": "quick"}, "datasets": datasets, "commit": "abc"}
    return Result("tab-learned", computed.table, about | computed.backbone.provenance(), computed.images)


def test_both_measures_have_every_kind_of_weights(result):
    table = result.table.query("kind == 'pearson' and minus == ''")
    kinds = ["uniform", "balanced", "layers", "channels", "shuffled"]
    found = {measure: list(rows.heads) for measure, rows in table.groupby("measure")}
    assert found == {"lpips": kinds, "dsd": ["published", *kinds]}
    learned = table[table.heads == "channels"]
    assert (learned.lowest < learned.highest).all()
    assert (table.low <= table.value).all()
    assert (table.value <= table.high).all()


def test_differences_are_those_of_the_values(result):
    table = result.table[result.table.kind == "pearson"].set_index(["measure", "heads", "minus"]).value
    for measure in ("lpips", "dsd"):
        less = table[measure, "channels", ""] - table[measure, "uniform", ""]
        assert table[measure, "channels", "uniform"] == pytest.approx(less)
    gains = [table[measure, "channels", "uniform"] for measure in ("dsd", "lpips")]
    assert table[MORE, "channels", "uniform"] == pytest.approx(gains[0] - gains[1])


def test_published_weights():
    lite = load_backbone("lite", ["relu1_2", "relu2_1"], device="cpu")
    assert tab_learned._published("lpips", lite, "relu2_1") == {}
    assert tab_learned._published("dsd", lite, "relu4_1") == {}
    heads = tab_learned._published("dsd", lite, "relu2_1")["published"]
    assert heads.tolist() == [0.0] * 64 + [1.0] * 128
    alexnet = load_backbone("alexnet", weights="random", device="cpu")
    assert tab_learned._published("lpips", alexnet, "relu4_1")["published"].shape == (1152,)
    part = load_backbone("alexnet", alexnet.layers[:2], weights="random", device="cpu")
    assert tab_learned._published("lpips", part, "relu4_1") == {}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rate": "1e-3"}, "rate must be a finite number"),
        ({"seeds": 0}, "seeds must be an integer of at least 1, got 0"),
        ({"triplets": 0}, "triplets must be an integer of at least 1, got 0"),
        ({"count": 1}, "references of at least two photographs, to hold one out; got 1 of one"),
    ],
)
def test_refuses_settings_before_anything_is_measured(changed, message, monkeypatch):
    monkeypatch.setattr(tab_learned, "measure_channels", None)
    with pytest.raises(ValueError, match=message):
        tab_learned.compute(**PARAMETERS | changed)


def test_refuses_two_sets_of_one_name():
    with pytest.raises(ValueError, match="images must be of different sets, two are called known distortions"):
        tab_learned.compute(**PARAMETERS | {"images": ["embedded", "embedded"]})


@pytest.mark.parametrize("width", ["page", "column"])
def test_draws_a_mark_for_each_value(result, width):
    figure = tab_learned.draw(result, width)
    figure.draw_without_rendering()
    (axis,) = figure.axes
    shown = {line.get_label(): sorted(line.get_xdata()) for line in axis.lines if not line.get_label().startswith("_")}
    table = result.table.query("kind == 'pearson' and minus == ''")
    for kind, name in tab_learned_tables.KINDS.items():
        assert shown[name.capitalize()] == sorted(table[table.heads == kind].value)
    assert [text.get_text().replace("\n", " ") for text in axis.get_yticklabels()] == [
        "LPIPS, VGG-19 lite",
        "DSD, VGG-19 lite",
    ]
    plt.close(figure)


def test_says_what_was_done(result):
    assert "known distortions (2 references" in tab_learned.caption(result)
    assert "means over 2 seeds" in tab_learned.caption(result)


def test_writes_tables(result, tmp_path):
    tab_learned_tables.write_tables(result, tmp_path)
    text = (tmp_path / "tab-learned.md").read_text()
    row = result.table.query("kind == 'agreement' and measure == 'dsd' and heads == 'channels' and minus == ''").iloc[0]
    assert f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]" in text
    assert "| known distortions | DSD less LPIPS, VGG-19 lite |" in text
    assert "\\label{dsd-tab-learned}" in (tmp_path / "tab-learned.tex").read_text()
