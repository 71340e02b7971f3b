"""The explorer without a browser: its controls are set as a user sets them."""

import time
from datetime import datetime

import pytest

pytest.importorskip("ipywidgets", reason="no ipywidgets: pip install 'dsd[explore]'")

from dsd.explore import app
from dsd.explore import optimise as tab
from dsd.explore.networks import LAYERS
from tests.explore.test_pictures import encoded


@pytest.fixture
def explorer(monkeypatch):
    monkeypatch.setattr(app, "prepare", lambda backbone: None)
    monkeypatch.setattr(app, "TABS", {"First": lambda choice: f"1 {choice}", "Second": lambda choice: f"2 {choice}"})
    return app.Explorer()


def answer(explorer):
    return explorer._answers[explorer._tabs.selected_index or 0].value


@pytest.mark.parametrize(
    ("control", "value"),
    [("_layer", "relu1_2"), ("_alpha", 4), ("_strength", 2), ("_kind", "jpeg"), ("_photograph", "coffee.png")],
)
def test_every_control_changes_the_answer(explorer, control, value):
    before = answer(explorer)
    getattr(explorer, control).value = value
    assert answer(explorer) != before
    assert "lite (" in explorer._message.value


def test_only_the_tab_that_is_seen_is_answered(explorer):
    assert explorer._answers[1].value == ""
    explorer._tabs.selected_index = 1
    assert explorer._answers[1].value.startswith("2 ")
    kept = explorer._answers[0].value
    explorer._alpha.value = 4
    assert explorer._answers[0].value == kept
    explorer._tabs.selected_index = 0
    assert explorer._answers[0].value != kept


def test_a_kind_keeps_the_strength(explorer):
    explorer._strength.value = 2
    explorer._kind.value = "shift"
    assert explorer._strength.label == "2"
    assert (explorer._choice.kind, explorer._choice.strength) == ("shift", 2)


def send(explorer, content, name="mine.png"):
    file = {"name": name, "type": "image/png", "size": len(content), "content": memoryview(content)}
    explorer._upload.value = ({**file, "last_modified": datetime(2026, 1, 1)},)


def test_uploads(explorer):
    send(explorer, encoded())
    assert explorer._choice.picture.name == "mine.png"
    assert explorer._photograph.value is None
    shown = answer(explorer)
    send(explorer, encoded()[:1000], "broken <b>.png")
    assert "cannot use broken &lt;b&gt;.png" in explorer._message.value
    assert "stays as it was" in explorer._message.value
    assert answer(explorer) == shown
    explorer._photograph.value = "coffee.png"
    assert explorer._choice.picture.name == "coffee.png"


def test_a_network_that_is_not_here_is_said_in_words(explorer, monkeypatch):
    def missing(name):
        raise FileNotFoundError("no weights of vgg19")

    monkeypatch.setattr(app, "load_network", missing)
    shown = answer(explorer)
    explorer._backbone.value = "vgg19"
    assert "no weights of vgg19" in explorer._message.value
    assert explorer._backbone.value == "lite"
    assert answer(explorer) == shown


def test_another_network_has_its_layers(explorer, monkeypatch):
    monkeypatch.setattr(app, "load_network", lambda name: None)
    explorer._backbone.value = "vgg19"
    explorer._layer.value = "relu5_1"
    assert explorer._choice.backbone == "vgg19"
    explorer._backbone.value = "lite"
    assert explorer._layer.options == LAYERS["lite"]
    assert explorer._choice.layer == explorer._layer.value == "relu3_1"


def wait_for(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_optimisation_is_live_and_stops(explorer, monkeypatch):
    monkeypatch.setattr(tab, "EVERY", 0)
    explorer._tabs.selected_index = 2
    optimise = explorer._optimise
    begin = optimise._way.value
    optimise._start.click()
    assert not optimise._stop.disabled
    wait_for(lambda: "after 2 steps" in optimise._way.value)
    optimise._stop.click()
    assert "has ended" in explorer._message.value
    assert (optimise._start.disabled, optimise._stop.disabled) == (False, True)
    last = optimise._way.value
    assert last != begin
    explorer._alpha.value = 4
    assert "after" not in optimise._way.value


def test_nothing_to_come_near_to(explorer):
    explorer._tabs.selected_index = 2
    explorer._optimise._goal.value = tab.DISTANCE
    explorer._optimise._start.click()
    assert "Choose a degradation" in explorer._message.value
    assert explorer._optimise._descent is None
