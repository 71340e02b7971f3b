"""Which experiments there are: a notebook and a module of one stem."""

import json
import subprocess
import sys

import pytest

from dsd.experiments.catalogue import experiment_name, find_experiment, list_experiments, make_help, make_rules
from tests.conftest import REPOSITORY

CATALOGUE = REPOSITORY / "dsd" / "experiments" / "catalogue.py"


@pytest.fixture
def project(tmp_path):
    """An empty repository."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "dsd" / "experiments").mkdir(parents=True)
    return tmp_path


def add(project, stem, parameters='images = "embedded"', module=True):
    """Add an experiment: the notebook, and its module."""
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# A title\n", "more"]},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": parameters.splitlines(keepends=True)},
    ]
    (project / "notebooks" / f"{stem}.ipynb").write_text(json.dumps({"cells": cells}))
    if module:
        (project / "dsd" / "experiments" / f"{stem}.py").touch()


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("fig2_dissimilarity", "fig2"),
        ("tab12_full_reference", "tab12"),
        ("lite_report", "lite-report"),
        ("fig_neighbours", "fig-neighbours"),
        ("cx_toy", "cx-toy"),
        ("explore", "explore"),
    ],
)
def test_names(stem, name):
    assert experiment_name(stem) == name


def test_the_repositorys_experiments_have_all_their_files():
    experiments = list_experiments()
    assert {"fig1", "fig2", "fig3", "fig4", "fig5", "fig6", "fig7", "tab1", "lite-report"} <= set(experiments)
    for experiment in experiments.values():
        files = [experiment.notebook, experiment.module, f"tests/experiments/test_{experiment.module.name}"]
        assert [file for file in files if not (REPOSITORY / file).is_file()] == []
        assert experiment.title
        assert {"preset", "redraw", "out_dir"} <= set(experiment.parameters)


def test_two_notebooks_of_one_name_are_refused(project):
    add(project, "fig2_one")
    add(project, "fig2_two", module=False)
    with pytest.raises(ValueError, match=r"name fig2: notebooks/fig2_one\.ipynb and notebooks/fig2_two\.ipynb"):
        list_experiments(project)


def test_a_notebook_without_a_module_is_no_experiment(project):
    add(project, "fig2_one")
    add(project, "explore", module=False)
    assert list(list_experiments(project)) == ["fig2"]
    with pytest.raises(ValueError, match="unknown experiment 'explore'; valid ones: fig2"):
        find_experiment("explore", project)


def test_parameters_are_read_without_running_the_notebook(project):
    add(project, "fig2_one", 'from dsd import paper\nimages = 1 / 0\nalpha: float = paper.X["alpha"]\nmy_images = ""')
    experiment = find_experiment("fig2", project)
    assert experiment.parameters == ["images", "alpha", "my_images"]
    assert experiment.image_parameters == ["images", "my_images"]
    assert experiment.title == "A title"


@pytest.mark.parametrize("text", [None, "", "no heading", "## A smaller one"])
def test_a_notebook_without_a_title_is_named(project, text):
    add(project, "fig2_one")
    file = project / "notebooks" / "fig2_one.ipynb"
    cells = json.loads(file.read_text())["cells"][1:]
    if text is not None:
        cells.insert(0, {"cell_type": "markdown", "metadata": {}, "source": [text]})
    file.write_text(json.dumps({"cells": cells}))
    (project / "Makefile").touch()
    with pytest.raises(ValueError, match=r"notebooks/fig2_one\.ipynb has no title: its first cell must be text"):
        make_help(project)


def test_the_types_of_arguments_are_read_without_running_the_module(project):
    add(project, "fig2_one")
    module = project / "dsd" / "experiments" / "fig2_one.py"
    module.write_text("import nothing\n\ndef compute(*, count: int | None, alpha: float) -> int:\n    return 1 / 0\n")
    assert find_experiment("fig2", project).argument_types() == {"count": "int | None", "alpha": "float"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"cells": []}', r"notebooks/fig2_one\.ipynb must have one cell tagged parameters, it has 0"),
        ("<<<<<<< HEAD", r"notebooks/fig2_one\.ipynb is not a notebook: Expecting value"),
        ("{}", r"notebooks/fig2_one\.ipynb is not a notebook: 'cells'"),
    ],
)
def test_a_damaged_notebook_is_named(project, text, message):
    add(project, "fig2_one")
    (project / "notebooks" / "fig2_one.ipynb").write_text(text)
    with pytest.raises(ValueError, match=message):
        make_rules(project)


def test_rules(project):
    add(project, "fig2_one")
    add(project, "fig3_two", "image = 1")
    add(project, "a_report")
    rules = make_rules(project).splitlines()
    for line in (
        "a-report: $(OUT)/a-report.ipynb",
        "$(OUT)/fig2.ipynb: notebooks/fig2_one.ipynb $(wildcard dsd/experiments/fig2_*.py) "
        "$(wildcard notebooks/params/$(PRESET)/fig2.yaml)",
        "figures: fig2",
        "figures: $(if $(IMAGES),,fig3)",  # takes no folder of images
    ):
        assert line in rules
    assert not [line for line in rules if line.startswith("figures:") and "report" in line]


@pytest.mark.parametrize(("command", "text"), [("rules", make_rules), ("help", make_help)])
def test_the_standard_library_is_enough(command, text, tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-S", CATALOGUE, command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == text()


def test_a_change_of_any_of_its_modules_renders_it_again():
    rules = make_rules()
    for name, stem in (("cx-style", "cx_style"), ("tab-learned", "tab_learned")):
        own = f"notebooks/{stem}.ipynb $(wildcard dsd/experiments/{stem}*.py)"
        assert f"$(OUT)/{name}.ipynb: {own} " in rules
