import hashlib
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import train_lite
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from dsd import VGG19, VGG19Lite
from dsd.backbone import TORCHVISION_INDEX
from dsd.data import held_out
from dsd.lite import CHANNELS
from tests.conftest import REPOSITORY


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data root of noise, with random weights of VGG-19 as far as ReLU4_1."""
    names = [f"imagenet-sample/n0000000{k}_x.JPEG" for k in range(4)]
    names += [f"imagenette160/n0000000{k}/{n}.JPEG" for k in range(4) for n in range(2)]
    names += [f"bsds500/{part}/1.jpg" for part in ("train", "val", "test")]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 100, 3), np.uint8)).save(path)
    network = VGG19(tuple(CHANNELS), weights="random")
    state = {
        f"features.{index}.{part}": value
        for index, convolution in zip(TORCHVISION_INDEX, network.convolutions, strict=False)
        for part, value in convolution.state_dict().items()
    }
    (tmp_path / "weights").mkdir()
    torch.save(state, tmp_path / "weights" / "vgg19-oxford-features.pth")
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    return tmp_path


def test_what_is_measured_on_is_not_learnt_from(root):
    paths = train_lite.training_images()
    assert {path.parent.name for path in paths} == {"train", "test", "imagenet-sample", "n00000001", "n00000002"}
    assert len(paths) == 2 + 2 + 4
    assert not held_out([path for path in paths if "imagenet" in str(path) and "0003" in str(path)])


def test_batches_are_the_same_whenever_asked_for(root):
    a = train_lite.Batches(train_lite.training_images(), 0, 8, seed=1)
    b = train_lite.Batches(train_lite.training_images(), 3, 8, seed=1)
    assert (len(a), len(b)) == (8, 5)
    assert torch.equal(a[3], b[0])
    assert not torch.equal(a[2], b[0])
    for k, (count, side) in enumerate(train_lite.SHAPES):
        assert a[k].shape == (count, 3, side, side)
        assert 0 <= a[k].min() <= a[k].max() <= 1


def test_losses_are_zero_for_a_perfect_student():
    student = VGG19Lite(weights="random")
    x = torch.rand(4, 3, 32, 32)
    ones = {layer: torch.ones(channels) for layer, channels in CHANNELS.items()}
    assert all(value == 0 for value in train_lite.distillation_losses(student, student, x, ones).values())


def test_losses_are_of_the_students_layers_and_of_the_steps_images():
    student, teacher = (VGG19Lite(weights="random") for _ in range(2))
    student.layers = student.layers[1:]
    student.heads["relu1_2"].weight.zero_()
    x = torch.rand(8, 3, 32, 32)
    ones = {layer: torch.ones(channels) for layer, channels in CHANNELS.items()}
    assert train_lite.distillation_losses(student, teacher, x, ones)["gram"] == 0
    student.heads["relu2_1"].weight.zero_()
    a, b, c = (train_lite.distillation_losses(student, teacher, x, ones, step) for step in (0, 8, 64))
    assert a["features"] == c["features"] != b["features"]
    assert a["gram"] == b["gram"] > 0


@pytest.mark.parametrize("layer", CHANNELS)
def test_features_of_photographs_and_of_distorted_ones_are_compared_at_every_size(layer):
    steps = range(0, 64 * train_lite.SELDOM, train_lite.SELDOM if layer == "relu1_2" else 1)
    shapes = train_lite.SHAPES
    met = {(step - 1) % len(shapes) for step in steps}
    for shape in met:
        count = shapes[shape][0]
        seen = (train_lite.compared(layer, count, step) for step in steps if (step - 1) % len(shapes) == shape)
        assert set().union(*seen) == set(range(count))


def test_muon_moves_the_weights_themselves():
    student = VGG19Lite(weights="random").requires_grad_(True)
    before = {name: value.clone() for name, value in student.named_parameters()}
    optimisation = train_lite._optimisation(student, 10)
    student(torch.rand(1, 3, 32, 32))["relu4_1"].sum().backward()
    for part in optimisation:
        part.step()
    for name, value in student.named_parameters():
        assert torch.equal(value, before[name]) == (value.grad is None), name


def test_resumes_after_kill_9_as_if_nothing_had_happened(root, tmp_path, monkeypatch):
    start, weights = tmp_path / "start.safetensors", tmp_path / "named.pth"
    (tmp_path / "weights" / "vgg19-oxford-features.pth").rename(weights)
    save_file({name: value.contiguous() for name, value in VGG19Lite(weights="random").state_dict().items()}, start)
    run = {"steps": 3, "seed": 0, "device": "cpu", "start": start, "weights": weights}
    slowly = (
        "import time, torch, train_lite; train_lite.EVERY, train_lite.SELDOM, train_lite.SHAPES = 1, 2, ((4, 32),);"
        "save, step = torch.save, [60, 60, 0]; torch.save = lambda *a: (time.sleep(step.pop()), save(*a));"
        f"from pathlib import *; train_lite.train(Path({str(tmp_path / 'killed')!r}), **{run})"
    )
    killed = subprocess.Popen([sys.executable, "-c", slowly], cwd=REPOSITORY / "scripts", stderr=subprocess.DEVNULL)
    while not (tmp_path / "killed" / "checkpoint.pt").is_file():
        time.sleep(0.05)
        assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "vgg19-lite.safetensors").exists()
    monkeypatch.setattr(train_lite, "EVERY", 1)
    monkeypatch.setattr(train_lite, "SELDOM", 2)
    monkeypatch.setattr(train_lite, "SHAPES", ((4, 32),))
    for name in ("killed", "whole"):
        train_lite.train(tmp_path / name, **run)
    whole, resumed = ((tmp_path / name / "vgg19-lite.safetensors") for name in ("whole", "killed"))
    assert whole.read_bytes() == resumed.read_bytes()
    assert VGG19Lite(weights=whole).describe()["weights"] == "vgg19-lite.safetensors"
    with safe_open(whole, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["start_sha256"] == hashlib.sha256(start.read_bytes()).hexdigest()
    for other in ({"steps": 4}, {"seed": 1}, {"start": None}):
        with pytest.raises(SystemExit, match="is of another run"):
            train_lite.train(tmp_path / "whole", **(run | other))
