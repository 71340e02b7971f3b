"""What the README promises of `make`, with a stand-in for the environment's Python."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from dsd.experiments.catalogue import list_experiments
from tests.conftest import REPOSITORY

# Writes what it was called with, and the notebook that make waits for.
STUB = f"""#!{sys.executable} -IS
import json, os, sys
from pathlib import Path

call = {{"program": sys.argv[0], "arguments": sys.argv[1:], "environment": dict(os.environ)}}
with open("calls", "a") as file:
    file.write(json.dumps(call) + chr(10))
if "--out" in sys.argv:
    Path(sys.argv[sys.argv.index("--out") + 1], sys.argv[sys.argv.index("run") + 1] + ".ipynb").touch()
"""
TEXTS = [
    "$(shell touch pwned)",
    "$$(shell touch pwned)",
    "$(eval all: ; touch pwned)",
    "${shell touch pwned}",
    "$(touch pwned)",
    "`touch pwned`",
    "x; touch pwned",
    "' ; touch pwned ; '",
    '" ; touch pwned ; "',
    "two\nlines\ntouch pwned",
    'it\'s "my" folder $HOME $$ # 1 % \\ * ~ (a), b',
    "${IMAGES} $(IMAGES) $IMAGES",
]
INNER_VARIABLES = ("VARIABLES", "GIVEN", "ENV", "INSTALL", "PYTHON", "READY", "BELOW", "OUT", "OTHER", "DSD_DATA")
TEXT_VARIABLES = ("BACKBONE", "WEIGHTS", "DATA", "IMAGES", "DEVICE", "SEED", "START")


def make(*arguments, cwd=REPOSITORY, **environment):
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "CONDA", "DSD", "MFLAGS"))
        and name not in (*TEXT_VARIABLES, "PRESET", "PYTHON3")
    }
    return subprocess.run(
        ["make", *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=clean | environment
    )


def figures_in(done):
    """Which experiments make runs."""
    return [line.split(" run ")[1].split()[0] for line in done.stdout.splitlines() if " run " in line]


@pytest.fixture
def checkout(tmp_path):
    """A copy of the repository as far as make looks at it, whose environment is a stand-in."""
    folder = tmp_path / "checkout"
    for name in ("dsd", "notebooks"):
        ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "*.safetensors")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignore)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(REPOSITORY / name, folder)
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "dsd"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    (folder / ".venv" / ".dsd-ready").touch()
    return folder


def calls(checkout):
    """What the stand-in was called with so far."""
    file = checkout / "calls"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_make_alone_lists_the_targets():
    done = make()
    assert done.returncode == 0
    for target in (*list_experiments(), "figures", "test", "env", "lock", "lite", "clean", "PRESET", "IMAGES", "DATA"):
        assert f"  {target} " in done.stdout


def test_a_bare_machine_lists_and_plans_without_an_environment(checkout):
    shutil.rmtree(checkout / ".venv")
    assert "  fig2 " in make(cwd=checkout).stdout
    done = make("-n", "fig2", cwd=checkout)
    assert "-m venv .venv" in done.stdout
    assert figures_in(done) == ["fig2"]
    assert not (checkout / ".venv").exists()


def test_variables_reach_the_run(checkout):
    done = make("fig2", "PRESET=sample", "IMAGES=my photos", "SEED=3", cwd=checkout, WEIGHTS="w.pth", DATA="root")
    assert done.returncode == 0, done.stderr
    (call,) = calls(checkout)
    folder = "figures/sample-images"
    assert call["arguments"] == ["-m", "dsd.experiments", "run", "fig2", "--from-environment", "--out", folder]
    expected = {"PRESET": "sample", "IMAGES": "my photos", "SEED": "3", "WEIGHTS": "w.pth", "DSD_DATA": "root"}
    assert {name: call["environment"][name] for name in expected} == expected


@pytest.mark.parametrize("given", ["command line", "environment"])
@pytest.mark.parametrize("text", TEXTS)
def test_what_variables_hold_is_expanded_by_nobody(checkout, text, given):
    variables = dict.fromkeys(TEXT_VARIABLES, text)
    for options in (["-n"], []):
        if given == "environment":
            done = make(*options, "fig2", "lite", cwd=checkout, **variables)
        else:
            done = make(*options, "fig2", "lite", *(f"{name}={text}" for name in variables), cwd=checkout)
        assert done.returncode == 0, done.stderr
    run, lite = calls(checkout)
    for call in (run, lite):
        assert {name: call["environment"][name] for name in TEXT_VARIABLES} == variables
        assert call["environment"]["DSD_DATA"] == text
    assert run["arguments"][2:] == ["run", "fig2", "--from-environment", "--out", "figures/quick-images"]
    options = [part for name in ("device", "seed", "weights", "start") for part in (f"--{name}", text)]
    assert lite["arguments"] == ["train", "lite", *options]
    assert not list(checkout.rglob("pwned*"))


@pytest.mark.parametrize("text", TEXTS[:6])
def test_other_variables_are_not_expanded_either(checkout, text):
    variables = dict.fromkeys(INNER_VARIABLES, text)
    given = [f"{name}={text}" for name in variables]
    for options in (["-n"], []):
        assert make(*options, "fig2", "lint", *given, cwd=checkout).returncode == 0
        assert make("-e", *options, "fig2", "lint", "SEED=1", cwd=checkout, **variables).returncode == 0
    assert {call["program"] for call in calls(checkout)} == {".venv/bin/python"}
    runs = [call for call in calls(checkout) if "run" in call["arguments"]]
    assert [call["environment"]["DSD_DATA"] for call in runs] == [text, text]
    assert not list(checkout.rglob("pwned*"))


@pytest.mark.parametrize("text", TEXTS[:6])
def test_neither_a_preset_nor_a_python_is_expanded(checkout, text):
    assert "unknown PRESET" in make("fig2", f"PRESET={text}", cwd=checkout).stderr
    assert "unknown PRESET" in make("fig2", cwd=checkout, PRESET=text).stderr
    shutil.rmtree(checkout / ".venv")
    assert make("env", f"PYTHON3=false {text}", cwd=checkout).returncode == 2
    assert make("env", cwd=checkout, PYTHON3=f"false {text}").returncode == 2
    assert not list(checkout.rglob("pwned*"))


def test_python3_may_be_a_command(checkout):
    assert "  fig2 " in make("PYTHON3=env -u NOTHING python3", cwd=checkout).stdout


def test_a_figure_is_rendered_once_until_something_of_its_own_changes(checkout):
    def rendered(*variables):
        before = len(calls(checkout))
        assert make("fig2", "fig7", *variables, cwd=checkout).returncode == 0
        return [call["arguments"][3] for call in calls(checkout)[before:]]

    def newer(path):
        later = max(file.stat().st_mtime for file in checkout.rglob("*")) + 2
        os.utime(checkout / path, (later, later))
        for file in (checkout / "figures").rglob("*.ipynb"):  # a stand-in renders now, which must be later still
            os.utime(file, (later - 1, later - 1))

    assert rendered() == ["fig2", "fig7"]
    assert rendered() == []
    assert rendered("SEED=1") == ["fig2", "fig7"]
    assert rendered("SEED=1") == []
    assert rendered() == ["fig2", "fig7"]
    for path in ("notebooks/fig2_dissimilarity.ipynb", "dsd/experiments/fig2_dissimilarity.py"):
        newer(path)
        assert rendered() == ["fig2"], path
        os.utime(checkout / path, (0, 0))
    for path in ("dsd/gram.py", "dsd/data/images.py", "dsd/experiments/provenance.py"):
        newer(path)
        assert rendered() == ["fig2", "fig7"], path
        os.utime(checkout / path, (0, 0))
    newer("dsd/experiments/fig1_classes.py")
    assert rendered() == []


def test_a_presets_file_is_a_figures_own(checkout):
    done = make("-n", "-p", "fig2", "PRESET=sample", cwd=checkout)
    (rule,) = [line for line in done.stdout.splitlines() if line.startswith("figures/sample/fig2.ipynb:")]
    assert "notebooks/params/sample/fig2.yaml" in rule


def test_the_gallery_follows_the_presets_that_are_committed(checkout):
    assert make("fig2", cwd=checkout).returncode == 0
    assert make("fig2", "PRESET=sample", cwd=checkout).returncode == 0
    assert [call["arguments"][2] for call in calls(checkout)] == ["run", "run", "gallery"]


def test_the_report_is_of_the_presets_folder(checkout):
    assert make("report", cwd=checkout).returncode == 0
    assert make("report", "PRESET=sample", cwd=checkout).returncode == 0
    reported = [["-m", "dsd.experiments", "report", f"figures/{preset}"] for preset in ("quick", "sample")]
    assert [call["arguments"] for call in calls(checkout)] == reported


def test_an_experiment_is_added_by_its_files(checkout):
    make(cwd=checkout)
    notebook = (checkout / "notebooks" / "fig7_histogram.ipynb").read_text()
    (checkout / "notebooks" / "fig12_new.ipynb").write_text(notebook.replace("Figure 7", "Figure 12"))
    (checkout / "dsd" / "experiments" / "fig12_new.py").touch()
    assert "  fig12         Figure 12: " in make(cwd=checkout).stdout
    assert make("fig12", cwd=checkout).returncode == 0
    assert calls(checkout)[0]["arguments"][3] == "fig12"
    assert "fig12" in figures_in(make("-n", "figures", cwd=checkout))


def test_two_notebooks_of_one_name_are_refused(checkout):
    shutil.copy(checkout / "notebooks" / "fig7_histogram.ipynb", checkout / "notebooks" / "fig2_another.ipynb")
    done = make("fig1", cwd=checkout)
    assert done.returncode == 2
    assert "fig2: notebooks/fig2_another.ipynb and notebooks/fig2_dissimilarity.ipynb" in done.stderr


@pytest.mark.parametrize("name", ["dsd", "my environments", "$(touch pwned)", "`touch pwned`", '"; touch pwned; "'])
@pytest.mark.parametrize("given", ["command line", "environment"])
def test_an_active_conda_environment_named_dsd_is_used(checkout, name, given):
    prefix = checkout / "conda" / name
    prefix.parent.mkdir()
    (checkout / ".venv").rename(prefix)
    (prefix / ".dsd-ready").unlink()
    conda = {"CONDA_DEFAULT_ENV": "dsd", "CONDA_PREFIX": str(prefix)}

    def make_env(*more):
        before = len(calls(checkout))
        if given == "environment":
            done = make("env", *more, cwd=checkout, **conda)
        else:
            done = make("env", *more, *(f"{variable}={text}" for variable, text in conda.items()), cwd=checkout)
        assert done.returncode == 0, done.stderr
        return calls(checkout)[before:]

    pip, uv, editable = make_env()
    program = f"{prefix}/bin/python"
    assert {call["program"] for call in (pip, uv, editable)} == {program}
    assert uv["arguments"][:5] == ["-m", "uv", "pip", "install", "--requirements"]
    assert uv["arguments"][-3:] == ["--python", program, "--require-hashes"]
    assert not list(checkout.rglob("pwned"))
    assert not (checkout / ".venv").exists()
    if given == "environment":
        assert make_env() == []
        (prefix / ".dsd-ready").unlink()  # another environment of that name
        assert len(make_env()) == 3
        *_, lite = make_env("lite", "START=s")
        assert (lite["program"], lite["arguments"][-2:]) == (f"{prefix}/bin/dsd", ["--start", "s"])


@pytest.mark.parametrize("preset", ["huge", "", "%", "quick sample"])
def test_unknown_presets_are_an_error(preset):
    done = make("fig2", f"PRESET={preset}")
    assert done.returncode == 2
    assert f"unknown PRESET '{preset}'; valid ones: quick, sample, paper" in done.stderr


@pytest.mark.parametrize("given", ["command line", "environment"])
def test_spaces_around_a_preset_do_not_matter(checkout, given):
    if given == "environment":
        assert make("fig2", cwd=checkout, PRESET=" sample ").returncode == 0
    else:
        assert make("fig2", "PRESET= sample ", cwd=checkout).returncode == 0
    run, _ = calls(checkout)
    assert run["environment"]["PRESET"] == "sample"
    assert run["arguments"][-1] == "figures/sample"


def test_unknown_figures_are_an_error():
    done = make("fig99")
    assert done.returncode == 2
    assert "fig99" in done.stderr


@pytest.mark.parametrize("address", ["://", "--index-url", "--extra-index-url", "--find-links"])
def test_the_lock_names_no_address(address):
    assert address not in (REPOSITORY / "requirements.lock").read_text()


def test_figures_are_those_of_the_paper(checkout):
    figures = figures_in(make("-n", "figures", cwd=checkout))
    assert {"fig1", "fig2", "fig3", "fig4", "fig5", "fig6", "fig7", "tab1"} <= set(figures)
    assert "lite-report" not in figures


def test_figures_of_my_images_leaves_out_those_that_take_no_folder(checkout):
    figures = figures_in(make("-n", "figures", "IMAGES=mine", cwd=checkout))
    assert {"fig1", "fig2", "fig3", "fig5", "fig7", "tab1"} <= set(figures)
    assert not {"fig4", "fig6", "lite-report"} & set(figures)
