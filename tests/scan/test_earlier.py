"""A scan that is started again: files that changed are scored again, the rest is kept, what is damaged is noticed."""

import hashlib
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dsd.data.images import load_image
from dsd.scan.collection import scan
from tests.scan.samples import SETTINGS, fail, rows, save_good, save_tar


@pytest.fixture
def folder(good, tmp_path):
    """A copy of `good` that may be written to."""
    return shutil.copytree(good, tmp_path / "folder")


@pytest.fixture
def read(monkeypatch):
    """The names of the images that are read."""
    names = []
    monkeypatch.setattr("dsd.scan.scoring.load_image", lambda path: (names.append(path.name), load_image(path))[1])
    return names


def overwrite(path, seed=9, keep_time=False):
    """Another image of the same size in bytes (BMP does not compress), of another time unless it is kept."""
    before = path.stat()
    pixels = np.random.default_rng(seed).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path, "BMP")
    times = before.st_atime_ns, before.st_mtime_ns + (0 if keep_time else 1_000_000)
    os.utime(path, ns=times)


def run(folder, out, verify=False, **changes):
    return scan(folder, out, replace(SETTINGS, **changes), workers=0, verify=verify)


def fresh(folder, tmp_path):
    """The table of a scan from the start."""
    run(folder, tmp_path / "fresh.parquet")
    content = (tmp_path / "fresh.parquet").read_bytes()
    (tmp_path / "fresh.parquet").unlink()
    return content


def begin(folder, out, monkeypatch, **changes):
    """Score all units without joining them."""
    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan.collection.merge", fail)
        with pytest.raises(OSError, match="disk full"):
            run(folder, out, **changes)


def test_rows_say_which_bytes_they_are_of(good, scanned):
    for row in rows(scanned):
        path = good / row["path"]
        assert (row["bytes"], row["mtime_ns"]) == (path.stat().st_size, path.stat().st_mtime_ns)
        assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("complete", [True, False])
def test_changed_files_are_scored_again_and_the_rest_is_kept(folder, tmp_path, monkeypatch, capsys, read, complete):
    out = tmp_path / "scores.parquet"
    run(folder, out) if complete else begin(folder, out, monkeypatch)
    paths = sorted(folder.glob("*/*"))
    for number in (1, 2, 20):
        overwrite(paths[number])
    read.clear()
    capsys.readouterr()
    run(folder, out)
    assert read == [path.name for path in paths[:8] + paths[16:24]]
    assert "3 files changed: 2 of 5 units are scored again" in capsys.readouterr().err
    assert out.read_bytes() == fresh(folder, tmp_path)
    assert not list(tmp_path.glob("*.parts"))
    read.clear()
    run(folder, out)
    assert not read
    assert "changed" not in capsys.readouterr().err


def test_old_table_stays_until_the_new_one_is_complete(folder, tmp_path, monkeypatch, capsys, read):
    out = tmp_path / "scores.parquet"
    run(folder, out)
    old = out.read_bytes()
    overwrite(folder / "other" / "0002.png")
    begin(folder, out, monkeypatch)
    assert out.read_bytes() == old
    assert "1 file changed: 1 of 5 units is scored again" in capsys.readouterr().err
    read.clear()
    run(folder, out)
    assert not read  # what was scored before the disk was full is not scored again
    assert "changed" not in capsys.readouterr().err
    assert out.read_bytes() == fresh(folder, tmp_path)


def test_verify_compares_contents(folder, tmp_path, capsys, read):
    out = tmp_path / "scores.parquet"
    overwrite(folder / "other" / "0002.png", seed=1)
    run(folder, out)
    overwrite(folder / "other" / "0002.png", seed=2, keep_time=True)
    os.utime(folder / "other" / "0005.jpg")
    os.utime(folder / "n01440764" / "0000.png")
    read.clear()
    capsys.readouterr()
    run(folder, out, verify=True)
    assert "1 file changed: 1 of 5 units is scored again" in capsys.readouterr().err
    assert len(read) == 8
    assert "0002.png" in read
    assert out.read_bytes() == fresh(folder, tmp_path)  # also in the times of what was touched only
    read.clear()
    run(folder, out)
    assert not read


def test_size_and_time_are_what_is_looked_at_otherwise(folder, tmp_path, read):
    out = tmp_path / "scores.parquet"
    overwrite(folder / "other" / "0002.png", seed=1)
    run(folder, out)
    overwrite(folder / "other" / "0002.png", seed=2, keep_time=True)
    read.clear()
    run(folder, out)
    assert not read
    os.truncate(folder / "other" / "0002.png", 100)
    os.utime(folder / "other" / "0002.png", ns=(0, rows(out)[-13]["mtime_ns"]))
    run(folder, out)
    assert "0002.png" in read


def test_what_could_not_be_read_is_tried_again(folder, tmp_path, capsys):
    (folder / "away.png").symlink_to(tmp_path / "moved.png")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    out = tmp_path / "scores.parquet"
    assert [row["path"] for row in run(folder, out).to_pylist()] == ["away.png", "folder.png", "pipe.png"]
    before = out.stat().st_mtime_ns
    assert len(run(folder, out, verify=True)) == len(run(folder, out)) == 3
    assert out.stat().st_mtime_ns == before
    shutil.copy(folder / "other" / "0002.png", tmp_path / "moved.png")
    assert len(run(folder, out)) == 2
    assert "1 file changed: 1 of 6 units is scored again" in capsys.readouterr().err
    assert out.read_bytes() == fresh(folder, tmp_path)


def test_what_was_touched_while_it_was_read_is_tried_again(folder, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"

    def touch(path):
        if path.name == "0002.png":
            os.utime(path)
        return load_image(path)

    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan.scoring.load_image", touch)
        (failed,) = run(folder, out).to_pylist()
    assert failed == {"path": "other/0002.png", "error": "it was written to while it was read"}
    assert not len(run(folder, out, verify=True))
    assert out.read_bytes() == fresh(folder, tmp_path)


@pytest.mark.parametrize("complete", [True, False])
def test_tells_which_files_are_new_or_gone(folder, tmp_path, monkeypatch, complete):
    out = tmp_path / "scores.parquet"
    run(folder, out) if complete else begin(folder, out, monkeypatch)
    for number in range(5):
        shutil.copy(folder / "other" / "0002.png", folder / f"{number}\n.png")
    (folder / "other" / "0005.jpg").unlink()
    new = r"files that are new: '0\n.png', '1\n.png', '2\n.png' and 2 more"
    with pytest.raises(ValueError, match="is of another scan: files") as error:
        run(folder, out)
    assert f"{new}; files that are gone: 'other/0005.jpg'. Repeat" in str(error.value)


def test_tells_that_the_order_is_another(tmp_path):
    """As of a tar that was packed again: the rows would not be those of a scan from the start."""
    save_tar(tmp_path / "all.tar", save_good(tmp_path / "folder", 3))
    out = tmp_path / "out" / "scores.parquet"
    run(tmp_path / "all.tar", out)
    content = (tmp_path / "all.tar").read_bytes()
    save_tar(tmp_path / "all.tar", tmp_path / "folder", reverse=True)
    assert (tmp_path / "all.tar").read_bytes() != content
    with pytest.raises(ValueError, match="is of another scan: its files had another order"):
        run(tmp_path / "all.tar", out)


def test_members_of_a_tar_that_changed(folder, tmp_path, capsys):
    save_tar(tmp_path / "all.tar", folder)
    out = tmp_path / "out" / "scores.parquet"
    run(tmp_path / "all.tar", out)
    overwrite(folder / "other" / "0002.png")
    save_tar(tmp_path / "all.tar", folder)
    capsys.readouterr()
    run(tmp_path / "all.tar", out, verify=True)
    assert "1 file changed: 1 of 5 units is scored again" in capsys.readouterr().err
    assert out.read_bytes() == fresh(tmp_path / "all.tar", tmp_path)
    os.utime(tmp_path / "all.tar")
    run(tmp_path / "all.tar", out)
    assert "40 files changed: 5 of 5 units are scored again" in capsys.readouterr().err


def test_reasons_that_changed(tmp_path):
    (tmp_path / "a.tar").write_bytes(bytes(100))
    out = tmp_path / "out" / "scores.parquet"
    (cut,) = run(tmp_path, out).to_pylist()
    (tmp_path / "a.tar").write_text("<!DOCTYPE html>" * 100)
    (page,) = run(tmp_path, out).to_pylist()
    assert cut["error"] != page["error"]


def test_damaged_units_are_scored_again(folder, tmp_path, monkeypatch, capsys, read):
    out = tmp_path / "scores.parquet"
    begin(folder, out, monkeypatch)
    flip(tmp_path / "scores.parquet.parts" / "000001.parquet", 200)
    (tmp_path / "scores.parquet.parts" / "000003.parquet").write_bytes(b"")
    read.clear()
    run(folder, out)
    paths = sorted(folder.glob("*/*"))
    assert read == [path.name for path in paths[8:16] + paths[24:32]]
    assert out.read_bytes() == fresh(folder, tmp_path)
    printed = capsys.readouterr().err
    assert "000001.parquet is damaged: its images are scored again" in printed
    assert "000003.parquet is damaged: its images are scored again" in printed


@pytest.mark.parametrize("content", [b"", b'{"files": 3}', b"[]", b"\xff", b'{"layers": "a"'])
def test_damaged_settings_are_an_error(folder, tmp_path, monkeypatch, content):
    out = tmp_path / "scores.parquet"
    begin(folder, out, monkeypatch)
    (tmp_path / "scores.parquet.parts" / "settings.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"settings\.json is damaged\. Remove .*parts"):
        run(folder, out)


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("where", [0, 0.01, 0.3, 0.6, 0.9, 0.99, 1])
def test_a_damaged_table_is_an_error(good, scanned, tmp_path, where):
    out = tmp_path / "scores.parquet"
    shutil.copy(scanned, out)
    flip(out, int(where * (out.stat().st_size - 1)))
    with pytest.raises(ValueError, match=r"scores\.parquet is damaged, or is no table of a scan\. Remove it"):
        run(good, out)


def test_a_unit_that_is_given_as_the_table_is_an_error(good, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    begin(good, out, monkeypatch)
    shutil.copy(tmp_path / "scores.parquet.parts" / "000000.parquet", tmp_path / "unit.parquet")
    with pytest.raises(ValueError, match=r"unit\.parquet is damaged, or is no table of a scan\. Remove it"):
        run(good, tmp_path / "unit.parquet")


def test_another_scans_units_beside_a_table_are_not_removed(good, scanned, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    begin(good, out, monkeypatch, batch_size=3)
    shutil.copy(scanned, out)
    with pytest.raises(ValueError, match=r"parts is of another scan: batch_size was 3, is 4"):
        run(good, out)
    assert len(list(tmp_path.glob("scores.parquet.parts/[0-9]*"))) == 5


def test_killed_while_the_units_are_removed(good, scanned, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    begin(good, out, monkeypatch)
    parts = shutil.copytree(tmp_path / "scores.parquet.parts", tmp_path / "kept")
    run(good, out)
    (parts / "000000.parquet").unlink()
    parts.rename(tmp_path / "scores.parquet.parts")
    monkeypatch.setattr("dsd.scan.scoring.load_image", None)
    assert not len(run(good, out))
    assert out.read_bytes() == scanned.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_a_scan_of_before_there_were_fingerprints_is_gone_on_with(good, scanned, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    with monkeypatch.context() as patch:
        patch.setattr("dsd.scan.collection.merge", fail)
        with pytest.raises(OSError, match="disk full"):
            scan(good, out, SETTINGS, workers=0)
    settings = tmp_path / "scores.parquet.parts" / "settings.json"
    about = json.loads(settings.read_text())
    del about["fingerprints"]
    settings.write_text(json.dumps(about))
    scan(good, out, SETTINGS, workers=0)
    assert out.read_bytes() == scanned.read_bytes()
