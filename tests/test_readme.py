"""What the README prints runs as printed, without network and weights; its table is what the figures' files say."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dsd.experiments.catalogue import make_rules
from dsd.quality.metrics import METRICS
from tests.conftest import REPOSITORY

TEXT = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def clone(tmp_path):
    """A folder like the repository's, to write into."""
    shutil.copytree(REPOSITORY / "figures" / "sample", tmp_path / "figures" / "sample")
    return tmp_path


def run(command, folder, monkeypatch):
    monkeypatch.setenv("DSD_DATA", str(folder / "no data"))
    monkeypatch.setenv("TORCH_HOME", str(folder / "no downloads"))
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python_runs_as_printed(clone, monkeypatch):
    (code,) = blocks("python")
    printed = run([sys.executable, "-c", code], clone, monkeypatch)
    loss, metric = map(float, re.findall(r"\d+\.\d+", printed))
    assert loss == pytest.approx(metric, rel=1e-3)
    assert loss > 0


def test_commands_run_as_printed(clone, monkeypatch):
    commands = [line for line in "".join(blocks("sh")).splitlines() if line.startswith(".venv/bin/dsd ")]
    assert [command.split()[1] for command in commands] == ["score", "scan"]
    dsd = Path(sys.executable).with_name("dsd")
    for command in commands:
        output = run([dsd, *shlex.split(command)[1:]], clone, monkeypatch)
    assert (clone / "scores.parquet").is_file(), output


def test_targets_of_make_exist():
    makefile = (REPOSITORY / "Makefile").read_text() + make_rules()
    for target in set(re.findall(r"[`\n]make (\w[\w-]*)", TEXT)):
        assert re.search(rf"^\.PHONY:.* {target}\b|^{target}:", makefile, re.MULTILINE), target


def test_every_measure_is_listed():
    for name in METRICS:
        assert re.search(rf"^\|.*`{name}`", TEXT, re.MULTILINE), name
