"""What an experiment is run with."""

import json
from pathlib import Path

import pytest

from dsd import paper
from dsd.experiments.catalogue import PRESETS, REPOSITORY, Experiment, find_experiment, list_experiments
from dsd.experiments.presets import default_parameters, preset_parameters, resolve

CELL = """
from dsd import paper

preset = "quick"
layers = paper.FIG4["layers"]
images = "embedded"
my_images = "embedded"
weights = "auto"
alpha = 4.0
steps = 3
crop = 5
shown = True
out_dir = "figures/quick"
"""


MODULE = "def compute(*, steps: float, alpha: float | None, crop: int | None, layers: list, shown: bool):\n    pass\n"


@pytest.fixture
def experiment(tmp_path):
    """An experiment with a file for the sample preset."""
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": CELL}
    (tmp_path / "fig0_try.ipynb").write_text(json.dumps({"cells": [cell]}))
    experiment = Experiment("fig0", tmp_path, Path("fig0_try.ipynb"))
    (tmp_path / experiment.module).parent.mkdir(parents=True)
    (tmp_path / experiment.module).write_text(MODULE)
    file = tmp_path / experiment.preset_file("sample")
    file.parent.mkdir(parents=True)
    file.write_text("steps: !paper FIG4.steps\ncrop: null\nimages: some\n")
    return experiment


def write_sample(experiment, text):
    (experiment.repository / experiment.preset_file("sample")).write_text(text)


def test_defaults_may_come_from_the_paper(experiment):
    defaults = default_parameters(experiment)
    assert defaults["layers"] == paper.FIG4["layers"]
    names = "preset, layers, images, my_images, weights, alpha, steps, crop, shown, out_dir"
    assert ", ".join(defaults) == names


def test_the_preset_then_the_images_then_what_is_given(experiment):
    expected = {"preset": "sample", "steps": paper.FIG4["steps"], "crop": None, "images": "some"}
    assert resolve(experiment, "sample", None, {}) == expected
    assert resolve(experiment, "sample", "mine", {"steps": "7", "alpha": "2"}) == expected | {
        "images": "mine",
        "my_images": "mine",
        "steps": 7,
        "alpha": 2,
    }
    assert resolve(experiment, "quick", None, {"my_images": "b"}) == {"preset": "quick", "my_images": "b"}


def test_text_is_taken_as_it_is(experiment):
    assert resolve(experiment, "quick", "2021 #1", {"weights": "a: b"}) == {
        "preset": "quick",
        "images": "2021 #1",
        "my_images": "2021 #1",
        "weights": "a: b",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"), [("crop", "null", None), ("alpha", "null", None), ("steps", "1.5", 1.5)]
)
def test_what_compute_takes_is_taken(experiment, name, text, value):
    assert resolve(experiment, "quick", None, {name: text}) == {"preset": "quick", name: value}


@pytest.mark.parametrize(
    ("name", "given"), [("fig1", "count=null"), ("fig7", "resize=null"), ("fig5", "alpha=1.5"), ("fig6", "crop=null")]
)
def test_what_the_notebooks_comments_promise_is_taken(name, given):
    resolve(find_experiment(name), "quick", None, dict([given.split("=")]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"aplha": "2"}, r"unknown parameter aplha for fig0_try\.ipynb; valid ones: layers, "),
        ({"out_dir": "x"}, "parameter out_dir is set by --out"),
        ({"preset": "paper"}, "parameter preset is set by --preset"),
        ({"paper": "x"}, "unknown parameter paper"),
        ({"steps": "abc"}, "parameter steps must be of the kind of 3, got 'abc'"),
        ({"steps": "null"}, "parameter steps must be of the kind of 3, got 'null'"),
        ({"steps": "true"}, "parameter steps must be of the kind of 3, got 'true'"),
        ({"crop": "1.5"}, r"parameter crop must be of the kind of 5, got '1\.5'"),
        ({"crop": ""}, "parameter crop must be of the kind of 5, got ''"),
        ({"layers": "null"}, "parameter layers must be of the kind of "),
        ({"shown": "1"}, "parameter shown must be of the kind of True, got '1'"),
        ({"alpha": "[1"}, r"parameter alpha must be of the kind of 4\.0, got '\[1'"),
        ({"layers": "relu1_2"}, "parameter layers must be of the kind of "),
    ],
)
def test_refuses(experiment, given, message):
    with pytest.raises(ValueError, match=message):
        resolve(experiment, "quick", None, given)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: !paper FIG4.stepz", r"notebooks/params/sample/fig0\.yaml: dsd/paper\.py has no FIG4\.stepz"),
        ("steps: !paper FIG4.steps.more", r"has no FIG4\.steps\.more"),
        ("steps: [1", r"notebooks/params/sample/fig0\.yaml: while parsing"),
        ("steps", r"fig0\.yaml must have lines NAME: VALUE, got 'steps'"),
        ("stepz: 1", "unknown parameter stepz"),
        ("preset: paper", "parameter preset is set by --preset"),
    ],
)
def test_a_wrong_preset_file_is_named(experiment, text, message):
    write_sample(experiment, text)
    with pytest.raises(ValueError, match=message):
        resolve(experiment, "sample", None, {})


def test_unknown_presets(experiment):
    with pytest.raises(ValueError, match="unknown preset 'huge'; valid ones: quick, sample, paper"):
        resolve(experiment, "huge", None, {})
    with pytest.raises(ValueError, match=r"fig0 has no preset paper: there is no notebooks/params/paper/fig0\.yaml"):
        preset_parameters(experiment, "paper")


def test_images_where_there_is_no_set_of_them():
    with pytest.raises(
        ValueError, match=r"fig4_matching\.ipynb takes no folder of images, got 'mine'; it has: backbone"
    ):
        resolve(find_experiment("fig4"), "quick", "mine", {})


def test_every_preset_resolves():
    for experiment in list_experiments().values():
        presets = [preset for preset in PRESETS if (REPOSITORY / experiment.preset_file(preset)).is_file()]
        for preset in ("quick", *presets):
            assert resolve(experiment, preset, None, {})["preset"] == preset
