import csv
import hashlib
import inspect
import json
import math
import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from dsd import dsd_norm, load_backbone, paper
from dsd.backbones.lite import SHA256
from dsd.data.files import digest
from dsd.data.images import find_images
from dsd.noref import train as module
from dsd.noref.crops import Batches, Crops
from dsd.noref.q_dsd import QDSD
from dsd.noref.regressor import LAYERS, Regressor, load_regressor
from dsd.noref.train import rate_factor, train_regressor

SMALL = {"backbone": "lite", "steps": 6, "batch": 4, "side": 16, "each": 4, "device": "cpu"}


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 2)


@pytest.fixture
def train(photographs):
    return lambda out, **changed: train_regressor(out, **{"images": [photographs], **SMALL, **changed})


@pytest.fixture(scope="module")
def whole(tmp_path_factory, photographs):
    """The weights of a run that nothing interrupted."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(module, "EVERY", 2)
        return train_regressor(tmp_path_factory.mktemp("whole"), images=[photographs], **SMALL)


def log(out):
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def stopped_by(call, at):
    """Rates that are the same, and a call in this step. A signal in it ends the next."""

    def factor(step, *arguments):
        if step == at - 1:
            call()
        return rate_factor(step, *arguments)

    return factor


def fail():
    raise OSError("stopped")


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(("call", "error", "at"), [(terminate, SystemExit, 2), (fail, OSError, 4)])
def test_goes_on_as_if_nothing_had_happened(tmp_path, train, whole, monkeypatch, call, error, at):
    """To the byte, from the checkpoint of step 3, and of step 2; no norm is computed again."""
    with monkeypatch.context() as stop:
        stop.setattr(module, "rate_factor", stopped_by(call, at))
        with pytest.raises(error):
            train(tmp_path)
    assert [row["step"] for row in log(tmp_path)] == ["2"]
    assert not list(tmp_path.glob("*.safetensors"))
    monkeypatch.setattr("dsd.noref.crops.dsd_norm", lambda *_: pytest.fail("they are in the checkpoint"))
    assert train(tmp_path) == tmp_path / whole.name
    assert (tmp_path / whole.name).read_bytes() == whole.read_bytes()
    assert (tmp_path / "log.csv").read_bytes() == (whole.parent / "log.csv").read_bytes()
    before = (tmp_path / whole.name).read_bytes()
    train(tmp_path)  # there is nothing left to do
    assert (tmp_path / whole.name).read_bytes() == before


def test_a_seed_is_another_run(tmp_path, train, whole):
    assert train(tmp_path, seed=1).read_bytes() != whole.read_bytes()


def test_writes_what_q_dsd_takes(whole, photographs):
    assert whole.name == "psi-lite-alpha2.safetensors"
    assert whole.stat().st_size <= 4e6
    with safe_open(whole, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about == {
        "images": digest(find_images(photographs)),
        "alpha": 2,
        "side": 16,
        "each": 4,
        "padding": "zeros",
        "targets_precision": "bfloat16",
        "seed": 0,
        "backbone": "lite",
        "weights_sha256": SHA256,
        "rate": 2e-4,
        "schedule": "halved",
        "batch": 4,
        "precision": "float32",
        "processes": 1,
        "start_sha256": None,
        "steps": 6,
        "photographs": 3,
    }
    metric = QDSD("lite", regressor=whole, device="cpu")
    assert metric(torch.rand(1, 3, 32, 32)).isfinite().all()


def test_the_loss_is_the_mean_square_in_units_of_the_pool(tmp_path, train, photographs):
    """Of two first steps, with ψ, norms, and Adam put together here."""
    train(tmp_path, steps=2)
    crops = Crops(find_images(photographs), 2, side=16, each=4, seed=0, quiet=True)
    x = torch.stack([crops[k] for k in range(12)])
    norms = dsd_norm(x, load_backbone("lite", LAYERS, precision="bfloat16", device="cpu"))
    targets = np.stack([norms[layer, 2].double().numpy() for layer in LAYERS], axis=1)
    mean, deviation = targets.mean(axis=0), targets.std(axis=0, ddof=1)
    torch.manual_seed(0)
    network = Regressor().train()
    adam = torch.optim.Adam(network.parameters(), 2e-4)
    batches = Batches(crops.inputs(), torch.arange(12.0)[:, None], size=4, steps=2, seed=0)
    expected = []
    for inputs, chosen in (batches[0], batches[1]):
        standardised = torch.tensor((targets[chosen[:, 0].int()] - mean) / deviation, dtype=torch.float32)
        errors = (network.standardised(inputs) - standardised) ** 2
        expected.append(errors.detach().mean(dim=0).numpy() / 4)
        adam.zero_grad()
        errors.mean().backward()
        adam.step()
    (row,) = log(tmp_path)
    assert list(row) == ["step", *LAYERS, "gradient", "adam_rate"]
    np.testing.assert_allclose([float(row[layer]) for layer in LAYERS], np.mean(expected, axis=0), rtol=1e-3)
    trained, _ = load_regressor(tmp_path / "psi-lite-alpha2.safetensors")
    np.testing.assert_allclose(trained.mean, mean, rtol=1e-4)
    np.testing.assert_allclose(trained.deviation, deviation, rtol=1e-4)
    for name, value in trained.named_parameters():
        torch.testing.assert_close(value, network.state_dict()[name], rtol=2e-3, atol=2e-4, msg=name)
    torch.testing.assert_close(trained.stem[1].running_mean, network.stem[1].running_mean, rtol=1e-3, atol=1e-5)


def test_it_learns(tmp_path, train):
    """What it has seen, and more than the mean: that costs 1 in all."""
    train(tmp_path, steps=40, rate=1e-2, batch=8, each=1, schedule="cosine")
    rows = [sum(float(row[layer]) for layer in LAYERS) for row in log(tmp_path)]
    assert rows[-1] < 0.3 < rows[0]


@pytest.mark.parametrize(
    ("changed", "file", "difference"),
    [
        ({"rate": 1e-3}, "checkpoint.pt", "rate is 0.0002 there and 0.001 here"),
        ({"steps": 7}, "checkpoint.pt", "steps is 6 there and 7 here"),
        ({"seed": 1}, "checkpoint.pt", "seed is 0 there and 1 here"),
        ({"alpha": 1.5}, "checkpoint.pt", "alpha is 2 there and 1.5 here"),
        ({"precision": "bfloat16"}, "checkpoint.pt", "precision is 'float32' there and 'bfloat16' here"),
        ({"weights": "random"}, "checkpoint.pt", f"weights_sha256 is '{SHA256}' there and 'random' here"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(train, whole, changed, file, difference):
    before = whole.read_bytes()
    with pytest.raises(ValueError, match=rf"{file} is of another run: {difference}"):
        train(whole.parent, **changed)
    assert whole.read_bytes() == before


def test_targets_of_another_pool_are_refused(tmp_path, train, whole):
    """Also when there is no checkpoint of the training yet."""
    (tmp_path / "targets-0.pt").write_bytes((whole.parent / "targets-0.pt").read_bytes())
    with pytest.raises(ValueError, match=r"targets-0\.pt is of another run: each is 4 there and 5 here"):
        train(tmp_path, each=5)


def test_starts_from_earlier_weights(tmp_path, train, whole):
    """Of another alpha, here: it has this run's targets in its units, and its weights move from where they were."""
    path = train(tmp_path, start=whole, steps=1, rate=1e-6, alpha=1.5)
    assert path.name == "psi-lite-alpha1.5.safetensors"
    (now, about), (before, _) = map(load_regressor, (path, whole))
    assert about["start_sha256"] == hashlib.sha256(whole.read_bytes()).hexdigest()
    for name, value in now.named_parameters():
        torch.testing.assert_close(value, dict(before.named_parameters())[name], rtol=2e-3, atol=2e-6)
    assert not torch.equal(now.stem[0].weight, Regressor().stem[0].weight)
    assert not torch.allclose(now.mean, before.mean, rtol=1e-2)


def test_rates_are_halved_twice():
    factors = [rate_factor(step, 50_000, "halved") for step in (0, 19_999, 20_000, 39_999, 40_000, 49_999)]
    assert factors == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_rates_rise_for_a_twentieth_and_fall_along_a_cosine():
    factors = [rate_factor(step, 1000, "cosine") for step in range(1000)]
    assert factors[:3] == pytest.approx([0.02, 0.04, 0.06])
    assert factors[49] == max(factors) == 1
    assert factors[524] == pytest.approx(0.5)
    assert factors[49 + 713] == pytest.approx((1 + math.cos(math.pi * 713 / 950)) / 2)
    assert factors[-1] == pytest.approx(0)


def test_the_defaults_are_the_papers():
    defaults = {name: parameter.default for name, parameter in inspect.signature(train_regressor).parameters.items()}
    for name in ("steps", "rate", "batch", "side"):
        assert defaults[name] == paper.NO_REFERENCE[name]
    assert defaults["images"] == ("bsds500/train", "bsds500/test")


def test_the_digest_is_of_contents_in_their_order(tmp_path):
    for name, content in (("a", b"1"), ("b", b"2"), ("c", b"1")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (tmp_path / name for name in "abc")
    assert digest([a, b]) == digest([c, b]) != digest([b, a])
    both = hashlib.sha256(b"1").digest() + hashlib.sha256(b"2").digest()
    assert digest([a, b]) == hashlib.sha256(both).hexdigest()


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"schedule": "linear"}, ValueError, "schedule must be one of halved, cosine; got 'linear'"),
        ({"precision": "float16"}, ValueError, "precision must be one of float32, bfloat16; got 'float16'"),
        ({"batch": 0}, ValueError, "batch must be an integer of at least 1, got 0"),
        ({"side": 2.5}, ValueError, "side must be an integer of at least 1, got 2.5"),
        ({"each": -1}, ValueError, "each must be an integer of at least 1, got -1"),
        ({"steps": 0}, ValueError, "steps must be an integer of at least 1, got 0"),
        ({"backbone": "vgg11"}, ValueError, "unknown backbone 'vgg11'; valid ones"),
        ({"device": "tpu"}, ValueError, "device must be auto, cpu, cuda or mps, got 'tpu'"),
        ({"images": ["no such folder"]}, FileNotFoundError, "no such folder"),
        ({"weights": "nowhere.pth"}, FileNotFoundError, "no weight file at nowhere.pth"),
        ({"start": "nowhere.safetensors"}, FileNotFoundError, "no weight file at nowhere.safetensors"),
        ({"side": 26}, ValueError, "has 60×50 pixels: crops of 26×26 pixels at alpha 2 need at least 52×52"),
        ({"alpha": 1}, ValueError, "alpha must be above 1"),
        ({"alpha": 0.5}, ValueError, "alpha must be"),
        ({"alpha": math.nan}, ValueError, "alpha must be"),
        ({"alpha": math.inf}, ValueError, "alpha must be"),
    ],
)
def test_refuses(tmp_path, train, changed, error, message):
    with pytest.raises(error, match=message):
        train(tmp_path, **changed)
    assert not list(tmp_path.glob("*.safetensors"))


def test_photographs_without_a_difference_are_not_learned(tmp_path, train):
    """Their norms have no deviation."""
    (tmp_path / "grey").mkdir()
    Image.new("RGB", (40, 40), (99, 99, 99)).save(tmp_path / "grey" / "a.png")
    with pytest.raises(FloatingPointError, match="relu1_2 is nan at step 1"):
        train(tmp_path / "out", images=[tmp_path / "grey"])
