import csv
import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch
from PIL import Image

import dsd
from dsd.backbones.lite import SHA256
from dsd.cli import main
from dsd.quality.no_reference import NoReferenceSet
from dsd.quality.scoring import MetricSet
from tests.cli.samples import save
from tests.noref.samples import add_brightness, save_regressor, ship_untrained

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


NAMES = ["a\x1b[2Jb.png", "a\nb.png", 'a,"b\r.png', os.fsdecode(b"\xff\xfe.png"), "é漢.png"]


def test_any_name_is_written_so_that_it_can_be_read_back_and_shown_so_that_it_does_nothing(tmp_path, capsys):
    for name in NAMES:
        save(tmp_path / "sharp" / name, 1)
        save(tmp_path / "noisy" / name, 1, noise=9)
    save(tmp_path / "noisy" / "\x1b]0;title\x07\udc80.png", 1)
    for out in (tmp_path / "scores.json", tmp_path / "scores.csv"):
        assert score(tmp_path / "sharp", tmp_path / "noisy", "--out", out) == 1
    written = json.loads((tmp_path / "scores.json").read_bytes())
    assert {row["image"] for row in written["scores"]} == set(NAMES)
    assert list(written["failed"]) == ["\x1b]0;title\x07\udc80.png"]
    with (tmp_path / "scores.csv").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        assert {row["image"] for row in csv.DictReader(file)} == set(NAMES)
    captured = capsys.readouterr()
    assert "failed: \\x1b]0;title\\x07\\udc80.png: no reference of that name in" in captured.err
    for shown in ("a\\x1b[2Jb.png ", "a\\nb.png ", "\\udcff\\udcfe.png ", "é漢.png "):
        assert shown in captured.out
    assert not {"\x1b", "\x07"} & set(captured.out + captured.err)


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


def test_another_images_reference_is_not_taken(tmp_path, capsys):
    save(tmp_path / "sharp" / "a.jpg", 1)
    save(tmp_path / "noisy" / "a.jpg", 1, noise=9)
    save(tmp_path / "noisy" / "a.png", 2)
    assert score(tmp_path / "sharp", tmp_path / "noisy", metrics="psnr") == 1
    captured = capsys.readouterr()
    assert [row.split()[0] for row in captured.out.splitlines()] == ["image", "a.jpg"]
    reference = tmp_path / "sharp" / "a.jpg"
    assert f"failed: a.png: {reference} is the reference of a.jpg, which has its whole name" in captured.err


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


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("folder.csv", "--out must be a file, got the folder {}/folder.csv"),
        ("file/new/a.csv", "--out: cannot write {0}/file/new/a.csv, {0}/file is no folder"),
        pytest.param(
            "shut/a.csv",
            "--out: cannot write {0}/shut/a.csv, the folder {0}/shut does not allow it",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere"),
        ),
    ],
)
def test_refuses_a_place_where_it_cannot_write(tmp_path, folders, out, message, capsys):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "shut").mkdir(0o500)
    (tmp_path / "file").touch()
    assert score(*folders, "--out", tmp_path / out) == 2
    assert message.format(tmp_path) in capsys.readouterr().err


def test_scores_that_cannot_be_written_are_shown(folders, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dsd.cli.score.atomic_write", full)
    assert score(*folders, "--out", tmp_path / "scores.csv") == 2
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 5
    assert "No space left on device" in captured.err
    monkeypatch.undo()
    monkeypatch.setattr(MetricSet, "forward", lambda *_, **__: pytest.fail("they are kept"))
    assert score(*folders, "--out", tmp_path / "scores.csv") == 0
    assert capsys.readouterr().out == captured.out


def test_a_measure_that_fails_does_not_take_the_others(folders, tmp_path, capsys):
    sharp, noisy = folders
    large = [save(folder / "large.png", 5, size=(176, 180)) for folder in folders]
    save(large[1], 5, size=(176, 180), noise=5)
    options = ("--backbone", "lite", "--layers", "relu2_1,relu4_1", "--alphas", "3")
    json_out, csv_out = tmp_path / "scores.json", tmp_path / "scores.csv"
    for out in (json_out, csv_out):
        assert score(sharp, noisy, *options, "--out", out, metrics="ms-ssim,dsd,psnr,perceptual") == 1
    written = json.loads(json_out.read_text())
    reason = "no ms-ssim: MS-SSIM's five scales need images"
    assert list(written["failed"]) == [f"{k}.bmp" for k in range(3)]
    assert all(text.startswith(reason) for text in written["failed"].values())
    rows = {row.pop("image"): row for row in written["scores"]}
    assert [row["ms-ssim"] is None for row in rows.values()] == [True, True, True, False]
    assert all(value is not None for row in rows.values() for name, value in row.items() if name != "ms-ssim")
    rows = list(csv.DictReader(csv_out.read_text().splitlines()))
    assert [bool(row["ms-ssim"]) for row in rows] == [False, False, False, True]
    captured = capsys.readouterr()
    table = [line.split() for line in captured.out.splitlines()]
    assert [row[1] for row in table[1:4]] == ["–", "–", "–"]
    assert table[4][1] == table[5][1]  # the mean of those that there are
    assert f"failed: 1.bmp: {reason}" in captured.err


def test_when_all_fail_each_reason_is_told_once(tmp_path, capsys):
    for name in ("x.png", "y.png"):
        save(tmp_path / name, 1, size=(3, 3))
    options = ("--backbone", "lite")
    assert score(tmp_path / "x.png", tmp_path / "y.png", *options, metrics="style,perceptual,ms-ssim") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("MS-SSIM's five scales") == captured.err.count("too small for these layers") == 1


def test_refuses_a_file_against_a_folder(folders, capsys):
    assert score(folders[0], folders[1] / "0.bmp") == 2
    assert "must be two files or two folders" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_keeps_what_is_done_and_the_same_command_goes_on(
    folders, tmp_path, monkeypatch, capsys, number, code
):
    out, forward, calls = tmp_path / "scores.json", MetricSet.forward, []

    def interrupt(*arguments, **options):
        calls.append(arguments)
        if len(calls) == 3:
            os.kill(os.getpid(), number)
        return forward(*arguments, **options)

    assert score(*folders, "--out", tmp_path / "undisturbed.json", metrics="psnr") == 0
    capsys.readouterr()
    out.write_text("an earlier table")
    monkeypatch.setattr(MetricSet, "forward", interrupt)
    assert score(*folders, "--out", out, metrics="psnr") == code
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == "dsd score: interrupted; the same command goes on from here"
    assert len(captured.out.splitlines()) == 2 + 2
    assert out.read_text() == "an earlier table"
    assert score(*folders, "--out", out, metrics="psnr") == 0
    assert len(calls) == 4
    assert out.read_bytes() == (tmp_path / "undisturbed.json").read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_what_a_kill_leaves_is_gone_on_with_but_for_files_that_changed(folders, tmp_path, monkeypatch, capsys):
    """What `kill -9` leaves is what was there before the last pair."""
    sharp, noisy = folders
    out, forward, calls = tmp_path / "scores.csv", MetricSet.forward, []
    left = tmp_path / "scores.csv.partial"

    def count(*arguments, **options):
        calls.append(arguments[1].name)
        if left.exists():
            shutil.copy(left, tmp_path / "copy")
        return forward(*arguments, **options)

    monkeypatch.setattr("dsd.cli.partial.SECONDS", 0)
    monkeypatch.setattr(MetricSet, "forward", count)
    assert score(*folders, "--out", out) == 0
    undisturbed = out.read_bytes()
    out.unlink()
    shutil.move(tmp_path / "copy", left)
    shutil.copy(left, tmp_path / "again")
    assert score(*folders, "--out", out) == 0
    assert calls == ["0.bmp", "1.bmp", "2.bmp", "2.bmp"]
    assert out.read_bytes() == undisturbed
    shutil.move(tmp_path / "again", left)
    save(sharp / "0.png", 7)
    os.utime(noisy / "1.bmp", ns=(0, 0))
    assert score(*folders, "--out", out) == 0
    assert calls[4:] == ["0.bmp", "1.bmp", "2.bmp"]
    changed = out.read_bytes()
    assert changed.splitlines()[2:] == undisturbed.splitlines()[2:]
    assert changed.splitlines()[1] != undisturbed.splitlines()[1]
    capsys.readouterr()


def test_what_failed_is_tried_again(folders, tmp_path, monkeypatch, capsys):
    """Also if only a measure did: it may have been for want of memory."""
    out, forward, calls = tmp_path / "scores.csv", MetricSet.forward, []

    def short_of_memory(metrics, distorted, reference, failed):
        calls.append(distorted.name)
        if len(calls) == 1:
            failed["ssim"] = "can't allocate memory"
            return {"psnr": torch.ones(1)}
        if len(calls) == 2:
            raise MemoryError
        if len(calls) == 4:
            raise KeyboardInterrupt
        return forward(metrics, distorted, reference, failed)

    assert score(*folders, "--out", tmp_path / "undisturbed.csv") == 0
    monkeypatch.setattr(MetricSet, "forward", short_of_memory)
    save(folders[0] / "3.png", 3)
    save(folders[1] / "3.bmp", 3, noise=40)
    assert score(*folders, "--out", out) == 130
    for folder in folders:
        next(folder.glob("3.*")).unlink()
    assert score(*folders, "--out", out) == 0
    assert calls == ["0.bmp", "1.bmp", "2.bmp", "3.bmp", "0.bmp", "1.bmp"]
    assert out.read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()


def test_a_failure_without_words_is_told(folders, monkeypatch, capsys):
    def short_of_memory(*_, **__):
        raise MemoryError

    monkeypatch.setattr(MetricSet, "forward", short_of_memory)
    assert score(folders[0] / "0.png", folders[1] / "0.bmp") == 1
    assert capsys.readouterr().err == "failed: 0.bmp: MemoryError\n"


def test_scores_that_cannot_be_kept_are_told_and_the_rest_is_scored_and_written(folders, tmp_path, monkeypatch, capsys):
    calls = []

    def full(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("dsd.cli.partial.SECONDS", 0)
    monkeypatch.setattr("dsd.cli.partial.save_checkpoint", full)
    assert score(*folders, "--out", tmp_path / "scores.csv") == 0
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 4
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 5
    assert "cannot keep the scores in scores.csv.partial: [Errno 28] No space left on device" in captured.err


def test_what_another_command_left_is_refused(folders, tmp_path, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    out = tmp_path / "scores.csv"
    monkeypatch.setattr(MetricSet, "forward", stop)
    assert score(*folders, "--out", out, metrics="psnr") == 130
    monkeypatch.undo()
    assert score(*folders, "--out", out, metrics="ssim") == 2
    assert (
        "scores.csv.partial is of another run: metrics is ['psnr'] there and ['ssim'] here" in capsys.readouterr().err
    )
    left = tmp_path / "scores.csv.partial"
    left.write_bytes(left.read_bytes()[:-1])
    assert score(*folders, "--out", out, metrics="psnr") == 2
    assert "scores.csv.partial is damaged" in capsys.readouterr().err


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


# Without a reference.


@pytest.fixture
def images(folders, tmp_path, monkeypatch):
    """Three in a folder, and measures for them that need not be trained: Q_DSD of lite, and brightness."""
    (tmp_path / "regressors").mkdir()
    ship_untrained(tmp_path / "regressors", monkeypatch)
    add_brightness(monkeypatch)
    return folders[1]


BOTH = "q_dsd,brightness"


def score_alone(images, *options, metrics=BOTH):
    named = [] if metrics is None else ["--metrics", metrics]
    return main(["score", str(images), "--backbone", "lite", "--device", "cpu", *named, *map(str, options)])


def test_an_image_alone(images, capsys):
    assert score_alone(images / "1.bmp") == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["image", "q_dsd", "brightness"]
    name, q_dsd, brightness = row.split()
    assert name == "1.bmp"
    expected = dsd.create_metric("q_dsd", "lite", device="cpu")(images / "1.bmp").item()
    assert float(q_dsd) == pytest.approx(expected, rel=1e-5)
    assert float(brightness) == pytest.approx(np.asarray(Image.open(images / "1.bmp")).mean() / 255, rel=1e-5)


def test_without_words_it_is_q_dsd(images, capsys):
    assert score_alone(images / "1.bmp", metrics=None) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["image", "q_dsd"]


def test_a_folder_with_those_below_it(images, tmp_path, capsys):
    save(images / "more" / "3.png", 3)
    (images / "notes.txt").write_text("no image")
    csv_out, json_out = tmp_path / "scores.csv", tmp_path / "scores.json"
    for out in (csv_out, json_out):
        assert score_alone(images, "--out", out) == 0
    rows = list(csv.DictReader(csv_out.read_text().splitlines()))
    assert [row["image"] for row in rows] == ["0.bmp", "1.bmp", "2.bmp", "more/3.png"]
    metric = dsd.create_metric("q_dsd", "lite", device="cpu")
    for row, written in zip(rows, json.loads(json_out.read_text())["scores"], strict=True):
        assert list(written) == ["image", "q_dsd", "brightness"]
        assert written == {"image": row["image"], **{name: float(row[name]) for name in BOTH.split(",")}}
        with torch.inference_mode():
            assert written["q_dsd"] == metric(images / row["image"]).item()
    *_, mean = capsys.readouterr().out.splitlines()
    assert mean.split()[0] == "mean"
    assert float(mean.split()[2]) == pytest.approx(np.mean([float(row["brightness"]) for row in rows]), rel=1e-5)


def test_json_says_how_scores_without_a_reference_came_about(images, tmp_path):
    out = tmp_path / "scores.json"
    assert score_alone(images, "--out", out, metrics="q_dsd4,brightness,q_dsd") == 0
    written = json.loads(out.read_text())
    assert written["metrics"] == ["q_dsd4", "brightness", "q_dsd"]
    assert written["failed"] == {}
    measures = written["provenance"]["measures"]
    assert measures["brightness"] == {"of": "all pixels"}
    for name, alpha in (("q_dsd", 2), ("q_dsd4", 4)):
        known = {"backbone": "lite", "weights_sha256": SHA256, "alpha": alpha, "precision": "float32"}
        assert measures[name].items() >= known.items()
        assert measures[name]["regressor"] == f"psi-lite-alpha{alpha}.safetensors"
        assert len(measures[name]["regressor_sha256"]) == 64


def test_an_image_that_fails_is_named_and_the_rest_scored(images, tmp_path, capsys):
    """A broken one; one that is too small for all; one that is too small for brightness only."""
    (images / "1.bmp").write_bytes(b"broken")
    save(images / "3.png", 3, size=(5, 9))
    save(images / "4.png", 4, size=(10, 20))
    out = tmp_path / "scores.json"
    assert score_alone(images, "--out", out) == 1
    captured = capsys.readouterr()
    for reason in (
        "failed: 1.bmp: cannot use",
        "failed: 3.png: ",
        "x is 5×9 pixels, too small for these layers at 1/2 of its size: the smallest image that works is 7×7",
        "failed: 4.png: no brightness: brightness needs images of 12×12 pixels",
    ):
        assert reason in captured.err
    written = json.loads(out.read_text())
    assert set(written["failed"]) == {"1.bmp", "3.png", "4.png"}
    rows = {row.pop("image"): row for row in written["scores"]}
    assert list(rows) == ["0.bmp", "2.bmp", "4.png"]
    assert rows["4.png"]["brightness"] is None
    assert rows["4.png"]["q_dsd"] > 0
    assert [line.split()[0] for line in captured.out.splitlines()] == ["image", "0.bmp", "2.bmp", "4.png", "mean"]


def test_interrupted_without_a_reference_the_same_command_goes_on(images, tmp_path, monkeypatch, capsys):
    out, forward, calls = tmp_path / "scores.json", NoReferenceSet.forward, []

    def interrupt(self, path, **options):
        calls.append(path.name)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return forward(self, path, **options)

    assert score_alone(images, "--out", tmp_path / "undisturbed.json") == 0
    monkeypatch.setattr(NoReferenceSet, "forward", interrupt)
    assert score_alone(images, "--out", out) == 143
    assert "dsd score: interrupted; the same command goes on from here" in capsys.readouterr().err
    assert (tmp_path / "scores.json.partial").is_file()
    assert not out.exists()
    assert score_alone(images, "--out", out, metrics="q_dsd") == 2  # another command
    assert "scores.json.partial is of another run: metrics is ['q_dsd', 'brightness'] there" in capsys.readouterr().err
    assert score_alone(images, "--out", out) == 0
    assert calls == ["0.bmp", "1.bmp", "2.bmp", "2.bmp"]
    assert out.read_bytes() == (tmp_path / "undisturbed.json").read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_another_regressor_is_another_run(images, tmp_path, monkeypatch, capsys):
    """Scores that are kept are not mixed with those of another ψ."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    out = tmp_path / "scores.csv"
    with monkeypatch.context() as interrupted:
        interrupted.setattr(NoReferenceSet, "forward", stop)
        assert score_alone(images, "--out", out) == 130
    path = tmp_path / "regressors" / "psi-lite-alpha2.safetensors"
    save_regressor(path, steps=1)
    assert score_alone(images, "--out", out) == 2
    assert "scores.csv.partial is of another run: measures is " in capsys.readouterr().err


ALONE_OR_PAIRS = "give --reference and --distorted, or IMAGES alone for measures without a reference; got "


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], ALONE_OR_PAIRS + "none of them"),
        (["--metrics", "q_dsd"], ALONE_OR_PAIRS + "none of them"),
        (["--reference", "sharp"], ALONE_OR_PAIRS + "sharp"),
        (["--distorted", "noisy"], ALONE_OR_PAIRS + "noisy"),
        (["noisy", "--reference", "sharp"], ALONE_OR_PAIRS + "noisy, sharp"),
        (["noisy", "--distorted", "noisy"], ALONE_OR_PAIRS + "noisy, noisy"),
        (["noisy", "--reference", "sharp", "--distorted", "noisy"], ALONE_OR_PAIRS + "noisy, sharp, noisy"),
        (["noisy", "--metrics", "dsd,psnr"], "dsd, psnr takes a reference; with these images only q_dsd, q_dsd4, "),
        (["noisy", "--metrics", "q_dsd,psnr"], "psnr takes a reference; with these images only q_dsd, q_dsd4, "),
        (["noisy", "--metrics", "q_dsd8"], "unknown metric q_dsd8; valid ones: dsd, "),
        (["noisy", "--metrics", "x.safetensors"], "x.safetensors takes a reference; with these images only q_dsd, "),
        (["noisy", "--metrics", "q_dsd,"], "--metrics must be names separated by commas, got 'q_dsd,'"),
        (
            ["--reference", "sharp", "--distorted", "noisy", "--metrics", "psnr,q_dsd"],
            "q_dsd takes no reference; with these images only dsd, ",
        ),
        (["noisy", "--layers", "relu2_1"], "q_dsd has no choice of layers or alphas, got --layers relu2_1"),
        (["noisy", "--alphas", "4"], "q_dsd has no choice of layers or alphas, got --alphas 4"),
        (["noisy", "--metrics", "brightness", "--alphas", "4"], "brightness has no choice of layers or alphas, got"),
        (["nowhere"], "no file or folder nowhere"),
        (["noisy", "--out", "scores.txt"], "--out must end in .csv or .json, got scores.txt"),
        (["noisy", "--backbone", "vgg11"], "unknown backbone 'vgg11'; valid ones"),
        (["noisy", "--weights", "nowhere.pth"], "no weight file at nowhere.pth"),
        (["noisy", "--backbone", "lite", "--weights", "random"], "was trained for something else: weights_sha256 was"),
        (["regressors"], "no image in regressors"),
    ],
)
def test_refuses_what_does_not_go_together(images, tmp_path, monkeypatch, typed, message, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["score", *typed]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
