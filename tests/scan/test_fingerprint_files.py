"""Fingerprints have the manners of the table: the same bytes however the scan was stopped, damage is noticed."""

import json
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from dsd.backbones import load_backbone
from dsd.data.files import file_digest
from dsd.data.views import Photographs, View
from dsd.descriptor import dsd_matrices
from dsd.scan.collection import scan
from dsd.scan.fingerprint_files import fingerprint_files, graph_file
from dsd.scan.fingerprints import SCALE
from tests.scan.samples import OPTIONS, SETTINGS, SLOW, fail, rows, save_broken
from tests.scan.test_earlier import overwrite

ONE = replace(SETTINGS, layers=("relu1_2",), alphas=(2,), fingerprints=True)
COMMAND = [*OPTIONS, "--layers=relu1_2", "--alphas=2", "--fingerprints"]


@pytest.fixture(scope="module")
def made(good, tmp_path_factory):
    """The table of `good` with fingerprints."""
    out = tmp_path_factory.mktemp("prints") / "scores.parquet"
    assert not len(scan(good, out, ONE, workers=0))
    return out


def contents(out):
    return [path.read_bytes() for path in (out, *fingerprint_files(out))]


def test_rows_are_the_dsd_of_each_image(good, made):
    place, sidecar = fingerprint_files(made)
    values, about = np.load(place, mmap_mode="r"), json.loads(sidecar.read_text())
    assert (values.shape, values.dtype) == ((40, 64 * 65 // 2), np.float16)
    wanted = {"layer": "relu1_2", "alpha": 2, "channels": 64, "scale": SCALE, "normalize": "chw", "backbone": "lite"}
    assert about.items() >= (wanted | {"weights_sha256": "random", "sha256": file_digest(place)}).items()
    network = load_backbone("lite", ["relu1_2"], "random", device="cpu")
    i, j = np.triu_indices(64)
    for number, row in enumerate(rows(made)):
        x = Photographs([View(good / row["path"], "")], "", resize=40, crop=32)[0]
        with torch.inference_mode():
            matrix = dsd_matrices(x[None], network)["relu1_2", 2][0].numpy()
        np.testing.assert_allclose(values[number] / SCALE, matrix[i, j], rtol=2e-3, atol=1e-6)
    assert "fingerprint" not in pq.read_schema(made).names


def test_scores_are_those_without(good, made, tmp_path):
    scan(good, tmp_path / "scores.parquet", replace(ONE, fingerprints=False), workers=0)
    assert rows(tmp_path / "scores.parquet") == rows(made)
    assert [path.name for path in tmp_path.iterdir()] == ["scores.parquet"]


def test_killed_and_resumed_are_the_same_bytes(good, made, tmp_path):
    out = tmp_path / "scores.parquet"
    command = [sys.executable, "-c", SLOW, "scan", str(good), "--out", str(out), *COMMAND, "--workers", "0"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob("*.parts/0*")) and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.random())
        process.kill()
    assert process.returncode == -9
    scan(good, out, ONE, workers=0)
    assert contents(out) == contents(made)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (out, *fingerprint_files(out))}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("number", range(3))
def test_stopped_while_joining(good, tmp_path, monkeypatch, number, old):
    """Before the table, the rows or what describes them has its name; with and without an old table."""
    folder, out = shutil.copytree(good, tmp_path / "folder"), tmp_path / "scores.parquet"
    if old:
        scan(folder, out, ONE, workers=0)
        overwrite(folder / "other" / "0002.png")
    step, replace_file = (out, *fingerprint_files(out))[number], Path.replace
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda path, to: fail() if to == step else replace_file(path, to))
        with pytest.raises(OSError, match="disk full"):
            scan(folder, out, ONE, workers=0)
    scan(folder, out, ONE, workers=0)
    scan(folder, tmp_path / "fresh.parquet", ONE, workers=0)
    assert contents(out) == contents(tmp_path / "fresh.parquet")


def test_changed_files_are_scored_again_and_the_rest_is_kept(good, tmp_path, monkeypatch):
    folder, out = shutil.copytree(good, tmp_path / "folder"), tmp_path / "scores.parquet"
    scan(folder, out, ONE, workers=0)
    graph = graph_file(fingerprint_files(out)[0], "0123456789")
    graph.touch()
    overwrite(folder / "other" / "0002.png")
    scan(folder, out, ONE, workers=0)
    scan(folder, tmp_path / "fresh.parquet", ONE, workers=0)
    assert contents(out) == contents(tmp_path / "fresh.parquet")
    assert not graph.exists()


def test_what_fails_has_a_row_of_nan(tmp_path):
    scan(save_broken(tmp_path / "broken"), tmp_path / "scores.parquet", ONE, workers=0)
    assert np.isnan(np.load(fingerprint_files(tmp_path / "scores.parquet")[0])).all()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_damage_is_noticed(good, made, tmp_path, number, damage):
    for path in (made, *fingerprint_files(made)):
        shutil.copy(path, tmp_path)
    out = tmp_path / made.name
    path = fingerprint_files(out)[number]
    path.unlink() if damage == "missing" else path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match=r"fingerprints\.npy or scores\.fingerprints\.json is damaged or missing"):
        scan(good, out, ONE, workers=0)


def test_a_table_without_is_of_another_scan(good, scanned):
    with pytest.raises(ValueError, match="fingerprints was False, is True"):
        scan(good, scanned, ONE, workers=0)


@pytest.mark.parametrize("change", [{"layers": ("relu1_2", "relu2_1")}, {"alphas": (2, 4)}])
def test_they_are_of_one_layer_and_alpha(change):
    with pytest.raises(ValueError, match="fingerprints are of one layer and one alpha, got layers relu1_2"):
        replace(ONE, **change)
