import inspect
from pathlib import Path

import pytest

from dsd.cli import main
from dsd.learned.train import Fitting, train_distance
from dsd.noref.train import train_regressor


def test_passes_on_what_was_typed(tmp_path, monkeypatch, capsys):
    calls = []

    def distil(out, **options):
        calls.append((out, options))
        return out / "weights"

    monkeypatch.setattr("dsd.distil.train.distil", distil)
    assert main(["train", "lite"]) == 0
    start, weights = tmp_path / "start", tmp_path / "w.pth"
    start.touch()
    weights.touch()
    typed = ["--out", "run", "--weights", str(weights), "--steps", "3", "--seed", "4", "--device", "cpu"]
    assert main(["train", "lite", *typed, "--start", str(start)]) == 0
    assert calls == [
        (Path("build/lite"), {"steps": 8000, "seed": 0, "device": "auto", "weights": "auto", "start": None}),
        (
            Path("run"),
            {"steps": 3, "seed": 4, "device": "cpu", "weights": str(weights), "start": start},
        ),
    ]
    assert capsys.readouterr().out.splitlines() == ["build/lite/weights", "run/weights"]


def test_says_how_to_go_on(monkeypatch, capsys):
    def interrupt(out, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("dsd.distil.train.distil", interrupt)
    assert main(["train", "lite"]) == 130
    assert capsys.readouterr().err == "dsd train lite: interrupted; the same command goes on from its last checkpoint\n"


@pytest.fixture
def regressors(monkeypatch):
    """What `train_regressor` is called with."""
    calls = []

    def train_regressor(out, **options):
        calls.append((out, options))
        return out / "psi"

    monkeypatch.setattr("dsd.noref.train.train_regressor", train_regressor)
    return calls


def test_passes_on_what_was_typed_of_noref(tmp_path, regressors, capsys):
    for name in ("start", "w.pth"):
        (tmp_path / name).touch()
    assert main(["train", "noref", "--out", "run"]) == 0
    typed = ["--alpha", "4", "--backbone", "lite", "--weights", str(tmp_path / "w.pth"), "--images", "a/b, c"]
    typed += ["--start", str(tmp_path / "start"), "--steps", "3", "--rate", "0.1", "--schedule", "cosine"]
    typed += ["--side", "16", "--crops", "2", "--precision", "bfloat16", "--seed", "4", "--device", "cpu"]
    assert main(["train", "noref", "--out", "other", *typed]) == 0
    assert regressors == [
        (
            Path("run"),
            {
                "alpha": 2,
                "backbone": "vgg19",
                "weights": "auto",
                "images": ["bsds500/train", "bsds500/test"],
                "start": None,
                "steps": 50_000,
                "rate": 2e-4,
                "schedule": "halved",
                "side": 80,
                "each": 16,
                "precision": "float32",
                "seed": 0,
                "device": "auto",
            },
        ),
        (
            Path("other"),
            {
                "alpha": 4,
                "backbone": "lite",
                "weights": str(tmp_path / "w.pth"),
                "images": ["a/b", "c"],
                "start": tmp_path / "start",
                "steps": 3,
                "rate": 0.1,
                "schedule": "cosine",
                "side": 16,
                "each": 2,
                "precision": "bfloat16",
                "seed": 4,
                "device": "cpu",
            },
        ),
    ]
    assert capsys.readouterr().out.splitlines() == ["run/psi", "other/psi"]


def test_the_command_lines_defaults_are_the_librarys(regressors):
    defaults = inspect.signature(train_regressor).parameters
    assert main(["train", "noref", "--out", "run"]) == 0
    for name, value in regressors[0][1].items():
        assert value == (list(defaults[name].default) if name == "images" else defaults[name].default), name


def test_says_how_to_go_on_with_noref(monkeypatch, capsys):
    def interrupt(out, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("dsd.noref.train.train_regressor", interrupt)
    assert main(["train", "noref", "--out", "run"]) == 130
    ended = "dsd train noref: interrupted; the same command goes on from its last checkpoint\n"
    assert capsys.readouterr().err == ended


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], "the following arguments are required: --out"),
        (["--out", "file"], "--out: cannot write file/checkpoint.pt"),
        (["--out", "run", "--start", "nowhere"], "no file nowhere"),
        (["--out", "run", "--weights", "nowhere.pth"], "no weight file at nowhere.pth"),
        (["--out", "run", "--backbone", "vgg11"], "unknown backbone 'vgg11'; valid ones"),
        (["--out", "run", "--precision", "half"], "precision must be one of float32, bfloat16; got 'half'"),
        (["--out", "run", "--device", "tpu"], "device must be auto, cpu, cuda or mps, got 'tpu'"),
        (["--out", "run", "--images", "a,,b"], "--images must be names separated by commas, got 'a,,b'"),
        (["--out", "run", "--alpha", "two"], "argument --alpha: invalid float value: 'two'"),
    ],
)
def test_refuses_before_work_begins(tmp_path, monkeypatch, regressors, typed, message, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["train", "noref", *typed]) == 2
    assert message in capsys.readouterr().err
    assert not regressors


def test_a_schedule_that_there_is_not_is_refused(tmp_path, capsys):
    assert main(["train", "noref", "--out", str(tmp_path / "run"), "--schedule", "linear"]) == 2
    assert "schedule must be one of halved, cosine; got 'linear'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_refuses_a_file_where_a_folder_is_expected(tmp_path, capsys):
    (tmp_path / "README.md").touch()
    assert main(["train", "lite", "--out", str(tmp_path / "README.md")]) == 2
    assert f"README.md/vgg19-lite.safetensors, {tmp_path / 'README.md'} is no folder" in capsys.readouterr().err


@pytest.fixture
def restorers(tmp_path, monkeypatch):
    """A file of settings, and what `train_restorer` is called with."""
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text("losses: {rec: {weight: 1}, dsd: {weight: 2}}\nsteps: 7\n")
    calls = []

    def train_restorer(config, out, **options):
        calls.append((config, out, options))
        return out / "model"

    monkeypatch.setattr("dsd.restore.train.train_restorer", train_restorer)
    return calls


def test_passes_on_what_was_typed_of_sr(restorers, capsys):
    assert main(["train", "sr", "run.yaml", "--out", "run"]) == 0
    typed = ["--set", "network.scale=1", "--set", "losses.dsd.weight=100", "--device", "cpu"]
    assert main(["train", "deblur", "run.yaml", "--out", "other", *typed]) == 0
    (first, *rest), (second, *others) = restorers
    assert rest == [Path("run"), {"device": "auto"}]
    assert others == [Path("other"), {"device": "cpu"}]
    assert (first.task, first.network.scale, first.losses["dsd"]["weight"], first.steps) == ("sr", 4, 2, 7)
    assert (second.task, second.network.scale, second.losses["dsd"]["weight"]) == ("deblur", 1, 100)
    lines = capsys.readouterr().out.splitlines()
    assert {"run/model", "other/model", "steps: 7", "    weight: 100"} <= set(lines)


def test_prints_the_settings_and_does_nothing(restorers, capsys):
    assert main(["train", "sr", "run.yaml", "--out", "run", "--print"]) == 0
    assert restorers == []
    assert "steps: 7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["run.yaml"], "the following arguments are required: --out"),
        (["nowhere.yaml", "--out", "run"], "no file nowhere.yaml"),
        (["run.yaml", "--out", "run", "--set", "stepz=1"], "run.yaml: unknown stepz; valid ones: losses, task"),
        (["run.yaml", "--out", "run", "--set", "steps"], "a change must be NAME=VALUE"),
        (["run.yaml", "--out", "run.yaml"], "--out: cannot write run.yaml/checkpoint.pt"),
        (["run.yaml", "--out", "run", "--device", "tpu"], "device must be auto, cpu, cuda or mps, got 'tpu'"),
    ],
)
def test_refuses_settings_before_work_begins(restorers, typed, message, capsys):
    assert main(["train", "sr", *typed]) == 2
    assert message in capsys.readouterr().err
    assert restorers == []


@pytest.fixture
def distances(monkeypatch):
    """What `train_distance` is called with."""
    calls = []

    def train_distance(out, images, **options):
        calls.append((out, images, options))
        return out / "distance"

    monkeypatch.setattr("dsd.learned.train.train_distance", train_distance)
    return calls


def test_passes_on_what_was_typed_of_lpips(tmp_path, distances, capsys):
    (tmp_path / "w.pth").touch()
    typed = ["--measure", "dsd", "--variant", "tune", "--backbone", "lite", "--weights", str(tmp_path / "w.pth")]
    typed += ["--layers", "relu1_2, relu2_1", "--alpha", "4", "--side", "32", "--steps", "5", "--batch", "2"]
    typed += ["--rate", "0.1", "--dropout", "0.2", "--seed", "3", "--device", "cpu"]
    assert main(["train", "lpips", "bapps", "live/ratings.csv", "--out", "run", *typed]) == 0
    expected = {"measure": "dsd", "variant": "tune", "backbone": "lite", "weights": str(tmp_path / "w.pth")}
    expected |= {"layers": ["relu1_2", "relu2_1"], "alpha": 4, "side": 32, "device": "cpu"}
    expected["fitting"] = Fitting(steps=5, batch=2, rate=0.1, dropout=0.2, seed=3)
    assert distances == [(Path("run"), ["bapps", "live/ratings.csv"], expected)]
    assert capsys.readouterr().out == "run/distance\n"


def test_the_defaults_of_lpips_are_the_librarys(distances):
    defaults = inspect.signature(train_distance).parameters
    assert main(["train", "lpips", "bapps", "--out", "run"]) == 0
    for name, value in distances[0][2].items():
        assert value == defaults[name].default, name


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], "the following arguments are required: DATA, --out"),
        (["bapps", "--out", "file"], "--out: cannot write file/checkpoint.pt"),
        (["bapps", "--out", "run", "--weights", "nowhere.pth"], "no weight file at nowhere.pth"),
        (["bapps", "--out", "run", "--backbone", "vgg11"], "unknown backbone 'vgg11'; valid ones"),
        (["bapps", "--out", "run", "--device", "tpu"], "device must be auto, cpu, cuda or mps, got 'tpu'"),
        (["bapps", "--out", "run", "--layers", "a,,b"], "--layers must be names separated by commas, got 'a,,b'"),
        (["bapps", "--out", "run", "--rate", "0"], "rate must be above 0, got 0"),
    ],
)
def test_refuses_lpips_before_work_begins(tmp_path, monkeypatch, distances, typed, message, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["train", "lpips", *typed]) == 2
    assert message in capsys.readouterr().err
    assert not distances
