import json
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import torchvision

from dsd.cli import main
from dsd.data.images import load_image
from dsd.scan.collection import scan
from tests.scan.samples import OPTIONS, SETTINGS, SLOW, fail, rows, save_tar


def test_workers_change_nothing(good, scanned, tmp_path):
    scan(good, tmp_path / "scores.parquet", SETTINGS, workers=2)
    assert (tmp_path / "scores.parquet").read_bytes() == scanned.read_bytes()


def test_tells_torchvisions_whole_version(scanned):
    about = json.loads(pq.read_schema(scanned).metadata[b"dsd"])
    assert about["versions"]["torchvision"] == torchvision.__version__


def test_killed_and_resumed_is_the_same_table(good, scanned, tmp_path, monkeypatch):
    """Also if a file was overwritten meanwhile: then the same as of a scan from the start."""
    folder, out = shutil.copytree(good, tmp_path / "folder"), tmp_path / "scores.parquet"
    command = [sys.executable, "-c", SLOW, "scan", str(folder), "--out", str(out), *OPTIONS, "--workers", "1"]

    def shards():
        return {path: path.stat().st_mtime_ns for path in tmp_path.glob("scores.parquet.parts/[0-9]*")}

    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not shards() and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.random())
        process.kill()
    assert process.returncode == -9
    finished, read = shards(), []
    shutil.copytree(tmp_path / "scores.parquet.parts", tmp_path / "second.parquet.parts")
    monkeypatch.setattr("dsd.scan.scoring.load_image", lambda path: (read.append(path), load_image(path))[1])
    scan(folder, out, SETTINGS, workers=0)
    assert 0 < len(read) == 40 - 8 * len(finished)  # nothing that was done is done again
    assert out.read_bytes() == scanned.read_bytes()

    shutil.copy(folder / "other" / "0002.png", folder / "n01440764" / "0003.jpg")
    read.clear()
    scan(folder, tmp_path / "second.parquet", SETTINGS, workers=0)
    assert len(read) == 40 - 8 * (len(finished) - 1)
    scan(folder, tmp_path / "fresh.parquet", SETTINGS, workers=0)
    assert (tmp_path / "second.parquet").read_bytes() == (tmp_path / "fresh.parquet").read_bytes()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"folder", "scores.parquet", "second.parquet", "fresh.parquet"}


def test_interrupted_in_any_unit(good, scanned, tmp_path, monkeypatch, capsys):
    out = tmp_path / "scores.parquet"

    def interrupted(path):
        if path.name == "0023.jpg":
            raise KeyboardInterrupt
        return load_image(path)

    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan.scoring.load_image", interrupted)
        assert main(["scan", str(good), "--out", str(out), *OPTIONS, "--workers", "0"]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert main(["scan", str(good), "--out", str(out), *OPTIONS, "--workers", "0"]) == 0
    assert out.read_bytes() == scanned.read_bytes()


def test_finished_scan_is_not_repeated(good, scanned, monkeypatch):
    before = scanned.stat().st_mtime_ns
    monkeypatch.setattr("dsd.scan.scoring.load_image", None)
    assert not len(scan(good, scanned, SETTINGS, workers=0))
    assert scanned.stat().st_mtime_ns == before


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alphas": (2,)}, "alphas was [2.0, 4.0], is [2.0]"),
        ({"layers": ("relu2_1",)}, "layers was ['relu1_2', 'relu2_1'], is ['relu2_1']"),
        ({"crop": 16, "shard_size": 9}, "crop was 32, is 16; shard_size was 8, is 9"),
    ],
)
def test_refuses_to_go_on_with_other_settings(good, tmp_path, monkeypatch, complete, change, message):
    out = tmp_path / "scores.parquet"
    with monkeypatch.context() as patch:
        if not complete:
            patch.setattr("dsd.scan.collection.merge", fail)
            with pytest.raises(OSError, match="disk full"):
                scan(good, out, SETTINGS, workers=0)
        else:
            scan(good, out, SETTINGS, workers=0)
    with pytest.raises(ValueError, match="is of another scan") as error:
        scan(good, out, replace(SETTINGS, **change), workers=0)
    assert message in str(error.value)


def test_settings_can_change_before_anything_is_done(good, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan.scoring.Scorer.__call__", fail)
        with pytest.raises(OSError, match="disk full"):
            scan(good, tmp_path / "scores.parquet", replace(SETTINGS, threads=2), workers=0)
    assert not len(scan(good, tmp_path / "scores.parquet", SETTINGS, workers=0))


def test_tars_give_the_scores_of_their_images(good, scanned, tmp_path):
    save_tar(tmp_path / "all.tar", good)
    table = rows(scanned)
    for number, source in enumerate((tmp_path, tmp_path / "all.tar")):
        out = tmp_path / f"{number}.parquet"
        assert not len(scan(source, out, SETTINGS, workers=0))
        of_tar = {"mtime_ns": (tmp_path / "all.tar").stat().st_mtime_ns}
        assert rows(out) == [row | {"path": f"all.tar/{row['path']}"} | of_tar for row in table]


def test_refuses_what_makes_no_sense(good, tmp_path):
    with pytest.raises(ValueError, match="the table must end in"):
        scan(good, tmp_path / "scores.csv", SETTINGS)
    with pytest.raises(FileNotFoundError, match="no folder"):
        scan(tmp_path / "nowhere", tmp_path / "scores.parquet", SETTINGS)
