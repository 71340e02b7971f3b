"""Train a restoration network by Eq. 6."""

import json
import math
import platform
from pathlib import Path
from typing import Any

import torch

from dsd import __version__
from dsd.atomic import atomic_write
from dsd.backbones import find_device
from dsd.data.files import digest
from dsd.losses.base import FeatureLoss
from dsd.restore.config import Config
from dsd.restore.config_files import as_yaml, what_matters
from dsd.restore.model import load_model, save_model
from dsd.restore.networks import SRResNet
from dsd.restore.objective import objective
from dsd.restore.pairs import Batches, Pairs
from dsd.restore.shipped import find_model
from dsd.restore.sources import make_pairs
from dsd.restore.step import Step
from dsd.restore.targets import Targets
from dsd.restore.validate import Validation
from dsd.training import Process, Training, process_group

EVERY = 100  # steps from checkpoint to checkpoint, and from row to row of the log
HALVED = (0.3, 0.6, 0.9)  # parts of the steps after which the rate is halved: 90K, 180K and 270K of 300K
MODEL = "model.safetensors"


def train_restorer(config: Config, out: str | Path, *, device: str = "auto") -> Path:
    """Train a network to the end, from the last checkpoint where there is one, and write it.

    Besides ``model.safetensors``, the moving average of the weights, the run's folder has ``config.yaml`` (all
    settings), ``run.json`` (what the result depends on, the losses' weights among it), ``log.csv`` (each term times its
    weight, the gradient's norm), and, with a validation set, ``validation.csv`` and sheets of samples. Stopped at any
    time, even by ``kill -9``, it goes on when called again: on the CPU, to the same bits. Processes of torchrun share
    each batch.

    Args:
        config: the run's settings.
        out: the run's folder.
        device: ``"cuda"``, ``"cpu"``, or ``"auto"``: CUDA where there is a GPU.

    Returns:
        The file of the model.

    Raises:
        FileNotFoundError: a folder, weights, or the model to start with is missing.
        ValueError: a file is damaged; a photograph is too small; the checkpoint is damaged or of another run.
        FloatingPointError: a loss is no longer finite; the message names the step, the last checkpoint stays.
    """
    out = Path(out)
    with process_group(find_device(device)) as process:
        if config.data.batch % process.count:
            raise ValueError(f"data.batch must be a multiple of the {process.count} processes, got {config.data.batch}")
        losses = objective(config, process.device)
        network, earlier = _start(config)
        network.to(process.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        pairs, paths = make_pairs(config, quiet=process.rank > 0)
        batches = _batches(config, pairs, process)
        step = Step(network, losses, None, config).to(process.device)
        settings: dict[str, Any] = {
            "config": what_matters(config),
            "images": digest(paths) if config.data.keep else f"{len(paths)} files",
            "start_sha256": earlier.get("model_sha256", ""),
            "losses": [loss.encoder for loss in losses.losses if isinstance(loss, FeatureLoss)],
        }
        training = Training(
            step,
            {"adam": torch.optim.Adam(network.parameters(), config.rate, betas=(config.betas[0], config.betas[1]))},
            lambda done: rate_factor(done, config),
            steps=config.steps,
            out=out,
            settings=settings,
            process=process,
        )
        if batches.each and training.step < config.steps:
            step.targets = Targets(losses, batches, process.device, quiet=process.rank > 0)
        if training.step == 0 and any(options["weight"] == "balanced" for options in config.losses.values()):
            step.balance(_batches(config, pairs, Process(process.device)))
        validation = Validation(config, step, batches, out, training.step) if process.rank == 0 else None

        def after(done: int) -> None:
            step.average.update_parameters(network)
            if validation:
                validation.after(done)

        if process.rank == 0:
            with atomic_write(out / "config.yaml", "w", encoding="utf-8") as file:
                file.write(as_yaml(config))
        training.run(batches, step, every=EVERY, clip=config.clip or math.inf, after=after)
        if process.rank == 0:
            about = {
                **settings,
                "photographs": len(paths),
                "weights": dict(zip(losses.names, step.weights.tolist(), strict=True)),
                "versions": {"dsd": __version__, "python": platform.python_version(), "torch": torch.__version__},
                "device": torch.cuda.get_device_name()
                if process.device != "cpu"
                else f"cpu, {torch.get_num_threads()} threads",
            }
            save_model(step.result, out / MODEL, about)
            with atomic_write(out / "run.json", "w", encoding="utf-8") as file:
                json.dump(about, file, indent=2, ensure_ascii=False)
    return out / MODEL


def rate_factor(done: int, config: Config) -> float:
    """The learning rate after some steps, over its highest value.

    Example:
        >>> from dsd.restore.config_files import parse_config
        >>> config = parse_config({"losses": {"rec": {"weight": 1}}, "steps": 10})
        >>> [rate_factor(done, config) for done in (0, 3, 6, 9)]
        [1.0, 0.5, 0.25, 0.125]
    """
    if config.schedule == "halved":
        return 0.5 ** sum(done >= round(part * config.steps) for part in HALVED)
    progress = (done + 1) / config.steps
    return min(progress / 0.01, (1 + math.cos(math.pi * max(0, progress - 0.01) / 0.99)) / 2)


def _start(config: Config) -> tuple[SRResNet, dict[str, Any]]:
    """The network to begin with: random from the seed, or a trained one of the same form."""
    torch.manual_seed(config.seed)
    form = config.network
    network = SRResNet(form.blocks, activation=form.activation, scale=form.scale)
    if config.start is None:
        return network, {}
    earlier, about = load_model(find_model(config.start))
    if earlier.form != network.form:
        raise ValueError(f"start, {config.start}, is a network of {earlier.form}; the run's is of {network.form}")
    network.load_state_dict(earlier.state_dict())
    return network, about


def _batches(config: Config, pairs: Pairs, process: Process) -> Batches:
    data = config.data
    return Batches(
        pairs,
        side=data.side,
        size=data.batch,
        steps=config.steps,
        seed=config.seed,
        each=data.pool,
        noise=data.noise,
        rank=process.rank,
        count=process.count,
    )
