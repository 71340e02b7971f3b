"""Single-image animation: the loss, its beginning, exact resumption."""

import csv

import pytest
import torch

from dsd import ContextualLoss, DSDLoss, VGG19Lite
from dsd.restore import animated as module
from dsd.restore.animated import train_animator

SMALL = {"weight": 2.0, "blocks": 1, "steps": 5, "batch": 2, "rate": 1e-3, "seed": 3, "settings": {"scene": "noise"}}


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 2)


@pytest.fixture(scope="module")
def frames():
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def target():
    return torch.rand(1, 3, 40, 32, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def losses():
    """CX of random positions: of 256 at ReLU2_1, 64."""
    network = VGG19Lite(("relu2_1", "relu3_1"))
    return (
        ContextualLoss(network, pool=8, layer_weights={"relu2_1": 1, "relu3_1": 1}),
        ContextualLoss(network, pool=8, layer_weights={"relu3_1": 1}),
    )


def log(out):
    with (out / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_comes_nearer_to_the_target(frames, target, tmp_path, device):
    network = VGG19Lite(("relu2_1",)).to(device)
    loss, frames, target = ContextualLoss(network, pool=8), frames.to(device), target.to(device)
    animator = train_animator(frames, target, loss, loss, tmp_path, **SMALL | {"steps": 10})
    far, near = (loss(x, loss.encode(target)).item() for x in (frames, animator(frames).detach()))
    assert near < far


def test_begins_as_the_identity_with_the_loss_by_hand(frames, target, tmp_path):
    """Without random positions: the first row of a log of one step."""
    network = VGG19Lite(("relu2_1", "relu3_1"))
    dsd = DSDLoss(network, layer_weights={"relu2_1": 1})
    cx = ContextualLoss(network, layer_weights={"relu3_1": 1})
    train_animator(frames, target, dsd, cx, tmp_path, **SMALL | {"steps": 1})
    chosen = frames[torch.randint(4, (1, 2), generator=torch.Generator().manual_seed(3))[0]]
    (row,) = log(tmp_path)
    assert float(row["target"]) == pytest.approx(2 * dsd(chosen, dsd.encode(target)).item(), rel=1e-5)
    assert float(row["source"]) == pytest.approx(cx(chosen, chosen).item(), rel=1e-5)


def test_goes_on_as_if_nothing_had_happened(frames, target, losses, tmp_path, monkeypatch):
    """To the bit, whatever random numbers were drawn before."""
    whole = train_animator(frames, target, *losses, tmp_path / "whole", **SMALL)
    with monkeypatch.context() as stop:
        stop.setattr(module.Training, "_save", stopped(module.Training._save))
        with pytest.raises(OSError, match="stopped"):
            train_animator(frames, target, *losses, tmp_path / "cut", **SMALL)
    assert [row["step"] for row in log(tmp_path / "cut")] == ["2"]
    torch.manual_seed(11)
    assert same(train_animator(frames, target, *losses, tmp_path / "cut", **SMALL), whole)
    other = train_animator(frames, target, *losses, tmp_path / "other", **SMALL | {"seed": 4})
    assert not same(other, whole)


def stopped(save):
    """Saves once, then fails."""
    calls = []

    def saves(self):
        if calls:
            raise OSError("stopped")
        calls.append(save(self))

    return saves


@pytest.mark.parametrize("change", [{"settings": {"scene": "another"}}, {"weight": 1.0}, {"rate": 1e-4}])
def test_refuses_a_checkpoint_of_another_run(frames, target, losses, tmp_path, change):
    train_animator(frames, target, *losses, tmp_path, **SMALL | {"steps": 1})
    with pytest.raises(ValueError, match=r"is of another run: (scene|weight|rate) is"):
        train_animator(frames, target, *losses, tmp_path, **SMALL | {"steps": 1} | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": torch.rand(2, 1, 32, 32)}, "frames must have shape"),
        ({"target": 2 * torch.ones(1, 3, 32, 32)}, r"target must have values in \[0, 1\]"),
        ({"batch": 0}, "batch must be an integer of at least 1, got 0"),
        ({"blocks": 0}, "blocks must be an integer of at least 1"),
    ],
)
def test_refuses(frames, target, losses, tmp_path, change, message):
    given = {"frames": frames, "target": target, "to_target": losses[0], "to_source": losses[1], "out": tmp_path}
    with pytest.raises(ValueError, match=message):
        train_animator(**given | SMALL | change)
