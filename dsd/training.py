"""The one training loop: schedule, log, checkpoint, exact resume; one process or several of torchrun.

The batch of a step and its losses must follow from the step (and a seed) alone. Then a run that was stopped at any time
goes on as if nothing had happened: on the CPU, to the last bit.
"""

import csv
import math
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from dsd.atomic import atomic_write
from dsd.checkpoint import load_checkpoint, save_checkpoint
from dsd.checks import check_integer
from dsd.precision import full_precision

Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Process:
    """One of the processes that train together."""

    device: str
    rank: int = 0
    count: int = 1


@contextmanager
def process_group(device: str) -> Iterator[Process]:
    """Join the processes that torchrun started; without torchrun this process trains alone.

    Args:
        device: ``"cpu"`` (processes talk by gloo) or ``"cuda"`` (by NCCL; each process takes its own GPU).
    """
    if not dist.is_torchelastic_launched():
        yield Process(device)
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
        dist.init_process_group("nccl", device_id=torch.device(device))
    else:
        dist.init_process_group("gloo")
    try:
        yield Process(device, dist.get_rank(), dist.get_world_size())
        dist.barrier()  # none leaves while another still works
    finally:
        dist.destroy_process_group()


class Training:
    """A training run in a folder: it goes on from ``checkpoint.pt`` where there is one.

    Each process takes the gradient of its own batches; gradients are averaged. So several processes train as one that
    has all their batches in one, when the losses are means over images and all batches are of one size.

    Args:
        network: what learns. Whatever a later call needs is in its state dict. Several processes begin with the first
            one's.
        optimisers: {name: optimiser} of the network's parameters, in the order in which they step.
        schedule: number of steps done → factor of all learning rates.
        steps: of the whole run.
        out: the run's folder, which is created.
        settings: what the result depends on, as plain values. A checkpoint of other ones, or of optimisers of other
            names, is refused.
        process: this one.

    Raises:
        ValueError: `steps` is no integer of at least 1; the checkpoint is damaged or of another run.
    """

    step: int
    """How many steps are done."""

    def __init__(
        self,
        network: nn.Module,
        optimisers: Mapping[str, Optimizer],
        schedule: Callable[[int], float],
        *,
        steps: int,
        out: Path,
        settings: Mapping[str, Any],
        process: Process,
    ) -> None:
        check_integer(steps, "steps", 1)
        self.network, self.optimisers, self.schedule = network, optimisers, schedule
        self.steps, self.process = steps, process
        self.settings = {"steps": steps, **settings}
        self._run = {**self.settings, "optimisers": list(optimisers)}  # a checkpoint of another one is refused
        self.checkpoint, self.log = out / "checkpoint.pt", out / "log.csv"
        self._rates = {name: [group["lr"] for group in o.param_groups] for name, o in optimisers.items()}
        self.step = 0
        self._rows: list[dict[str, float]] = []  # of the log
        self._recent: list[dict[str, float]] = []  # losses of the steps since its last row
        out.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.is_file():
            self._resume()

    def run(
        self,
        batches: Dataset[Batch],
        losses: Callable[[Batch, int], Mapping[str, Tensor]],
        *,
        every: int,
        clip: float = math.inf,
        after: Callable[[int], None] = lambda step: None,
    ) -> None:
        """Take the steps that are left, each in full precision: see :func:`dsd.precision.full_precision`.

        Every few steps there is a checkpoint and a row of ``log.csv``: the step, the mean of each loss and of the
        gradient's norm since the row before, and the learning rates. SIGTERM ends the step, writes a checkpoint and
        exits.

        Args:
            batches: item k is this process's batch of step k + 1.
            losses: batch, step (from 1) → {name: scalar}, the same names in each step; their sum is minimised.
            every: steps from row to row, at least 1.
            clip: the gradient's largest norm; a longer one is shortened.
            after: called after each step with the number of steps done; what it changes of the network's state is in
                the checkpoint.

        Raises:
            ValueError: `every` is no integer of at least 1; a loss has the name of another column of the log.
            FloatingPointError: a loss or the gradient is not finite; the message names the step. The last checkpoint
                stays.
            SystemExit: after SIGTERM.
        """
        check_integer(every, "every", 1)
        if self.process.count > 1:
            for value in self.network.state_dict().values():
                dist.broadcast(first := value.contiguous(), 0)
                value.copy_(first)
        workers = min(8, (os.cpu_count() or 2) // 2 // self.process.count)
        left = range(self.step, self.steps)
        loader = DataLoader(batches, None, sampler=left, num_workers=workers, worker_init_fn=_ignore_sigterm)
        quiet = self.process.rank > 0
        progress = tqdm(loader, "training", initial=self.step, total=self.steps, unit="step", disable=quiet)
        with _sigterm() as signals, progress:
            for batch in progress:
                with full_precision():
                    stop = self._take_step(batch, losses, clip, lambda: bool(signals))
                after(self.step)
                if self.step % every == 0 or self.step == self.steps:
                    row = self._add_row()
                    progress.set_postfix_str(", ".join(f"{name} {value:.3g}" for name, value in row.items()))
                    self._save()
                elif stop:
                    self._save()
                if stop:
                    raise SystemExit(128 + signal.SIGTERM)

    def _take_step(
        self,
        batch: Batch,
        losses: Callable[[Batch, int], Mapping[str, Tensor]],
        clip: float,
        asked: Callable[[], bool],
    ) -> bool:
        """Take one step; returns whether a process was asked to stop."""
        self.network.zero_grad()
        terms = losses(batch, self.step + 1)
        if taken := terms.keys() & {"step", "gradient", *map(_rate_column, self.optimisers)}:
            raise ValueError(f"a loss must not be called {', '.join(sorted(taken))}: the log has a column of that name")
        values = torch.stack(list(terms.values()))
        values.sum().backward()
        values, stop = self._averaged(values.detach(), asked())
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        numbers = dict(zip((*terms, "gradient"), [*values.tolist(), norm.item()], strict=True))
        for name, number in numbers.items():
            if not math.isfinite(number):
                raise FloatingPointError(f"{name} is {number} at step {self.step + 1}; {self.checkpoint} is of before")
        factor = self.schedule(self.step)
        for name, optimiser in self.optimisers.items():
            for group, rate in zip(optimiser.param_groups, self._rates[name], strict=True):
                group["lr"] = rate * factor
            optimiser.step()
        self._recent.append(numbers)
        self.step += 1
        return stop

    def _averaged(self, values: Tensor, stop: bool) -> tuple[Tensor, bool]:
        """Average gradients and values over the processes; all stop when one was asked to."""
        if self.process.count == 1:
            return values, stop
        gradients = [parameter.grad for parameter in self.network.parameters() if parameter.grad is not None]
        parts = [values, values.new_tensor([stop]), *(gradient.flatten() for gradient in gradients)]
        together = torch.cat(parts)
        dist.all_reduce(together)
        together /= self.process.count
        values, stops, *averages = together.split([len(part) for part in parts])
        for gradient, average in zip(gradients, averages, strict=True):
            gradient.copy_(average.view_as(gradient))
        return values, stops.item() > 0

    def _add_row(self) -> dict[str, float]:
        """Add a row to the log, and return the means in it."""
        means = {name: sum(losses[name] for losses in self._recent) / len(self._recent) for name in self._recent[0]}
        rates = {_rate_column(name): optimiser.param_groups[0]["lr"] for name, optimiser in self.optimisers.items()}
        self._rows.append({"step": self.step, **means, **rates})
        self._recent = []
        return means

    def _save(self) -> None:
        if self.process.rank > 0:
            return
        state = {
            "step": self.step,
            "network": self.network.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "rows": self._rows,
            "recent": self._recent,
        }
        save_checkpoint(self.checkpoint, state, self._run)
        self._write_log()

    def _resume(self) -> None:
        state = load_checkpoint(self.checkpoint, self._run)
        self.network.load_state_dict(state["network"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.step, self._rows, self._recent = state["step"], state["rows"], state["recent"]
        if self.process.rank == 0 and self._rows:
            self._write_log()  # of this checkpoint, wherever the last call was stopped

    def _write_log(self) -> None:
        with atomic_write(self.log, "w", newline="") as file:
            writer = csv.DictWriter(file, self._rows[0] if self._rows else ["step"], lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows)


def _rate_column(optimiser: str) -> str:
    return f"{optimiser}_rate"


@contextmanager
def _sigterm() -> Iterator[list[int]]:
    """SIGTERM, which would end the process, is noted in a list instead."""
    signals: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only that one may handle signals
        yield signals
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: signals.append(number))
    try:
        yield signals
    finally:
        signal.signal(signal.SIGTERM, before)


def _ignore_sigterm(worker: int) -> None:
    """Let workers that make batches go on when a whole group of processes is asked to stop: they end with the run."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
