import sys

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
    ],
)
def test_refuses(tmp_path, capsys, options, message):
    good = save_good(tmp_path / "good", 1)
    assert main(["scan", str(good), "--out", str(tmp_path / "scores.parquet"), *OPTIONS, *options]) == 2
    assert message in capsys.readouterr().err


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
