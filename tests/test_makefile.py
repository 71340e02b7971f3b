"""What the README promises of `make`, without running anything long."""

import os
import subprocess

import pytest

from tests.conftest import REPOSITORY


def make(*arguments, **environment):
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "CONDA", "DSD", "MFLAGS"))
    }
    return subprocess.run(
        ["make", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False, env=clean | environment
    )


def test_make_alone_lists_the_targets():
    done = make()
    assert done.returncode == 0
    for target in ("fig2", "figures", "test", "env", "PRESET", "IMAGES"):
        assert f"  {target} " in done.stdout


def test_variables_become_parameters(tmp_path):
    done = make("-n", "fig2", "PRESET=sample", "IMAGES=my photos", "SEED=3", "WEIGHTS=w.pth", f"DATA={tmp_path}")
    command = next(line for line in done.stdout.splitlines() if "notebooks/run.py" in line)
    for part in (
        "--preset sample",
        '--images "$IMAGES"',  # by way of the environment: the shell quotes it, whatever it holds
        'seed="$SEED"',
        'weights="$WEIGHTS"',
    ):
        assert part in command
    assert "--out figures/sample-images" in command


def test_an_active_conda_environment_named_dsd_is_used(tmp_path):
    done = make("-n", "env", CONDA_DEFAULT_ENV="dsd", CONDA_PREFIX=str(tmp_path))
    assert f"{tmp_path}/bin/python" in done.stdout
    assert ".venv" not in done.stdout


def test_quotes_in_paths_are_harmless(tmp_path):
    done = make("-n", "fig2", f"DATA={tmp_path}/bob's $(data)", "IMAGES=it's", f"OUT={tmp_path}")
    assert done.returncode == 0, done.stderr


def test_unknown_presets_are_an_error():
    done = make("fig2", "PRESET=huge")
    assert done.returncode == 2
    assert "unknown PRESET 'huge'; valid ones: quick, sample, paper" in done.stderr


def test_unknown_figures_are_an_error():
    done = make("fig99")
    assert done.returncode == 2
    assert "fig99" in done.stderr


@pytest.mark.parametrize("address", ["://", "--index-url", "--extra-index-url", "--find-links"])
def test_the_lock_names_no_address(address):
    assert address not in (REPOSITORY / "requirements.lock").read_text()


def test_figures_of_my_images_leaves_out_those_that_take_no_folder():
    done = make("-n", "figures", "IMAGES=mine")
    made = {line.split("run.py ")[1].split()[0] for line in done.stdout.splitlines() if "notebooks/run.py" in line}
    assert made == {"fig1", "fig2", "fig3", "fig5", "fig7", "tab1"}
