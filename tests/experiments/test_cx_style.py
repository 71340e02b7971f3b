import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dsd.backbones import load_backbone
from dsd.data.views import Photographs
from dsd.experiments import cx_style
from dsd.experiments.provenance import Result

SMALL = {
    "cx_layers": ["relu1_2", "relu2_1"],
    "style_layers": ["relu1_2"],
    "content_layer": "relu2_1",
    "size": 32,
    "steps": 3,
    "halve_every": 2,
}
KINDS = ("content", "style", "CX", "Gatys", "DSD")


@pytest.fixture(scope="module")
def computed():
    return cx_style.compute(
        **SMALL,
        **{"backbone": "lite", "weights": "random", "precision": "float32", "device": "cpu", "seed": 0, "alpha": 2},
        **{"style_bandwidth": 0.5, "content_bandwidth": 0.5, "content_weight": 1.0, "learning_rate": 0.02},
        **{"pairs": [["astronaut.png", "coffee.png"], ["coffee.png", "astronaut.png"]], "images": "", "count": 0},
        shown=1,
    )


@pytest.fixture
def result(computed):
    done = SMALL | {"seed": 0, "style_bandwidth": 0.5, "content_bandwidth": 0.5}
    return Result("cx-style", computed.table, {"parameters": done}, computed.images)


@pytest.fixture(scope="module")
def losses():
    network = load_backbone("lite", ["relu1_2", "relu2_1"], "random", device="cpu")
    return cx_style.make_losses(network, ["relu1_2", "relu2_1"], ["relu1_2"], "relu2_1", (0.5, 0.2), 2)


@pytest.fixture
def classes(tmp_path):
    """Three class folders, of three, two and one image."""
    generator = np.random.default_rng(0)
    for name, count in {"a": 3, "b": 2, "c": 1}.items():
        (tmp_path / name).mkdir()
        for k in range(count):
            pixels = generator.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{name}{k}.png")
    return tmp_path


def test_squared_content_is_its_definition(losses):
    loss = losses["Squared to content"]
    x, y = torch.rand(2, 2, 3, 32, 32)
    a, b = (loss.backbone(images)["relu2_1"].detach().double().numpy() for images in (x, y))
    assert loss(x, y).item() == pytest.approx(((a - b) ** 2).mean(), rel=1e-5)


def test_every_method_comes_nearer_by_its_own_distance(computed):
    values = computed.table.set_index(["pair", "image", "loss"]).value
    for pair in ("astronaut ← coffee", "coffee ← astronaut"):
        for method, (to_style, to_content) in cx_style.METHODS.items():
            left = values[pair, method, to_style] / values[pair, "content", to_style]
            cost = values[pair, method, to_content] / values[pair, "style", to_content]
            assert left < 1
            assert left + cost < 1 + values[pair, "content", to_content] / values[pair, "style", to_content]


def test_images_are_judged_by_all_losses(losses):
    content, style = torch.rand(2, 1, 3, 32, 32)
    images, table = cx_style.transfer(content, style, losses, content_weight=1, steps=1, learning_rate=0.01, seed=0)
    assert tuple(images) == KINDS
    assert torch.equal(images["content"], content)
    values = table.set_index(["image", "loss"]).value
    for kind, x in images.items():
        for name, loss in losses.items():
            target = style if name.endswith("style") else content
            assert values[kind, name] == pytest.approx(loss(x, target).item(), rel=1e-4, abs=1e-6)


def test_without_a_step_nothing_changes(losses):
    content, style = torch.rand(2, 1, 3, 32, 32)
    images, table = cx_style.transfer(content, style, losses, content_weight=1, steps=0, learning_rate=0.01)
    assert all(torch.equal(images[method], content) for method in cx_style.METHODS)
    shares = cx_style.outcome(table.assign(pair="a"))
    of_style = shares[shares.loss.str.endswith("style")]
    np.testing.assert_allclose(of_style["mean"], 1, rtol=1e-5)
    assert (shares[shares.loss == "Perceptual to content"]["mean"] == 0).all()


def test_outcome_is_the_mean_of_shares():
    images = {"content": (2.0, 4.0), "style": (5.0, 8.0), "CX": (1.0, 1.0), "Gatys": (1.0, 1.0), "DSD": (1.0, 1.0)}
    table = pd.DataFrame(
        [
            {"pair": pair, "image": image, "loss": name, "value": values[pair]}
            for image, values in images.items()
            for name in cx_style.JUDGES
            for pair in range(2)
        ]
    )
    rows = cx_style.outcome(table).set_index(["method", "loss"])
    assert rows.loc["CX", "Gram to style"].tolist() == pytest.approx([(1 / 2 + 1 / 4) / 2, 1 / 4, 1 / 2])
    assert rows.loc["DSD", "CX to content"].tolist() == pytest.approx([(1 / 5 + 1 / 8) / 2, 1 / 8, 1 / 5])


def test_pairs_of_classes(classes):
    sets = cx_style.load_pairs([], str(classes), count=2, size=32, seed=0)
    groups = [view.group for view in sets["classes"].views]
    assert groups == ["a", "a", "b", "b"]
    assert len({view.path for view in sets["classes"].views}) == 4
    assert sets["classes"][0].shape == (3, 32, 32)
    both = cx_style.load_pairs([["coffee.png", "astronaut.png"]], str(classes), count=1, size=32, seed=0)
    assert [view.path.name for view in both["pairs"].views] == ["coffee.png", "astronaut.png"]
    assert len(both["classes"]) == 2


@pytest.mark.parametrize(
    ("pairs", "images", "message"),
    [
        ([], "", "there must be pairs: .*; got neither"),
        ([["coffee.png"]], "", r"a pair must be the names of two images, content and style; got \['coffee\.png'\]"),
        ([["coffee.png", "coffee.png"]], "", "must be the names of two images"),
        ([], "classes", "has pairs of 2 classes, 3 are asked for"),
    ],
)
def test_refuses(pairs, images, message, classes):
    with pytest.raises(ValueError, match=message):
        cx_style.load_pairs(pairs, str(classes) if images else "", count=3, size=32, seed=0)


def test_pictures_are_those_that_are_shown(computed):
    assert set(computed.images) == {f"0 {kind}" for kind in KINDS}
    astronaut = Photographs.from_names(["astronaut.png"], resize=32, crop=32)[0]
    assert torch.equal(computed.images["0 content"], astronaut)


@pytest.mark.parametrize("width", ["page", "column"])
def test_marks_are_the_tables_values(result, width):
    figure = cx_style.draw(result, width)
    rows = cx_style.outcome(result.table).set_index(["method", "loss"])["mean"]
    for axis, side in zip(figure.subfigs[1].axes, ("style", "content"), strict=True):
        losses = [name for name in cx_style.JUDGES if name.endswith(side)]
        drawn = {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()[:3]}
        assert drawn == {method: [rows[method, name] for name in losses] for method in cx_style.METHODS}
        assert [tick.get_text() for tick in axis.get_xticklabels()] == [cx_style.JUDGES[name] for name in losses]


def test_what_is_told(result):
    told = cx_style.told(result)
    assert list(told.index) == list(cx_style.JUDGES)
    row = cx_style.outcome(result.table).set_index(["method", "loss"]).loc["CX", "CX to style"]
    assert told.loc["CX to style", "CX"] == f"{row['mean']:.2f} [{row.low:.2f}, {row.high:.2f}]"
    text = cx_style.caption(result)
    assert "by 3 steps on its pixels" in text
    assert "Mean over 2 pairs; lines are 95% bootstrap intervals." in text
