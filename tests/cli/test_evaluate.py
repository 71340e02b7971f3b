"""`dsd evaluate`."""

import csv
import json

import pytest

from dsd.cli import main
from tests.cli.samples import save


def evaluate(hr, sr, *options, measures="psnr_y,ssim_rgb_authors"):
    return main(["evaluate", "--hr", str(hr), "--sr", str(sr), "--measures", measures, *map(str, options)])


def test_means_and_rows(folders, tmp_path, capsys):
    out = tmp_path / "new" / "values.csv"
    assert evaluate(*folders, "--out", out) == 0
    printed = capsys.readouterr().out
    assert "mean of 3 images" in printed
    assert "\nimages rounded to 8 bits, 4 pixels cut from each side\n" in printed
    assert "\nthe authors' evaluation: images not rounded, no border cut\n" in printed
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["0.bmp", "1.bmp", "2.bmp"]
    mean = sum(float(row["psnr_y"]) for row in rows) / 3
    assert f"{mean:.4f}  psnr_y" in printed
    assert not list(out.parent.glob(".*"))


def test_two_files_and_infinity(folders, tmp_path, capsys):
    out = tmp_path / "values.json"
    image = folders[0] / "1.png"
    assert evaluate(image, image, "--out", out, "--border=0") == 0
    assert "inf  psnr_y" in capsys.readouterr().out
    written = json.loads(out.read_text())
    assert written["images"] == [{"image": "1.png", "psnr_y": None, "ssim_rgb_authors": 1.0, "notes": ""}]
    assert written["means"][0]["protocol"] == "images rounded to 8 bits, no border cut"


def test_names_what_fails_and_does_the_rest(folders, tmp_path, capsys):
    (folders[1] / "0.bmp").write_bytes(b"broken")
    save(folders[1] / "stranger.png", 5)
    save(folders[0] / "1.png", 1, size=(42, 51))
    save(folders[0] / "left\x1b.png", 1)
    assert evaluate(*folders) == 1
    printed = capsys.readouterr()
    assert "failed: 0.bmp: cannot use" in printed.err
    assert "failed: stranger.png: no clean image of that name in" in printed.err
    assert "note: 1 of 4 clean images have no restored one: left\\x1b.png" in printed.err
    assert "note: 1.bmp: clean cut from 42×51 to 40×48" in printed.err
    assert "mean of 2 images" in printed.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out=a.txt"], "--out must end in .csv or .json, got a.txt"),
        (["--border=-1"], "--border must be at least 0, got -1"),
        (["--scale=0"], "--scale must be at least 1, got 0"),
        (["--measures=psnr"], "measures must be a sequence of names out of psnr_y, "),
        (["--device=tpu"], "device must be auto, cpu, cuda or mps"),
        (["--hr=nowhere"], "no folder nowhere"),
    ],
)
def test_refuses(folders, options, message, capsys):
    assert evaluate(*folders, *options) == 2
    assert message in capsys.readouterr().err


def test_refuses_a_folder_and_a_file(folders, capsys):
    assert evaluate(folders[0], folders[1] / "0.bmp") == 2
    assert "--hr and --sr must be two files or two folders" in capsys.readouterr().err
