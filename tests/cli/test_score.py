import csv
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import dsd
from dsd.cli import main
from tests.cli.samples import save, save_pairs

FAST = "psnr,ssim"


def score(reference, distorted, *options, metrics=FAST):
    command = ["score", "--reference", str(reference), "--distorted", str(distorted), "--metrics", metrics]
    return main([*command, *map(str, options)])


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


def test_layers_and_alphas_go_to_the_metrics_that_have_them(folders, tmp_path):
    """Against the losses themselves, each with a network of its own."""
    out = tmp_path / "scores.json"
    options = ("--backbone", "lite", "--layers", "relu1_2, relu3_1", "--alphas", "4", "--device", "cpu", "--out", out)
    assert score(folders[0] / "0.png", folders[1] / "0.bmp", *options, metrics="perceptual,dsd,psnr") == 0
    (row,) = json.loads(out.read_text())["scores"]
    x, y = (dsd.load_image(path)[None] for path in (folders[1] / "0.bmp", folders[0] / "0.png"))
    network = dsd.VGG19Lite(("relu1_2", "relu3_1"))
    with torch.inference_mode():
        assert row["dsd"] == dsd.DSDLoss(network, alphas=(4,))(x, y).item()
        assert row["perceptual"] == dsd.PerceptualLoss(network)(x, y).item()


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
        "failed: 2.bmp: distorted and reference must be images of the same size, got 40×50 and 40×48",
    ):
        assert reason in captured.err
    written = json.loads(out.read_text())
    assert [row["image"] for row in written["scores"]] == ["0.bmp"]
    assert set(written["failed"]) == {"stranger.png", "1.bmp", "2.bmp"}


def test_infinity_is_null_in_json_and_inf_in_csv(folders, tmp_path, capsys):
    sharp, _ = folders
    json_out, csv_out = tmp_path / "scores.json", tmp_path / "scores.csv"
    for out in (json_out, csv_out):
        assert score(sharp / "0.png", sharp / "0.png", "--out", out) == 0
    written = json.loads(json_out.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert written["scores"] == [{"image": "0.png", "psnr": None, "ssim": 1}]
    (row,) = csv.DictReader(csv_out.read_text().splitlines())
    assert row["psnr"] == "inf"
    assert "inf" in capsys.readouterr().out


def test_a_metric_typed_twice_is_one(folders, tmp_path, capsys):
    out = tmp_path / "scores.json"
    assert score(folders[0] / "0.png", folders[1] / "0.bmp", "--out", out, metrics="psnr,ssim,psnr") == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["image", "psnr", "ssim"]
    assert len(row.split()) == 3
    assert json.loads(out.read_text())["metrics"] == ["psnr", "ssim"]


def test_the_whole_name_goes_first(tmp_path, capsys):
    """Of two references of one name the one of the same suffix is meant, whichever is the last in the folder."""
    for suffix in ("bmp", "png"):
        save(tmp_path / "sharp" / f"a.{suffix}", 1 if suffix == "bmp" else 2)
        save(tmp_path / "noisy" / f"a.{suffix}", 1 if suffix == "bmp" else 2)
    assert score(tmp_path / "sharp", tmp_path / "noisy", metrics="psnr") == 0
    assert [row.split() for row in capsys.readouterr().out.splitlines()[1:3]] == [["a.bmp", "inf"], ["a.png", "inf"]]


def test_two_references_of_one_name_are_named(folders, tmp_path, capsys):
    sharp, noisy = folders
    save(sharp / "1.tif", 7)
    out = tmp_path / "scores.json"
    assert score(sharp, noisy, "--out", out) == 1
    assert f"failed: 1.bmp: several references of that name in {sharp}: 1.png, 1.tif" in capsys.readouterr().err
    assert [row["image"] for row in json.loads(out.read_text())["scores"]] == ["0.bmp", "2.bmp"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metrics", "dsd,ssmi"], "unknown metric ssmi; valid ones: dsd, "),
        (["--out", "scores.txt"], "--out must end in .csv or .json, got scores.txt"),
        (["--reference", "nowhere"], "no file or folder nowhere"),
        (["--metrics", "dsd", "--backbone", "vgg11", "--weights", "random"], "unknown backbone 'vgg11'; valid ones"),
        (["--metrics", "dsd", "--precision", "half", "--weights", "random"], "precision must be one of"),
        (["--metrics", "dsd", "--weights", "nowhere.pth"], "no weight file at nowhere.pth"),
        (["--metrics", "dsd", "--layers", "relu9_9", "--weights", "random"], "unknown layer 'relu9_9'"),
        (["--metrics", "dsd", "--alphas", "two"], "--alphas must be numbers separated by commas, got 'two'"),
        (["--alphas", "2"], "none of psnr, ssim has alphas"),
        (["--device", "tpu"], "device must be auto, cpu, cuda or mps"),
    ],
)
def test_refuses(folders, options, message, capsys):
    assert score(*folders, *options) == 2
    assert message in capsys.readouterr().err


def test_refuses_a_file_against_a_folder(folders, capsys):
    assert score(folders[0], folders[1] / "0.bmp") == 2
    assert "must be two files or two folders" in capsys.readouterr().err


SLOW = """
import sys, time
from dsd.quality import scoring
load = scoring.load_image
scoring.load_image = lambda path: (time.sleep(0.05), load(path))[1]
from dsd.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_interrupted_run_keeps_what_is_done(tmp_path):
    sharp, noisy = save_pairs(tmp_path, 40)
    out = tmp_path / "scores.csv"
    options = ["--reference", str(sharp), "--distorted", str(noisy), "--metrics", "psnr", "--out", str(out)]
    command = [sys.executable, "-c", SLOW, "score", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        errors = b""
        while b" 3/40" not in errors and process.poll() is None:
            errors += process.stderr.read1()
        process.send_signal(signal.SIGINT)
        printed, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest.splitlines()[-1] == b"dsd score: interrupted"
    assert b"Traceback" not in errors + rest
    done = len(out.read_text().splitlines()) - 1
    assert 3 <= done < 40
    assert len(printed.splitlines()) == done + 2


def test_json_says_how_the_scores_came_about(folders, tmp_path):
    out = tmp_path / "scores.json"
    options = ["--backbone", "lite", "--layers", "relu2_1", "--alphas", "2,4", "--out", out]
    assert score(*folders, *options, metrics="dsd,dsd4,psnr") == 0
    provenance = json.loads(out.read_text())["provenance"]
    assert provenance["backbone"] == "lite"
    assert len(provenance["weights_sha256"]) == 64
    assert provenance["measures"] == {
        "dsd": {"layers": ["relu2_1"], "scales": [1, 2, 4]},
        "dsd4": {"layers": ["relu2_1"], "scales": [1, 4]},
    }
