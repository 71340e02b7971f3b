"""The programs of examples/, each as a user starts it: without data, without network."""

import os
import subprocess
import sys

import pandas as pd
import pytest

from dsd import create_metric
from tests.conftest import REPOSITORY


def run(name, *arguments, cwd):
    environment = os.environ | {"DSD_DATA": str(cwd / "no data"), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", REPOSITORY / "examples" / name, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_score_two_files(tmp_path):
    lines = [line.split() for line in run("score_two_files.py", cwd=tmp_path).splitlines()]
    assert [line[0] for line in lines] == ["dsd", "style", "perceptual", "psnr"]
    sample = REPOSITORY / "figures" / "sample"
    for name, value, *_ in lines:
        score = create_metric(name, "lite", device="cpu")(sample / "fig6_step-0.png", sample / "fig6_original.png")
        assert float(value) == pytest.approx(score.item(), rel=1e-4)


def test_train_with_the_loss(tmp_path):
    lines = run("train_with_the_loss.py", "--steps", "12", cwd=tmp_path).splitlines()
    noisy, denoised = (float(line.split()[-1]) for line in lines[-2:])
    assert denoised < noisy, lines


def test_scan_and_plot(tmp_path):
    shown = run("scan_and_plot.py", "--layer", "relu1_2", cwd=tmp_path)
    table = pd.read_parquet(tmp_path / "scores.parquet")
    assert f"{table.error.isna().sum()} of {len(table)} images have a score" in shown
    assert (tmp_path / "scores.png").stat().st_size > 1000
