"""What the README prints runs as printed, without network and weights; its table is what the figures' files say."""

import re
import shutil
import subprocess
import sys

import pytest

from dsd.data.images import load_image
from dsd.experiments.catalogue import make_rules
from dsd.quality.metrics import list_metrics
from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def clone(tmp_path):
    """A folder like the repository's, to write into."""
    shutil.copytree(REPOSITORY / "figures" / "sample", tmp_path / "figures" / "sample")
    return tmp_path


def run(command, folder, monkeypatch, code=0):
    monkeypatch.setenv("DSD_DATA", str(folder / "no data"))
    monkeypatch.setenv("TORCH_HOME", str(folder / "no downloads"))
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, shell=isinstance(command, str)
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_python_runs_as_printed(clone, monkeypatch):
    (code,) = blocks("python")
    printed = run([sys.executable, "-c", code], clone, monkeypatch)
    loss, metric = re.findall(r"tensor\(\[?(\d+\.\d+)", printed)
    said = re.findall(r"# tensor\(\[?(\d+\.\d+)", code)
    assert [loss, metric] == said
    assert loss == metric


def test_commands_run_as_printed(clone, monkeypatch):
    commands = [line for line in "".join(blocks("sh")).splitlines() if line.startswith(".venv/bin/")]
    score, scan, show, restore = commands
    (clone / ".venv").symlink_to(sys.prefix)
    printed = run(score, clone, monkeypatch)
    (value,) = re.findall(r"# tensor\(\[(\d+\.\d+)", TEXT)
    assert f"{float(printed.splitlines()[1].split()[1]):.4f}" == value
    run(scan, clone, monkeypatch, code=1)  # three files are no still images, as the text says
    printed = run(show, clone, monkeypatch)
    assert printed.splitlines()[0].split() == ["path", "relu3_1_dsd2"]
    assert "astronaut.png" in printed
    run(restore, clone, monkeypatch)
    small, large = (load_image(clone / name) for name in ("figures/sample/fig6_original.png", "build/enlarged.png"))
    assert large.shape == (3, 4 * small.shape[1], 4 * small.shape[2])


def test_targets_of_make_exist():
    makefile = (REPOSITORY / "Makefile").read_text() + make_rules()
    for target in set(re.findall(r"[`\n]make (\w[\w-]*)", TEXT)):
        assert re.search(rf"^\.PHONY:.* {target}\b|^{target}:", makefile, re.MULTILINE), target


def test_every_measure_is_listed():
    for name in list_metrics():
        assert re.search(rf"^\|.*`{name}`", TEXT, re.MULTILINE), name
