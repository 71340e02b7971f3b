import os
import sys
import tarfile

import pytest

from dsd.cli import main
from tests.scan.samples import BROKEN, OPTIONS, rows, save_broken, save_good


def test_what_fails_is_explained_and_the_rest_scored(tmp_path, capsys):
    folder = save_broken(save_good(tmp_path / "mixed"))
    out = tmp_path / "new" / "scores.parquet"
    assert main(["scan", str(folder), "--out", str(out), *OPTIONS, "--workers", "1"]) == 1
    table = {row["path"]: row for row in rows(out)}
    assert len(table) == 50
    for path, row in table.items():
        if path in BROKEN:
            assert BROKEN[path] in row["error"]
            assert row["relu1_2_dsd2"] is None
        else:
            assert row["error"] is None
            assert row["relu1_2_dsd2"] > 0
    assert str(tmp_path) not in "".join(row["error"] or "" for row in table.values())
    printed = capsys.readouterr().err
    assert printed.count("failed: ") == 11
    assert "failed: 10 in all" in printed


def test_names_cannot_control_the_terminal(tmp_path, capsys):
    name = "\x1b[2J\x1b]0;title\x07\n\u202e.png"
    (tmp_path / name).touch()
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / name, name)
    for source in (tmp_path, tmp_path / "a.tar"):
        out = tmp_path / "out" / f"{source.name}.parquet"
        assert main(["scan", str(source), "--out", str(out), *OPTIONS, "--workers", "0"]) == 1
        printed = capsys.readouterr().err.split("failed: ", 1)[1].split("failed: 1 in all")[0]
        assert r"\x1b[2J\x1b]0;title\x07\n\u202e.png" in printed
        assert not {"\x1b", "\x07", "\u202e"} & set(printed)
        (row,) = rows(out)
        assert row["path"].endswith(name)
        assert str(tmp_path) not in row["error"]


def test_verify_and_damage(tmp_path, capsys):
    folder, out = save_good(tmp_path / "good", 2), tmp_path / "scores.parquet"
    command = ["scan", str(folder), "--out", str(out), *OPTIONS, "--workers", "0"]
    assert main(command) == 0
    path = folder / "n01443537" / "0001.jpg"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=times)
    assert main(command) == 0
    assert "changed" not in capsys.readouterr().err
    assert main([*command, "--verify"]) == 0
    assert "1 file changed: 1 of 1 units is scored again" in capsys.readouterr().err
    out.write_bytes(out.read_bytes().replace(b"0001.jpg", b"0002.jpg"))
    assert main(command) == 2
    assert "scores.parquet is damaged, or is no table of a scan. Remove it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "scores.csv"], "the table must end in .parquet"),
        (["--engine", "spark"], "engine must be local or ray, got 'spark'"),
        (["--crop", "64"], "crop must not exceed resize, got crop=64 and resize=40"),
        (["--batch-size", "0"], "batch_size must be at least 1, got 0"),
        (["--layers", "relu9_9"], "unknown layer 'relu9_9'"),
        (["--alphas", "0.5"], "alpha must be a finite number of at least 1"),
        (["--alphas", "two"], "--alphas must be numbers separated by commas, got 'two'"),
        (["--resize", "40", "--crop", "2"], "too small for these layers at 1/4"),
        (["--backbone", "vgg11"], "unknown backbone 'vgg11'"),
        (["--weights", "nowhere.pth"], "no weight file at nowhere.pth"),
        (["--device", "tpu"], "device must be auto, cpu, cuda or mps"),
        (["--workers", "-1"], "workers must be at least 0, got -1"),
        (["--threads", "0"], "threads must be at least 1, got 0"),
        (["--threads", "-1"], "threads must be at least 1, got -1"),
        (["--threads", "99999999999"], "threads must be at most 1024, got 99999999999"),
    ],
)
def test_refuses(tmp_path, capsys, options, message):
    good = save_good(tmp_path / "good", 1)
    assert main(["scan", str(good), "--out", str(tmp_path / "scores.parquet"), *OPTIONS, *options]) == 2
    assert message in capsys.readouterr().err


def test_refuses_a_place_where_it_cannot_write(tmp_path, capsys):
    good = save_good(tmp_path / "good", 1)
    (tmp_path / "folder.parquet").mkdir()
    assert main(["scan", str(good), "--out", str(tmp_path / "folder.parquet"), *OPTIONS]) == 2
    assert "--out must be a file, got the folder" in capsys.readouterr().err


def test_refuses_a_folder_without_images(tmp_path, capsys):
    assert main(["scan", str(tmp_path), "--out", str(tmp_path / "scores.parquet"), *OPTIONS]) == 2
    assert "no image in" in capsys.readouterr().err
    assert main(["scan", str(tmp_path / "nowhere"), "--out", str(tmp_path / "scores.parquet"), *OPTIONS]) == 2
    assert "no folder" in capsys.readouterr().err


@pytest.mark.parametrize(("missing", "extra"), [("pyarrow", "scan"), ("ray.data", "ray")])
def test_says_what_to_install(tmp_path, capsys, monkeypatch, missing, extra):
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "pyarrow":
        monkeypatch.delitem(sys.modules, "dsd.scan.collection", raising=False)
    good = save_good(tmp_path / "good", 1)
    command = ["scan", str(good), "--out", str(tmp_path / "scores.parquet"), *OPTIONS, "--engine", "ray"]
    assert main(command) == 2
    assert f"pip install '.[{extra}]'" in capsys.readouterr().err
