"""Commands that are killed at random times and started again, until they come to their end."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import RLock

import numpy as np
import torch
from _fuzz import CRASHED, RIGHT, SILENT, Outcome
from PIL import Image
from tqdm import tqdm

from dsd import DSDLoss, VGG19Lite, optimize
from dsd.cli import main, partial

NETWORK = ("--backbone", "lite", "--layers", "relu2_1", "--device", "cpu")
Command = Callable[[Path, Path], int]  # folder of images, folder for the result, in a file called result.…


def scan(images: Path, out: Path) -> int:
    """`dsd scan`, with a save every four images."""
    options = ("--resize", "40", "--crop", "32", "--shard-size", "4", "--workers", "0", "--threads", "1")
    return main(["scan", str(images), "--out", str(out / "result.parquet"), *NETWORK, *options])


def score(images: Path, out: Path) -> int:
    """`dsd score`, with a save after each pair."""
    partial.SECONDS = 0
    return main(
        ["score", "--reference", str(images), "--distorted", str(images), "--out", str(out / "result.json"), *NETWORK]
    )


def optimise(images: Path, out: Path) -> int:
    """`optimize` of an image's DSD, with a checkpoint every five steps."""
    optimize.EVERY = 5
    loss = DSDLoss(VGG19Lite(("relu2_1",)))
    start, target = torch.rand(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    encoding = loss.encode(target)
    path = optimize.optimize(
        start, lambda x: loss(x, encoding), steps=120, learning_rate=0.01, checkpoint=out / "checkpoint.pt"
    )
    np.savez(out / "result.npz", image=path.image.numpy(), losses=path.losses)
    return 0


def kill(command: Command, count: int, seed: int) -> list[Outcome]:
    """Kill a command, by SIGKILL, and start it again. Its result must be that of an undisturbed run, to the last bit.

    Args:
        command: one of this module.
        count: how often it is killed.
        seed: of the times.
    """
    random = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        images = Path(name, "images")
        images.mkdir()
        for number in range(80):
            pixels = random.integers(256, size=(44, 40, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(images / f"{number:02}.png")
        _finish(command, images, Path(name, "warm-up"))  # what is started first loads what the others share
        start = time.monotonic()
        undisturbed = _finish(command, images, Path(name, "undisturbed"))
        seconds = time.monotonic() - start
        outcomes: list[Outcome] = []
        killed = 0
        while len(outcomes) < count:
            out = Path(name, str(len(outcomes)))
            process = _start(command, images, out)
            process.join(random.uniform(0, 0.7) * seconds)
            if process.is_alive():
                process.kill()
                process.join()
                killed += 1
                if len(outcomes) + killed < count:
                    continue
            content = _finish(command, images, out)
            result = CRASHED if content is None else RIGHT if content == undisturbed else SILENT
            outcomes += killed * [Outcome(result, f"{command.__name__}, killed {killed} times")]
            killed = 0
    return outcomes


def _finish(command: Command, images: Path, out: Path) -> bytes | None:
    """Let it come to its end; the result's bytes, None where there is none."""
    process = _start(command, images, out)
    process.join()
    results = list(out.glob("result.*"))
    return results[0].read_bytes() if process.exitcode == 0 and len(results) == 1 else None


def _start(command: Command, images: Path, out: Path) -> BaseProcess:
    out.mkdir(exist_ok=True)
    server = get_context("forkserver")  # which has imported all, and has used no thread yet
    server.set_forkserver_preload([__name__, "dsd.scan.collection", "dsd.cli.scan", "dsd.cli.score"])
    process = server.Process(target=_run, args=(command.__name__, images, out))
    process.start()
    return process


def _run(command: str, images: Path, out: Path) -> None:
    torch.set_num_threads(1)
    tqdm.set_lock(RLock())  # one for several processes would outlive a kill
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):  # noqa: PTH123
        raise SystemExit({"scan": scan, "score": score, "optimise": optimise}[command](images, out))
