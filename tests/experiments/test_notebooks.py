"""Every notebook runs as `make` runs it, at a small size and with random weights, and is drawn again from its files."""

import inspect
import json
import subprocess
import sys
from importlib import import_module

import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dsd.data.synthetic import write_distorted
from dsd.data.views import Photographs
from dsd.experiments import output, provenance, style
from dsd.experiments.catalogue import list_experiments
from dsd.experiments.presets import default_parameters
from tests.conftest import REPOSITORY
from tests.noref.samples import save_regressor

EXPERIMENTS = list_experiments()
SMALL = {
    "fig1": ["resize=48", "crop=32", "count=20", "crops=2", "alphas=[2]", "alpha=4", "shown=3", "seed=7"],
    "fig2": [
        "layers=[relu1_2, relu2_1]",
        "patch_sizes=[3]",
        "resize=48",
        "crop=32",
        "sides=[16]",
        "count=20",
        "crops=2",
        "seed=7",
    ],
    "fig3": ["layers=[relu1_2]", "resize=48", "crop=32", "count=10", "class_count=8", "crops=2", "shown=3", "seed=7"],
    "fig4": ["layers=[relu1_2]", "steps=2", "resize=48", "crop=32", "seed=7"],
    "fig5": ["channels=8", "resize=48", "crop=32", "seed=7"],
    "fig6": ["layers=[relu1_2]", "steps=[1, 2]", "residual_std=0.01", "resize=48", "crop=32", "seed=7"],
    "fig7": ["layers=[relu1_2, relu2_1]", "resize=48", "crop=32", "count=6", "crops=2", "seed=7"],
    "lite-report": ["layers=[relu1_2, relu2_1]", "resize=48", "crop=32", "count=6", "steps=1", "seed=7"],
    "noref-report": ["alphas=[2]", "resize=200", "crop=192", "count=3", "crops=1", "distorted=2", "seed=7"],
    "tab1": ["layers=[relu1_2, relu2_1]", "resize=64", "crop=48", "count=2", "seed=7"],
    "tab2": ["alphas=[2]", "resize=192", "crop=192", "count=1", "seed=7"],
}
PICTURES = {
    "fig4": {f"fig4_{image}.png" for image in ("content", "reference", "DSD", "Style-pyramid")},
    "fig6": {f"fig6_step-{step}.png" for step in (0, 1, 2)},
}


def module_of(name):
    return import_module(f"dsd.experiments.{EXPERIMENTS[name].module.stem}")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_runs_and_is_drawn_again(name, tmp_path, monkeypatch):
    small = [*SMALL.get(name, []), "weights=random"]
    if name == "lite-report":
        few = Photographs.from_folder("embedded", resize=64, crop=48, count=2)
        small.append(f"rated_images={write_distorted(few, tmp_path / 'rated').root / 'ratings.csv'}")
    if name in ("noref-report", "tab2"):
        small.append(f"regressors=[{save_regressor(tmp_path / 'psi.safetensors', weights_sha256='random')}]")
    options = [option for text in small for option in ("-p", text)]
    command = [sys.executable, "-m", "dsd.experiments", "run", name, *options, "--out", tmp_path / "new"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = name.startswith("tab")
    tables = {f"{name}.md", f"{name}-figure.tex"} if table else set()
    pictures = PICTURES.get(name, set())
    files = {f"{name}.{suffix}" for suffix in ("csv", "ipynb", "json", "pdf", "png", "tex")}
    assert {path.name for path in (tmp_path / "new").iterdir()} == files | tables | pictures
    origin = json.loads((tmp_path / "new" / f"{name}.json").read_text())
    assert origin["weights"] == "random"
    assert origin["parameters"]["seed"] == 7
    assert set(origin["parameters"]) == set(EXPERIMENTS[name].parameters) - {"out_dir", "width", "stamp"}

    # What it wrote can be drawn again without computing, to the same pixels; rounding in the layout moves a few by 4.
    experiment = module_of(name)
    monkeypatch.setattr(experiment, "compute", None)
    style.use_style()
    result = provenance.load_or_compute(experiment, {"redraw": str(tmp_path / "new")}, tmp_path / "again")
    figure = experiment.draw(result, "page")
    output.save_figure(figure, result, experiment.caption(result), tmp_path / "again")
    drawn = {f"{name}.pdf", f"{name}.png", f"{name}-figure.tex" if table else f"{name}.tex"}
    assert {path.name for path in (tmp_path / "again").iterdir()} == drawn | pictures
    for picture in pictures:
        assert (tmp_path / "again" / picture).read_bytes() == (tmp_path / "new" / picture).read_bytes()
    pixels = [np.asarray(Image.open(tmp_path / folder / f"{name}.png"), int) for folder in ("new", "again")]
    np.testing.assert_allclose(*pixels, rtol=0, atol=8)
    if table:
        numbers = pd.read_csv(tmp_path / "new" / f"{name}.csv")
        assert numbers[numbers.kind == "correlation"].pearson.notna().all()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_stores_inputs_only(name):
    notebook = nbformat.read(REPOSITORY / EXPERIMENTS[name].notebook, 4)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_compute_takes_the_notebooks_parameters(name):
    names = set(EXPERIMENTS[name].parameters) - {"preset", "redraw", "width", "stamp", "out_dir"}
    assert set(inspect.signature(module_of(name).compute).parameters) == names


def test_fig5_starts_fast():
    slow = ["scipy", "seaborn", "torchvision", "skimage"]
    program = f"import dsd.experiments.fig5_losses, sys; print(*set({slow}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_defaults_are_the_quick_preset():
    for experiment in EXPERIMENTS.values():
        parameters = default_parameters(experiment)
        assert (parameters["preset"], parameters["out_dir"]) == ("quick", "figures/quick")
