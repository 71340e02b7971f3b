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
import yaml
from PIL import Image

from dsd.data.synthetic import write_distorted
from dsd.data.views import Photographs
from dsd.experiments import output, provenance, style
from dsd.experiments.catalogue import list_experiments
from dsd.experiments.presets import default_parameters
from dsd.restore.config_files import as_yaml, load_config
from tests.conftest import REPOSITORY
from tests.noref.samples import save_regressor

EXPERIMENTS = list_experiments()
SMALL = {
    "cx-animate": [
        *("target_layers=[relu1_2, relu2_1]", "source_layer=relu2_1", "size=32", "frames=4", "held_out=3", "steps=2"),
        "seed=7",
    ],
    "cx-denoise": ["runs=[l1 - 0, dsd relu2_2 0]", "misaligned=[0, 3]", "sets={embedded noisy: 1}", "seed=7"],
    "cx-style": [
        "cx_layers=[relu1_2, relu2_1]",
        "style_layers=[relu1_2]",
        "content_layer=relu2_1",
        "size=32",
        "steps=2",
        "seed=7",
    ],
    "cx-toy": ["points=20", "seeds=2", "means=[0, 1]", "stds=[0, 1]", "lost=[0, 0.5]", "seed=7"],
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
    "fig8": ["shown={embedded/brick: [48, 32, 48]}", "seed=7"],
    "fig10": ["runs=[none - 0]", "sets={embedded: 2}", "shown=[embedded/brick]", "seed=7"],
    "fig9": ["runs=[none - 0, dsd relu2_2 0]", "sets={embedded: 1}", "seed=7"],
    "fig11": ["sets={embedded shaken: 1}", "runs=[style relu2_2 0, dsd relu2_2 0]", "seed=7"],
    "fig-attribution": ["layer=relu1_2", "blocks=2", "resize=48", "crop=32", "count=3", "shown=2", "seed=7"],
    "fig-networks": [
        *("random=[lite]", "seeds=2", "layers=[relu1_2, relu2_1]", "resize=48", "crop=32", "count=8", "crops=1"),
        *("rated_crop=48", "rated_count=1", "seed=7"),
    ],
    "fig-shift": ["layers=[relu1_2]", "shifts=[0, 3]", "resize=64", "crop=48", "count=1", "seed=7"],
    "fig-neighbours": ["layers=[relu1_2]", "resize=48", "crop=32", "count=12", "class_count=10", "crops=2", "seed=7"],
    "lite-report": ["layers=[relu1_2, relu2_1]", "resize=48", "crop=32", "count=6", "steps=1", "seed=7"],
    "noref-report": ["alphas=[2]", "resize=200", "crop=192", "count=3", "crops=1", "distorted=2", "seed=7"],
    "tab-bapps": ["layers=[relu1_2]", "crop=32", "count=8", "crops=1", "each=1", "combined=2", "seed=7"],
    "tab-learned": ["layers=[relu1_2]", "published=relu1_2", "steps=3", "crop=48", "count=2", "seed=7"],
    "tab1": ["layers=[relu1_2, relu2_1]", "resize=64", "crop=48", "count=2", "seed=7"],
    "tab2": ["alphas=[2]", "resize=192", "crop=192", "count=1", "seed=7"],
    "tab3": ["runs=[none - 0, dsd relu2_2 0]", "sets={embedded: 1}", "seed=7"],
}
PARTS = {"tab-bapps": "tab-bapps-distortions"}  # a second figure
PICTURES = {
    "cx-animate": {
        "cx-animate_target.png",
        *(f"cx-animate_{frame}-{image}.png" for frame in (4, 5, 6) for image in ("source", "CX", "Style", "DSD")),
    },
    "cx-denoise": {
        f"cx-denoise_embedded-noisy-astronaut-{image}.png"
        for image in ("Noisy", "Clean", "L1-0", "L1-3", "DSD-0", "DSD-3")
    },
    "tab-bapps": {"tab-bapps_distortions.png"},
    "cx-style": {f"cx-style_0-{image}.png" for image in ("content", "style", "CX", "Gatys", "DSD")},
    "fig4": {f"fig4_{image}.png" for image in ("content", "reference", "DSD", "Style-pyramid")},
    "fig6": {f"fig6_step-{step}.png" for step in (0, 1, 2)},
    "fig8": {f"fig8_embedded-brick-{image}.png" for image in ("Whole", "Bicubic", "L1", "DSD", "Ground-truth")},
    "fig10": {
        f"fig10_embedded-brick-{image}.png" for image in ("Bicubic", "L1-model", "Perceptual-only", "Ground-truth")
    },
    "fig-attribution": {f"fig-attribution_view-{view}.png" for view in range(2)},
    "fig11": {
        f"fig11_embedded-shaken-astronaut-{label}.png" for label in ("Blurred", "L1-model", "Style", "DSD", "Sharp")
    },
}


def module_of(name):
    return import_module(f"dsd.experiments.{EXPERIMENTS[name].module.stem}")


def few_steps(name, folder):
    """The quick preset's settings of a training, with two steps."""
    settings = yaml.safe_load((REPOSITORY / "configs" / "quick" / f"{name}.yaml").read_text()) | {"steps": 2}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(settings | {"balance": 1}))
    return path


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_runs_and_is_drawn_again(name, tmp_path, monkeypatch):
    network = ["random"] if "weights" in EXPERIMENTS[name].parameters else []  # else of no network
    small = [*SMALL.get(name, []), *(f"weights={weights}" for weights in network)]
    if name == "lite-report":
        few = Photographs.from_folder("embedded", resize=64, crop=48, count=2)
        small.append(f"rated_images={write_distorted(few, tmp_path / 'rated').root / 'ratings.csv'}")
    if name in ("noref-report", "tab2"):
        small.append(f"regressors=[{save_regressor(tmp_path / 'psi.safetensors', weights_sha256='random')}]")
    if name == "fig10":  # trains
        settings = load_config(REPOSITORY / default_parameters(EXPERIMENTS[name])["config"], ["steps=1", "balance=1"])
        (tmp_path / "one step.yaml").write_text(as_yaml(settings))
        small += [f"config={tmp_path / 'one step.yaml'}", f"folder={tmp_path / 'runs'}"]
    if name == "cx-denoise":
        small += [f"config={few_steps('denoise', tmp_path)}", f"folder={tmp_path / 'runs'}"]
    if name in ("tab3", "fig9"):
        small += [f"config={few_steps('sr', tmp_path)}", f"folder={tmp_path / 'runs'}"]
    if name == "fig11":
        small += [f"first={few_steps('deblur-l1', tmp_path)}", f"config={few_steps('deblur', tmp_path)}"]
        small.append(f"folder={tmp_path / 'runs'}")
    options = [option for text in small for option in ("-p", text)]
    command = [sys.executable, "-m", "dsd.experiments", "run", name, *options, "--out", tmp_path / "new"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = name.startswith("tab")
    tables = {f"{name}.md", f"{name}-figure.tex"} if table else set()
    pictures = PICTURES.get(name, set())
    files = {f"{name}.{suffix}" for suffix in ("csv", "ipynb", "json", "pdf", "png", "tex")}
    parts = {f"{PARTS[name]}.{suffix}" for suffix in ("pdf", "png", "tex")} if name in PARTS else set()
    assert {path.name for path in (tmp_path / "new").iterdir()} == files | tables | pictures | parts
    origin = json.loads((tmp_path / "new" / f"{name}.json").read_text())
    assert [origin[key] for key in origin if key == "weights"] == network
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
        kind, column = {
            **{"tab3": ("mean", "psnr_y_authors"), "tab-bapps": ("2afc", "value"), "tab-learned": ("pearson", "value")}
        }.get(name, ("correlation", "pearson"))
        assert numbers[numbers.kind == kind][column].notna().all()


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
