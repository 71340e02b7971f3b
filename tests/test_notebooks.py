"""Every notebook runs as `make` runs it, at a small size and with random weights."""

import json
import os
import subprocess
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from dsd import figures, paper
from tests.conftest import REPOSITORY

RUN = REPOSITORY / "notebooks" / "run.py"
NOTEBOOKS = {path.name.split("_")[0]: path for path in (REPOSITORY / "notebooks").glob("*_*.ipynb")}
SMALL = {
    "fig1": ["resize=48", "crop=32", "count=20", "crops=2", "alphas=[2]", "alpha=4", "shown=3", "seed=7"],
    "fig2": ["layers=[relu1_2, relu2_1]", "patch_sizes=[3]", "resize=48", "crop=32", "count=20", "crops=2", "seed=7"],
    "fig3": ["layers=[relu1_2]", "resize=48", "crop=32", "count=10", "class_count=8", "crops=2", "shown=3", "seed=7"],
    "fig4": ["layers=[relu1_2]", "steps=2", "resize=48", "crop=32", "seed=7"],
    "fig5": ["channels=8", "resize=48", "crop=32", "seed=7"],
    "fig6": ["layers=[relu1_2]", "steps=[1, 2]", "residual_std=0.01", "resize=48", "crop=32", "seed=7"],
    "fig7": ["layers=[relu1_2, relu2_1]", "resize=48", "crop=32", "count=6", "crops=2", "seed=7"],
    "lite-report": [
        "layers=[relu1_2, relu2_1, relu2_2, relu3_1]",
        "resize=48",
        "crop=32",
        "count=6",
        "steps=1",
        "seed=7",
    ],
    "tab1": ["layers=[relu1_2, relu2_1]", "resize=64", "crop=48", "count=2", "seed=7"],
}
FIG4 = {f"fig4_{image}.png" for image in ("content", "reference", "DSD", "Style pyramid")}
ALSO = {"fig4": FIG4, "fig6": {f"fig6_step {step}.png" for step in (0, 1, 2)}, "tab1": {"tab1.md", "tab1.tex"}}


def run(*arguments):
    return subprocess.run(
        [sys.executable, RUN, *map(str, arguments)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def parameters_of(notebook):
    cells = [cell for cell in nbformat.read(notebook, 4).cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(cells) == 1
    values = {}
    exec(cells[0].source, values)
    return figures.parameters(values) | {"out_dir": ""}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs(name, tmp_path):
    small = [option for text in SMALL[name] for option in ("-p", text)]
    done = run(name, "-p", "weights=random", *small, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {f"{name}.{suffix}" for suffix in ("csv", "ipynb", "json", "pdf", "png")} | ALSO.get(name, set())
    assert '"stderr"' not in (tmp_path / f"{name}.ipynb").read_text()  # thousands of updates of progress bars
    provenance = json.loads((tmp_path / f"{name}.json").read_text())
    assert provenance["weights"] == "random"
    assert provenance["parameters"]["seed"] == 7
    assert set(provenance["parameters"]) == set(parameters_of(NOTEBOOKS[name])) - {"out_dir"}

    if name == "tab1":
        assert pd.read_csv(tmp_path / "tab1.csv").pearson.notna().all()

    # What it wrote can be drawn again without computing.
    redrawn = run(name, *small, "-p", f"redraw={os.path.relpath(tmp_path, REPOSITORY)}", "--out", tmp_path / "again")
    assert redrawn.returncode == 0, redrawn.stderr
    drawn = {f"{name}.{suffix}" for suffix in ("ipynb", "pdf", "png")} | ALSO.get(name, set())
    assert {path.name for path in (tmp_path / "again").iterdir()} == drawn


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_stores_inputs_only(name):
    notebook = nbformat.read(NOTEBOOKS[name], 4)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("preset", ["sample", "paper"])
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_presets_change_known_parameters(name, preset):
    changes = yaml.safe_load((REPOSITORY / "notebooks" / "params" / preset / f"{name}.yaml").read_text())
    assert set(changes) <= set(parameters_of(NOTEBOOKS[name]))


def test_fig2_has_the_papers_setting():
    parameters = parameters_of(NOTEBOOKS["fig2"])
    assert {name: parameters[name] for name in paper.FIG2} == paper.FIG2


def test_a_failed_notebook_leaves_nothing_that_looks_done(tmp_path):
    (tmp_path / "fig2.png").write_text("an earlier one")
    (tmp_path / ".fig2-killed").mkdir()
    done = run("fig2", "-p", "weights=random", "-p", "layers=[relu1_2]", "--images", "nowhere", "--out", tmp_path)
    assert done.returncode == 1
    assert "fig2_dissimilarity.ipynb failed: FileNotFoundError: no folder nowhere" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"fig2.png", "fig2.failed.ipynb"}
    assert (tmp_path / "fig2.png").read_text() == "an earlier one"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fig99"], "unknown figure 'fig99'; valid ones: fig1, fig2"),
        (["fig2", "--preset", "huge"], "unknown preset 'huge'; valid ones: quick, sample, paper"),
        (["fig4", "--images", "mine"], "fig4_matching.ipynb takes no folder of images, got 'mine'; it has: preset, "),
        (["fig2", "-p", "aplha=2"], "unknown parameter aplha for fig2_dissimilarity.ipynb; valid ones: preset, "),
        (["fig2", "-p", "seed=abc"], "parameter seed must be of the kind of 0, got 'abc'"),
        (["fig2", "-p", "seed"], "--parameter takes NAME=VALUE, got seed"),
    ],
)
def test_refuses(arguments, message, tmp_path):
    done = run(*arguments, "--out", tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_folders_name_is_taken_as_it_is(tmp_path):
    done = run("fig2", "--images", "2021 #1", "-p", "weights=a: b", "--out", tmp_path)
    assert "no weight file at a: b" in done.stderr


def changed(name, preset):
    """A notebook's parameters at a preset."""
    file = REPOSITORY / "notebooks" / "params" / preset / f"{name}.yaml"
    return parameters_of(NOTEBOOKS[name]) | yaml.safe_load(file.read_text())


@pytest.mark.parametrize("preset", ["sample", "paper"])
def test_fig4_is_optimised_as_the_authors_did(preset):
    names = ("layers", "steps", "learning_rate", "halve_every", "residual_std")
    parameters = changed("fig4", preset)
    assert {name: parameters[name] for name in names} == {name: paper.FIG4[name] for name in names}
    assert [paper.FIG4["content"] in parameters["content"], paper.FIG4["reference"] in parameters["reference"]] == [
        True
    ] * 2


def test_fig6_is_shown_at_the_papers_steps():
    for preset in ("sample", "paper"):
        parameters = changed("fig6", preset)
        assert {name: parameters[name] for name in paper.FIG6} == paper.FIG6
        assert [0, *parameters["steps"]] == list(paper.FIG6_VALUES)


def test_fig6_shows_the_ground_truth_and_the_papers_values(tmp_path):
    given = [*SMALL["fig6"], "preset=sample", "original=coffee.png", "weights=random"]
    done = run("fig6", *(option for text in given for option in ("-p", text)), "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(pd.read_csv(tmp_path / "fig6.csv").image) == {"optimised", "original"}
    assert (tmp_path / "fig6_original.png").is_file()


def test_fig3_and_fig7_have_the_papers_setting():
    parameters = changed("fig3", "paper")
    assert {name: parameters[name] for name in ("layers", "alpha", "resize", "crop")} == {
        name: paper.FIG3[name] for name in ("layers", "alpha", "resize", "crop")
    }
    parameters = changed("fig7", "paper")
    assert parameters["limits"] == paper.FIG7["range"]
    assert {name: parameters[name] for name in ("layers", "alpha", "bins")} == {
        name: paper.FIG7[name] for name in ("layers", "alpha", "bins")
    }


def test_fig3_shows_the_papers_classes_and_several_networks(tmp_path):
    images = tmp_path / "images"
    for number, wnid in enumerate([*paper.CLASS_STATISTICS, *(f"n0000000{k}" for k in range(12))]):
        (images / wnid).mkdir(parents=True)
        for k in range(2):
            pixels = np.random.default_rng(2 * number + k).integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(images / wnid / f"{k}.png")
    small = [
        "layers=[relu1_2]",
        "resize=40",
        "crop=32",
        "count=28",
        "class_count=28",
        "crops=1",
        "shown=2",
        "also=[lite]",
    ]
    options = [option for text in [*small, "backbone=vgg19", "weights=random"] for option in ("-p", text)]
    done = run("fig3", "--images", images, *options, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert {"vgg19", "lite"} <= set(pd.read_csv(tmp_path / "out" / "fig3.csv"))
