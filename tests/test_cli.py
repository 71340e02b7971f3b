import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from dsd.cli import main
from dsd.metrics import METRICS

FAST = "psnr,ssim"


def save(path, seed, size=(40, 48), noise=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(60, 190, (*size, 3))
    pixels = pixels + np.random.default_rng(99).integers(-noise, noise + 1, pixels.shape)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def folders(tmp_path):
    """Three references, and the same with rising noise as JPEG-free PNGs of another suffix."""
    for number in range(3):
        save(tmp_path / "sharp" / f"{number}.png", number)
        save(tmp_path / "noisy" / f"{number}.bmp", number, noise=10 * (number + 1))
    return tmp_path / "sharp", tmp_path / "noisy"


def score(reference, distorted, *options, metrics=FAST):
    return main(
        [
            "score",
            "--reference",
            str(reference),
            "--distorted",
            str(distorted),
            "--metrics",
            metrics,
            *map(str, options),
        ]
    )


def test_lists_every_metric(capsys):
    assert main(["metrics"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[: len(METRICS)]] == list(METRICS)


def test_two_files(folders, capsys):
    assert score(folders[0] / "1.png", folders[1] / "1.bmp", "--weights", "random", metrics="dsd,psnr") == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["image", "dsd", "psnr"]
    x, y = (np.asarray(Image.open(path)) / 255 for path in (folders[0] / "1.png", folders[1] / "1.bmp"))
    assert float(row.split()[2]) == pytest.approx(-10 * np.log10(((x - y) ** 2).mean()), rel=1e-4)


def test_two_folders_matched_by_name(folders, tmp_path, capsys):
    out = tmp_path / "new" / "scores.csv"
    assert score(*folders, "--out", out) == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["image"] for row in rows] == ["0.bmp", "1.bmp", "2.bmp"]
    psnr = [float(row["psnr"]) for row in rows]
    assert psnr == sorted(psnr, reverse=True)
    assert capsys.readouterr().out.splitlines()[-1].split()[0] == "mean"
    assert not list(out.parent.glob(".*"))


def test_what_fails_is_named_and_the_rest_scored(folders, tmp_path, capsys):
    sharp, noisy = folders
    (noisy / "1.bmp").write_bytes(b"broken")
    save(noisy / "2.bmp", 2, size=(40, 50))
    save(noisy / "stranger.png", 5)
    out = tmp_path / "scores.json"
    assert score(sharp, noisy, "--out", out) == 1
    captured = capsys.readouterr()
    for reason in (
        "failed: stranger.png: no reference of that name",
        "failed: 1.bmp: cannot use",
        "failed: 2.bmp: distorted image and reference must have the same size, got 50×40 and 48×40",
    ):
        assert reason in captured.err
    written = json.loads(out.read_text())
    assert [row["image"] for row in written["scores"]] == ["0.bmp"]
    assert set(written["failed"]) == {"stranger.png", "1.bmp", "2.bmp"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metrics", "dsd,ssmi"], "unknown metric ssmi; valid ones: dsd, "),
        (["--out", "scores.txt"], "--out must end in .csv or .json, got scores.txt"),
        (["--reference", "nowhere"], "no file or folder nowhere"),
        (["--metrics", "dsd", "--backbone", "vgg11", "--weights", "random"], "unknown backbone 'vgg11'; valid ones"),
        (["--metrics", "dsd", "--precision", "half", "--weights", "random"], "precision must be one of"),
        (["--metrics", "dsd", "--weights", "nowhere.pth"], "no weight file at nowhere.pth"),
    ],
)
def test_refuses(folders, options, message, capsys):
    assert score(*folders, *options) == 2
    assert message in capsys.readouterr().err


def test_refuses_a_file_against_a_folder(folders, capsys):
    assert score(folders[0], folders[1] / "0.bmp") == 2
    assert "must be two files or two folders" in capsys.readouterr().err


def test_interrupted_run_keeps_what_is_done(folders, tmp_path, monkeypatch):
    calls = []

    def interrupted(x, y):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return torch.zeros(1)

    monkeypatch.setattr("dsd.cli.METRICS", {"psnr": METRICS["psnr"].__class__("", lambda **_: interrupted)})
    with pytest.raises(KeyboardInterrupt):
        score(*folders, "--out", tmp_path / "scores.csv", metrics="psnr")
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 3
