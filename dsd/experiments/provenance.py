"""What an experiment computes and what it is drawn from: numbers, pictures, and how they came about."""

import hashlib
import inspect
import json
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import dsd
from dsd.atomic import atomic_write
from dsd.backbones.base import Backbone
from dsd.cite.stamp import FILES, check_files, seal
from dsd.data.files import file_digest
from dsd.data.images import load_image, save_image
from dsd.data.views import Photographs
from dsd.experiments.catalogue import REPOSITORY, experiment_name, find_experiment
from dsd.versions import torchvision_version

CODE = ("dsd", "notebooks", "configs", "pyproject.toml", "requirements.lock")  # what a result depends on


class Images(Protocol):
    """Images, or other data, that an experiment is of."""

    def provenance(self) -> Mapping[str, Any]:
        """What a figure must say about them: `dataset`, `summary`, counts, a digest of their list."""


@dataclass(frozen=True)
class Computed:
    """What an experiment's ``compute`` returns."""

    table: pd.DataFrame
    """The numbers."""
    backbone: Backbone | None
    """The network they are of; None: of none."""
    datasets: Mapping[str, Images]
    """The images, or other data, they are of, by their role."""
    images: Mapping[str, Tensor] = field(default_factory=dict)
    """Results that are pictures, by name: float (3, H, W) in [0, 1]."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What else the provenance must say."""
    checkpoints: Path | None = None
    """Folder that is removed when the results are saved."""


@dataclass(frozen=True)
class Result:
    """What an experiment's ``draw`` takes: what was saved of :class:`Computed`."""

    name: str
    """Of the figure, ``fig2``."""
    table: pd.DataFrame
    """The numbers."""
    provenance: Mapping[str, Any]
    """See :func:`provenance`."""
    images: Mapping[str, Tensor] = field(default_factory=dict)
    """Results that are pictures, by name: float (3, H, W) in [0, 1], of 8 bits."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What it was computed with."""
        return self.provenance["parameters"]


def parameters_of(experiment: ModuleType, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a notebook's parameters: of the names that its cell tagged ``parameters`` assigns, and no others.

    Args:
        experiment: a module out of ``dsd/experiments/``.
        namespace: ``globals()`` of its notebook, right after that cell: a later one may use such a name as well.

    Raises:
        ValueError: one of the names has no value.
    """
    names = find_experiment(_name(experiment)).parameters
    if missing := [name for name in names if name not in namespace]:
        raise ValueError(f"run the cell of parameters first: it gives {', '.join(missing)}")
    return {name: namespace[name] for name in names}


def load_or_compute(experiment: ModuleType, parameters: Mapping[str, Any], out_dir: str | Path) -> Result:
    """Compute an experiment, or, where ``redraw`` names the folder of an earlier run, load what that one computed.

    Both ways the result is what the files hold, so that a figure is the same when it is drawn again.

    Args:
        experiment: a module out of ``dsd/experiments/``.
        parameters: `preset`, `redraw` and what ``compute`` takes; what says how to draw is left out.
        out_dir: folder for the numbers, their provenance and pictures; created when missing. Of an earlier run, the
            pictures only. Like `redraw`, a relative path is one in the repository, wherever the notebook was opened.

    Returns:
        The numbers, their provenance and pictures.

    Raises:
        FileNotFoundError: `redraw` has no such files.
        ValueError: its table or pictures are not those that were computed.
    """
    name = _name(experiment)
    folder = REPOSITORY / out_dir
    folder.mkdir(parents=True, exist_ok=True)
    if parameters["redraw"]:
        result = load_result(name, REPOSITORY / parameters["redraw"])
        check_files(result.provenance, REPOSITORY / parameters["redraw"])
        save_images(result.images, name, folder)
        return result
    arguments = inspect.signature(experiment.compute).parameters
    kept = {key: value for key, value in parameters.items() if key in {*arguments, "preset", "redraw"}}
    start = time.monotonic()
    computed = experiment.compute(**{key: kept[key] for key in kept if key in arguments})
    seconds = time.monotonic() - start
    origin = provenance(kept, computed.backbone, computed.datasets, seconds) | computed.extra
    save_images(computed.images, name, folder)
    save_table(computed.table, origin, name, folder)
    if computed.checkpoints is not None:
        shutil.rmtree(computed.checkpoints, ignore_errors=True)
    return load_result(name, folder)


def provenance(
    parameters: Mapping[str, Any], backbone: Backbone | None, datasets: Mapping[str, Images], seconds: float
) -> dict[str, Any]:
    """Everything needed to tell how a figure came about: code, parameters, network, data, versions, machine.

    Returns:
        A JSON-ready dict; `commit` ends in ``+dirty`` when the code differed from it. Without a network it says nothing
            of one, and the device is the CPU.
    """
    device, threads = backbone.device.type if backbone else "cpu", torch.get_num_threads()
    cpu = f"{device}, {threads} thread{'s' * (threads > 1)}"
    return {
        "commit": _commit(),
        "parameters": dict(parameters),
        **(backbone.provenance() if backbone else {}),
        "datasets": {role: images.provenance() for role, images in datasets.items()},
        "versions": {
            "dsd": dsd.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision_version(),
            "numpy": np.__version__,
        },
        "device": torch.cuda.get_device_name() if device == "cuda" else cpu,
        "seconds": round(seconds, 1),
    }


def checkpoints(name: str, settings: Mapping[str, Any], backbone: Backbone) -> Path:
    """A folder for what a long computation goes on from: another one for every setting, and for every commit.

    Args:
        name: of the figure.
        settings: all that the result depends on.
        backbone: its network.

    Returns:
        ``build/checkpoints/<name>-<hash>`` in the repository, or the working folder where there is none.
    """
    setting = json.dumps([_commit(), dict(settings), backbone.provenance()], sort_keys=True)
    root = REPOSITORY if (REPOSITORY / "notebooks").is_dir() else Path()
    return root / "build" / "checkpoints" / f"{name}-{hashlib.sha256(setting.encode()).hexdigest()[:12]}"


def save_table(table: pd.DataFrame, origin: Mapping[str, Any], name: str, folder: str | Path) -> None:
    """Write name.csv (the numbers) and name.json (provenance, with the digests of the table and of the pictures).

    Args:
        table: the numbers.
        origin: what :func:`provenance` returned.
        name: of the figure, ``fig2``.
        folder: where to; its pictures are written before.
    """
    target = Path(folder) / name
    table.to_csv(target.with_suffix(".csv"), index=False, float_format="%.6g")
    files = [target.with_suffix(".csv"), *sorted(target.parent.glob(f"{name}_*.png"))]
    about = dict(origin) | {FILES: {path.name: file_digest(path) for path in files}}
    text = json.dumps(seal(about), indent=2, ensure_ascii=False)
    with atomic_write(target.with_suffix(".json"), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def save_images(images: Mapping[str, Tensor], name: str, folder: str | Path) -> None:
    """Write each picture as ``name_<picture>.png``, with hyphens for spaces."""
    for kind, pixels in images.items():
        save_image(pixels, Path(folder) / f"{name}_{kind.replace(' ', '-')}.png")


def load_result(name: str, folder: str | Path) -> Result:
    """Read back what :func:`save_table` and :func:`save_images` wrote.

    Raises:
        FileNotFoundError: there is no such table.
    """
    target = Path(folder) / name
    pictures = sorted(target.parent.glob(f"{name}_*.png"))
    return Result(
        name,
        pd.read_csv(target.with_suffix(".csv")),
        json.loads(target.with_suffix(".json").read_text(encoding="utf-8")),
        {path.stem.removeprefix(f"{name}_").replace("-", " "): load_image(path) for path in pictures},
    )


def check_data(origin: Mapping[str, Any], datasets: Mapping[str, Photographs]) -> None:
    """Make sure that a figure drawn again shows the images it was made from.

    Args:
        origin: its provenance.
        datasets: the images, by their role in it.

    Raises:
        ValueError: they are others.
    """
    for role, images in datasets.items():
        before, now = origin["datasets"][role], images.provenance()
        if before != now:
            raise ValueError(f"{images.name} is not what the figure was made from: it was {before}, it is {now}")


def _name(experiment: ModuleType) -> str:
    return experiment_name(experiment.__name__.rsplit(".", 1)[-1])


def _commit() -> str:
    """Short hash of the repository's commit, with +dirty when code or notebooks differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=REPOSITORY, check=True, capture_output=True, text=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", *CODE)
        return git("rev-parse", "--short", "HEAD") + ("+dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
