import csv
import math
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from dsd.checkpoint import load_checkpoint
from dsd.data.images import load_image
from dsd.restore import train as module
from dsd.restore.config_files import parse_config
from dsd.restore.model import load_model
from dsd.restore.networks import SRResNet
from dsd.restore.step import Step
from dsd.restore.train import rate_factor, train_restorer
from tests.conftest import REPOSITORY

SMALL = {
    "network": {"blocks": 1},
    "data": {"side": 32, "batch": 4, "pool": 3},
    "losses": {
        "rec": {"weight": 1},
        "per": {"weight": 1, "layers": ["relu3_1"]},
        "dsd": {"weight": "balanced", "layers": ["relu2_2"]},
    },
    "backbone": "lite",
    "balance": 2,
    "steps": 6,
}


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 2)


@pytest.fixture(scope="session")
def settings(photographs):
    def settings(*changes):
        return parse_config(SMALL, [f"data.images=[{photographs}]", *changes])

    return settings


@pytest.fixture(scope="session")
def whole(tmp_path_factory, settings):
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(module, "EVERY", 2)
        assert train_restorer(settings(), out, device="cpu") == out / "model.safetensors"
    return out


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_writes_model_settings_and_log(whole, settings, photographs):
    network, about = load_model(whole / "model.safetensors")
    assert network.form == {"blocks": 1, "activation": "xunit", "scale": 4}
    assert about["photographs"] == 3
    assert about["weights"].keys() == {"rec", "per", "dsd"}
    assert yaml.safe_load(about["config"]) == yaml.safe_load((whole / "config.yaml").read_text())
    assert parse_config(yaml.safe_load((whole / "config.yaml").read_text())) == settings()
    log = rows(whole / "log.csv")
    assert [row["step"] for row in log] == ["2", "4", "6"]
    assert list(log[0]) == ["step", "rec", "per", "dsd", "gradient", "adam_rate"]
    assert all(math.isfinite(float(value)) for row in log for value in row.values())


def test_learns(tmp_path, settings):
    config = settings("steps=60", "rate=1e-3", "losses={rec: {weight: 1}}", "data.pool=null", "schedule=cosine")
    train_restorer(config, tmp_path, device="cpu")
    log = [float(row["rec"]) for row in rows(tmp_path / "log.csv")]
    assert np.mean(log[-5:]) < 0.5 * np.mean(log[:5])


def test_ten_random_kills_change_no_bit(tmp_path, settings, whole, monkeypatch):
    """Each stops within a step, so that what is in memory is lost. In tests/test_training.py the process dies."""
    draws = random.Random(0)
    forward, kills = Step.forward, 0

    def killed(self, batch, step):
        if kills < 10 and draws.random() < 0.6:
            raise KeyboardInterrupt
        return forward(self, batch, step)

    monkeypatch.setattr(Step, "__call__", killed)
    while True:
        try:
            train_restorer(settings(), tmp_path, device="cpu")
            break
        except KeyboardInterrupt:
            kills += 1
    assert kills == 10
    for name in ("model.safetensors", "log.csv"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


TWO = """
from dsd.restore import train
from dsd.restore.config_files import load_config
train.EVERY = 2
train.train_restorer(load_config({config!r}), {out!r}, device="cpu")
"""


def test_two_processes_are_one(tmp_path, whole):
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python", sys.executable)
    program = TWO.format(config=str(whole / "config.yaml"), out=str(tmp_path))
    ended = subprocess.run([sys.executable, *launcher, "-c", program], cwd=REPOSITORY, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (tmp_path, whole))
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name].float(), value.float(), rtol=1e-3, atol=1e-4)  # float16 in the file
    for ours, theirs in zip(rows(tmp_path / "log.csv"), rows(whole / "log.csv"), strict=True):
        assert [float(x) for x in ours.values()] == pytest.approx([float(x) for x in theirs.values()], rel=1e-3)


def test_the_average_is_a_moving_one(tmp_path, settings, monkeypatch):
    """a₁ = w₁, then a ← 0.9 a + 0.1 w."""
    seen = []
    update = torch.optim.swa_utils.AveragedModel.update_parameters

    def recorded(self, network):
        seen.append(network.stem[0].weight.detach().clone())
        update(self, network)

    monkeypatch.setattr(torch.optim.swa_utils.AveragedModel, "update_parameters", recorded)
    model = train_restorer(settings("average=0.9"), tmp_path, device="cpu")
    expected = seen[0]
    for weight in seen[1:]:
        expected = 0.9 * expected + 0.1 * weight
    assert len(seen) == 6
    torch.testing.assert_close(load_model(model)[0].stem[0].weight, expected, rtol=1e-3, atol=1e-5)


def test_without_an_average_the_last_weights_are_written(tmp_path, settings):
    config = settings("average=0")
    network = load_model(train_restorer(config, tmp_path, device="cpu"))[0]
    about = load_model(tmp_path / "model.safetensors")[1]
    kept = {key: about[key] for key in ("config", "images", "start_sha256", "losses")}
    state = load_checkpoint(tmp_path / "checkpoint.pt", {"steps": 6, **kept, "optimisers": ["adam"]})["network"]
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, state[f"network.{name}"], rtol=1e-3, atol=1e-5)


def test_begins_with_a_model(tmp_path, settings, whole):
    start = f"start={whole / 'model.safetensors'}"
    config = settings(start, "steps=1", "rate=1e-12", "average=0", "seed=5")
    network, about = load_model(train_restorer(config, tmp_path, device="cpu"))
    earlier = load_model(whole / "model.safetensors")
    assert about["start_sha256"] == earlier[1]["model_sha256"]
    for name, value in earlier[0].state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value)
    with pytest.raises(ValueError, match=r"is a network of .*'blocks': 1.*; the run's is of .*'blocks': 2"):
        train_restorer(settings(start, "network.blocks=2"), tmp_path / "other", device="cpu")
    with pytest.raises(FileNotFoundError, match="no model nowhere"):
        train_restorer(settings("start=nowhere"), tmp_path / "other", device="cpu")


def test_another_run_is_refused_and_a_whole_one_read_without_encoding_targets(whole, settings, monkeypatch):
    monkeypatch.setattr(module, "Targets", None)
    assert train_restorer(settings(), whole, device="cpu") == whole / "model.safetensors"
    with pytest.raises(ValueError, match="is of another run: config is"):
        train_restorer(settings("rate=1e-3"), whole, device="cpu")


def test_a_damaged_checkpoint_is_refused(tmp_path, settings, whole):
    content = bytearray((whole / "checkpoint.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged, its content does not have its SHA-256"):
        train_restorer(settings(), tmp_path, device="cpu")


def test_nan_stops_the_run_and_keeps_the_last_good_state(tmp_path, settings, whole, monkeypatch):
    forward = Step.forward

    def broken(self, batch, step):
        return {name: term / (step != 4) for name, term in forward(self, batch, step).items()}

    with monkeypatch.context() as infinite:
        infinite.setattr(Step, "forward", broken)
        with pytest.raises(FloatingPointError, match=r"rec is inf at step 4; .*checkpoint\.pt is of before"):
            train_restorer(settings(), tmp_path, device="cpu")
    train_restorer(settings(), tmp_path, device="cpu")
    assert (tmp_path / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_full_disk_stops_the_run_and_keeps_the_last_good_state(tmp_path, settings, whole, monkeypatch):
    fsync, calls = module.atomic_write.__wrapped__.__globals__["os"].fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 5:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as disk:
        disk.setattr("dsd.atomic.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            train_restorer(settings(), tmp_path, device="cpu")
    train_restorer(settings(), tmp_path, device="cpu")
    assert (tmp_path / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_names_an_image_that_cannot_be_read(tmp_path, settings, photographs):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "damaged.png").write_bytes((photographs / "0.png").read_bytes()[:500])
    with pytest.raises(ValueError, match=r"damaged\.png"):
        train_restorer(settings(f"data.images=[{tmp_path / 'in'}]"), tmp_path / "out", device="cpu")


def test_names_an_image_that_is_too_small(tmp_path, settings, photographs):
    with pytest.raises(ValueError, match=r"0\.png is 64×80 pixels: crops are 96×96"):
        train_restorer(settings("data.side=96"), tmp_path, device="cpu")


def test_a_batch_that_processes_cannot_share_is_refused(tmp_path, settings, monkeypatch):
    from contextlib import contextmanager

    @contextmanager
    def three(device):
        yield module.Process(device, 0, 3)

    monkeypatch.setattr(module, "process_group", three)
    with pytest.raises(ValueError, match=r"data\.batch must be a multiple of the 3 processes, got 4"):
        train_restorer(settings(), tmp_path, device="cpu")


def test_deblurs(tmp_path, settings):
    config = settings("task=deblur", "network.scale=1", "data.side=32", "data.pool=null", "steps=2")
    network, _ = load_model(train_restorer(config, tmp_path, device="cpu"))
    assert isinstance(network, SRResNet)
    assert network.scale == 1


def test_bfloat16_is_close(tmp_path, settings, whole):
    train_restorer(settings("precision=bfloat16"), tmp_path, device="cpu")
    ours, theirs = (rows(folder / "log.csv")[0] for folder in (tmp_path, whole))
    for name in ("rec", "per", "dsd"):
        assert float(ours[name]) == pytest.approx(float(theirs[name]), rel=0.1)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("halved", {0: 1, 89: 1, 90: 0.5, 180: 0.25, 270: 0.125, 299: 0.125}), ("cosine", {0: 1 / 3, 2: 1, 299: 0})],
)
def test_schedules(schedule, expected):
    config = parse_config({"losses": {"rec": {"weight": 1}}, "steps": 300, "schedule": schedule})
    for step, factor in expected.items():
        assert rate_factor(step, config) == pytest.approx(factor, abs=1e-12)
    half = parse_config({"losses": {"rec": {"weight": 1}}, "steps": 300, "schedule": "cosine"})
    progress = (151 / 300 - 0.01) / 0.99
    assert rate_factor(150, half) == pytest.approx((1 + math.cos(math.pi * progress)) / 2)


def test_validates(tmp_path, settings, photographs, monkeypatch):
    changes = (f"validation.images={photographs}", "validation.count=2", "validation.every=4")
    train_restorer(settings(*changes), tmp_path, device="cpu")
    table = rows(tmp_path / "validation.csv")
    assert [row["step"] for row in table] == ["4", "6"]
    assert float(table[0]["psnr_y"]) == pytest.approx(float(table[1]["psnr_y"]), abs=3)
    assert {"gradient_rec", "gradient_per", "gradient_dsd", "ssim_rgb_authors"} <= set(table[0])
    sheet = load_image(tmp_path / "samples" / "6.png")
    assert sheet.shape == (3, 2 * 128, 3 * 128)


def test_validation_changes_nothing_and_forgets_later_rows(tmp_path, settings, photographs, whole, monkeypatch):
    changes = (f"validation.images={photographs}", "validation.count=1", "validation.every=1")
    forward = Step.forward

    def stopped(self, batch, step):
        if step == 4:
            raise KeyboardInterrupt
        return forward(self, batch, step)

    with monkeypatch.context() as stop:
        stop.setattr(Step, "forward", stopped)
        with pytest.raises(KeyboardInterrupt):
            train_restorer(settings(*changes), tmp_path, device="cpu")
    assert [row["step"] for row in rows(tmp_path / "validation.csv")] == ["1", "2", "3"]
    train_restorer(settings(*changes), tmp_path, device="cpu")
    assert [row["step"] for row in rows(tmp_path / "validation.csv")] == list("123456")
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (tmp_path, whole))
    assert all(torch.equal(ours[name], value) for name, value in theirs.items())
