import hashlib
import inspect
import json
import math
import signal
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from dsd.backbones.lite import CHANNELS, WEIGHTS, VGG19Lite
from dsd.distil.train import Learner, distil, optimisers, rate_factor
from tests.conftest import REPOSITORY


def about(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["about"])


def test_the_steps_and_the_seed_of_the_shipped_file_are_the_defaults():
    defaults = inspect.signature(distil).parameters
    shipped = about(WEIGHTS)
    assert (shipped["steps"], shipped["seed"]) == (defaults["steps"].default, defaults["seed"].default)


def test_muon_moves_the_weights_themselves():
    student = VGG19Lite(weights="random").requires_grad_(True)
    before = {name: value.clone() for name, value in student.named_parameters()}
    parts = optimisers(student).values()
    student(torch.rand(1, 3, 32, 32))["relu4_1"].sum().backward()
    for part in parts:
        part.step()
    for name, value in student.named_parameters():
        assert torch.equal(value, before[name]) == (value.grad is None), name


def test_rates_rise_for_a_tenth_and_fall_along_a_cosine():
    factors = [rate_factor(step, 1000) for step in range(1000)]
    assert factors[:3] == pytest.approx([0.01, 0.02, 0.03])
    assert factors[99] == max(factors) == 1
    assert factors[549] == pytest.approx(0.5)
    assert factors[774] == pytest.approx((1 + math.cos(0.75 * math.pi)) / 2)
    assert factors[-1] == 0


def test_deviations_stay_with_what_learns():
    learner, other = Learner(), Learner()
    assert not any(name in CHANNELS for name, _ in learner.named_parameters())
    learner.set_deviations({"relu3_2": torch.rand(256)} | {layer: torch.rand(c) for layer, c in CHANNELS.items()})
    other.load_state_dict(learner.state_dict())
    for layer, unit in other.deviations.items():
        assert torch.equal(unit, learner.deviations[layer])
        assert (unit != 1).any()


SMALL = "batches.SHAPES, train.SELDOM, train.EVERY = ((4, 32),), 2, 1"


def test_resumes_after_kill_9_as_if_nothing_had_happened(root, tmp_path, monkeypatch):
    start, weights = tmp_path / "start.safetensors", tmp_path / "named.pth"
    (root / "weights" / "vgg19-oxford-features.pth").rename(weights)
    save_file({name: value.contiguous() for name, value in VGG19Lite(weights="random").state_dict().items()}, start)
    run = {"steps": 3, "seed": 0, "device": "cpu", "start": str(start), "weights": str(weights)}
    until_killed = (
        f"import os; from dsd.distil import batches, train; {SMALL}; losses = train.distillation_losses;"
        "train.distillation_losses = lambda *a: os.kill(os.getpid(), 9) if a[-1] == 2 else losses(*a);"
        f"train.distil({str(tmp_path / 'killed')!r}, **{run})"
    )
    killed = subprocess.run([sys.executable, "-c", until_killed], cwd=REPOSITORY, capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "killed" / "checkpoint.pt").exists()
    assert not (tmp_path / "killed" / "vgg19-lite.safetensors").exists()
    monkeypatch.setattr("dsd.distil.batches.SHAPES", ((4, 32),))
    monkeypatch.setattr("dsd.distil.train.SELDOM", 2)
    monkeypatch.setattr("dsd.distil.train.EVERY", 1)
    resumed, whole = (distil(tmp_path / name, **run) for name in ("killed", "whole"))
    assert whole.read_bytes() == resumed.read_bytes()
    assert VGG19Lite(weights=whole).weights_name == whole.name == "vgg19-lite.safetensors"
    assert about(whole)["start_sha256"] == hashlib.sha256(start.read_bytes()).hexdigest()
    logs = [(out.parent / "log.csv").read_text() for out in (whole, resumed)]
    assert logs[0] == logs[1]
    header, *rows = logs[0].splitlines()
    assert header == "step,features,gram,dsd,pair,gradient,muon_rate,adamw_rate"
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3"]
    for other, name in (({"steps": 4}, "steps"), ({"seed": 1}, "seed"), ({"start": None}, "start_sha256")):
        with pytest.raises(ValueError, match=f"is of another run: {name} is .* there and .* here"):
            distil(tmp_path / "whole", **(run | other))
