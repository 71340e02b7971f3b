import csv
import json
import math
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from dsd.checkpoint import load_checkpoint
from dsd.training import Process, Training
from tests.conftest import REPOSITORY

STEPS, EVERY, CLIP = 10, 4, 0.5
ALONE = Process("cpu")


class Noise(Dataset):
    """Batches of noise, of which each process takes its share."""

    def __init__(self, rank=0, count=1):
        self.rank, self.count = rank, count

    def __len__(self):
        return STEPS

    def __getitem__(self, index):
        x = torch.rand(8, 3, generator=torch.Generator().manual_seed(index))
        return x[self.rank :: self.count]


class Regression(nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def losses(self, x, step):
        self.steps.fill_(step)
        y = self.layers(x)[:, 0]
        return {"fit": (y - x.prod(dim=1) * step).square().mean(), "size": 0.1 * y.abs().mean()}

    def optimisers(self):
        weights, biases = ([p for p in self.parameters() if p.ndim == n] for n in (2, 1))
        return {"adam": torch.optim.Adam(weights, 0.1), "sgd": torch.optim.SGD(biases, 0.02, momentum=0.9)}


def schedule(step):
    return 1 - step / STEPS


def train(out, before_step=lambda step: None, *, steps=STEPS, process=ALONE, **settings):
    """Train a small network, doing something before each step."""
    network = Regression(seed=process.rank)  # what the others begin with does not matter
    training = Training(
        network, network.optimisers(), schedule, steps=steps, out=out, settings=settings, process=process
    )

    def losses(x, step):
        before_step(step)
        return network.losses(x, step)

    training.run(Noise(process.rank, process.count), losses, every=EVERY, clip=CLIP)


def stopped_by(call, at):
    def before_step(step):
        if step == at:
            call()

    return before_step


def raise_signal(number):
    return lambda: os.kill(os.getpid(), number)


def state(out):
    return load_checkpoint(out / "checkpoint.pt", {"steps": STEPS, "optimisers": ["adam", "sgd"]})


def log(out):
    with (out / "log.csv").open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole")
    train(out)
    return out


def assert_same(out, whole):
    """To the bit: weights, optimisers, log."""
    mine, theirs = (json.dumps(state(folder), default=torch.Tensor.tolist) for folder in (out, whole))
    assert mine == theirs
    assert (out / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()


def test_is_the_plain_loop(whole):
    network = Regression()
    optimisers = network.optimisers().values()
    schedules = [torch.optim.lr_scheduler.LambdaLR(optimiser, schedule) for optimiser in optimisers]
    rows, expected = [], []
    for step in range(1, STEPS + 1):
        terms = network.losses(Noise()[step - 1], step)
        network.zero_grad()
        sum(terms.values()).backward()
        norm = torch.linalg.vector_norm(torch.cat([p.grad.flatten() for p in network.parameters()]))
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        rows.append([*(value.item() for value in terms.values()), norm.item()])
        rates = [part.get_last_lr()[0] for part in schedules]
        for part in [*optimisers, *schedules]:
            part.step()
        if step in (4, 8, 10):
            expected.append([step, *(sum(column) / len(rows) for column in zip(*rows, strict=True)), *rates])
            rows = []
    for name, value in state(whole)["network"].items():
        assert torch.equal(value, network.state_dict()[name]), name
    header, *lines = log(whole)
    assert header == ["step", "fit", "size", "gradient", "adam_rate", "sgd_rate"]
    assert [[float(value) for value in line] for line in lines] == [pytest.approx(row, rel=1e-6) for row in expected]
    assert max(row[3] for row in expected) > CLIP  # or nothing was clipped


@pytest.mark.parametrize("at", [1, 4, 5, 6, 9, 10])
def test_goes_on_as_if_nothing_had_happened(tmp_path, whole, at):
    def fail():
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        train(tmp_path, stopped_by(fail, at))
    assert (tmp_path / "checkpoint.pt").exists() == (at > EVERY)
    train(tmp_path)
    assert_same(tmp_path, whole)


@pytest.mark.parametrize("write", range(6))
def test_goes_on_when_a_write_failed(tmp_path, whole, monkeypatch, write):
    """Of the checkpoint or of the log, which is the last thing to be done."""
    fsync, left = os.fsync, [write]

    def full(descriptor):
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        fsync(descriptor)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            train(tmp_path)
    train(tmp_path)
    assert_same(tmp_path, whole)


def run(code, *launcher):
    imports = "from pathlib import Path; from dsd.training import process_group; from tests.test_training import *"
    command = [sys.executable, *launcher, "-c", f"{imports}\n{code}"]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)


def test_goes_on_after_kill_9(tmp_path, whole):
    killed = run(f"train(Path({str(tmp_path)!r}), stopped_by(raise_signal(signal.SIGKILL), 7))")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert state(tmp_path)["step"] == 4
    train(tmp_path)
    assert_same(tmp_path, whole)


def test_a_finished_run_takes_no_step_and_has_its_log(tmp_path, whole):
    train(tmp_path)
    (tmp_path / "log.csv").unlink()

    def fail():
        raise AssertionError

    train(tmp_path, lambda step: fail())
    assert_same(tmp_path, whole)


@pytest.mark.parametrize("at", [1, 4, 6, 10])
def test_sigterm_ends_the_step_and_saves(tmp_path, whole, at):
    """Also when all processes of the group get it: those that make batches don't die first."""

    def terminate():
        for process in [*multiprocessing.active_children(), multiprocessing.current_process()]:
            os.kill(process.pid, signal.SIGTERM)

    with pytest.raises(SystemExit) as caught:
        train(tmp_path, stopped_by(terminate, at))
    assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert state(tmp_path)["step"] == at
    train(tmp_path)
    assert_same(tmp_path, whole)


def test_runs_in_a_thread(tmp_path, whole):
    thread = threading.Thread(target=train, args=(tmp_path,))
    thread.start()
    thread.join()
    assert_same(tmp_path, whole)


TWO = """
out = Path({out!r})
with process_group("cpu") as process:
    assert process.count == 2
    asked = stopped_by(raise_signal(signal.SIGTERM), 6 if process.rank == 1 else 0)
    try:
        train(out, asked, process=process)
    except SystemExit as stop:
        assert stop.code == 143
    torch.distributed.barrier()
    assert state(out)["step"] == 6
    torch.distributed.barrier()
    train(out, process=process)
"""


def test_two_processes_are_as_one(tmp_path, whole):
    """In float32, whose sums depend on their order, to 1e-5. When one of them is asked to stop, both do, and go on."""
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python", sys.executable)
    ended = run(TWO.format(out=str(tmp_path)), *launcher)
    assert ended.returncode == 0, ended.stderr
    for name, value in state(whole)["network"].items():
        torch.testing.assert_close(state(tmp_path)["network"][name], value, rtol=1e-5, atol=1e-5)
    mine, theirs = (log(out) for out in (tmp_path, whole))
    assert mine[0] == theirs[0]
    for row, expected in zip(mine[1:], theirs[1:], strict=True):
        assert [float(value) for value in row] == pytest.approx([float(value) for value in expected], rel=1e-4)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    train(tmp_path, seed=0)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(ValueError, match=r"checkpoint\.pt is of another run: seed is 0 there and 1 here"):
        train(tmp_path, seed=1)
    with pytest.raises(ValueError, match="steps is 10 there and 11 here"):
        train(tmp_path, steps=11, seed=0)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize("damage", [lambda c: b"", lambda c: c[:-9], lambda c: c[:300] + b"?" + c[301:]])
def test_a_damaged_checkpoint_is_refused(tmp_path, whole, damage):
    content = damage((whole / "checkpoint.pt").read_bytes())
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.pt .*damaged.*remove it to begin again"):
        train(tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == content


@pytest.mark.parametrize(("name", "power"), [("fit", math.nan), ("fit", math.inf), ("gradient", 0.5)])
def test_stops_at_what_is_not_finite(tmp_path, name, power):
    network = Regression()
    training = Training(network, network.optimisers(), schedule, steps=STEPS, out=tmp_path, settings={}, process=ALONE)

    def losses(x, step):
        terms = network.losses(x, step)
        if step == 7:
            terms["fit"] = (0 * terms["fit"]) ** power if name == "gradient" else terms["fit"] + power
        return terms

    with pytest.raises(FloatingPointError, match=rf"{name} is (nan|inf) at step 7; .*checkpoint\.pt is of before"):
        training.run(Noise(), losses, every=EVERY)
    saved = state(tmp_path)
    assert saved["step"] == 4
    assert all(value.isfinite().all() for value in [*network.parameters(), *saved["network"].values()])


def test_needs_a_step(tmp_path):
    with pytest.raises(ValueError, match="steps must be an integer of at least 1, got 0"):
        train(tmp_path / "none", steps=0)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("every", [0, -1, 2.0, None])
def test_needs_steps_from_row_to_row(tmp_path, every):
    network = Regression()
    training = Training(network, network.optimisers(), schedule, steps=STEPS, out=tmp_path, settings={}, process=ALONE)
    with pytest.raises(ValueError, match=f"every must be an integer of at least 1, got {every!r}"):
        training.run(Noise(), network.losses, every=every)
    assert training.step == 0


@pytest.mark.parametrize("name", ["step", "gradient", "sgd_rate"])
def test_a_loss_must_not_overwrite_a_column_of_the_log(tmp_path, name):
    network = Regression()
    training = Training(network, network.optimisers(), schedule, steps=STEPS, out=tmp_path, settings={}, process=ALONE)
    with pytest.raises(ValueError, match=f"a loss must not be called {name}: the log has a column of that name"):
        training.run(Noise(), lambda x, step: {name: network.losses(x, step)["fit"]}, every=EVERY)
    assert training.step == 0


def test_a_checkpoint_of_other_optimisers_is_refused(tmp_path, whole):
    (tmp_path / "checkpoint.pt").write_bytes((whole / "checkpoint.pt").read_bytes())
    network = Regression()
    others = dict(zip(("muon", "sgd"), network.optimisers().values(), strict=True))
    there, here = re.escape("['adam', 'sgd']"), re.escape("['muon', 'sgd']")
    with pytest.raises(ValueError, match=f"is of another run: optimisers is {there} there and {here} here"):
        Training(network, others, schedule, steps=STEPS, out=tmp_path, settings={}, process=ALONE)


def test_whole_steps_are_in_full_precision(tmp_path):
    """The backward pass too; the caller's setting comes back. Autocast that the losses ask for is taken as meant."""
    setting, seen = torch.backends.cudnn.conv, []
    before = setting.fp32_precision
    network = Regression()
    network.layers[0].weight.register_hook(lambda _: seen.append(("backward", setting.fp32_precision)))

    def losses(x, step):
        seen.append(("forward", setting.fp32_precision))
        assert network.layers(x).dtype == torch.float32
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert network.layers(x).dtype == torch.bfloat16
        return network.losses(x, step)

    training = Training(network, network.optimisers(), schedule, steps=2, out=tmp_path, settings={}, process=ALONE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        training.run(Noise(), losses, every=EVERY)
    assert seen == [("forward", "ieee"), ("backward", "ieee")] * 2
    assert setting.fp32_precision == before


def test_learns_on_every_device(tmp_path, device):
    network = Regression().to(device)
    training = Training(
        network, network.optimisers(), schedule, steps=STEPS, out=tmp_path, settings={}, process=Process(device)
    )
    training.run(Noise(), lambda x, step: network.losses(x.to(device), step), every=EVERY)
    again = Regression().to(device)
    optimisers = again.optimisers()
    done = Training(again, optimisers, schedule, steps=STEPS, out=tmp_path, settings={}, process=Process(device))
    assert done.step == STEPS
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), network.parameters(), strict=True))
