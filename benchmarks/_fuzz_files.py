"""Damaged weight files and checkpoints."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from _fuzz import CRASHED, REFUSED, RIGHT, SILENT, UNDETECTED, Outcome, damage

from dsd import VGG19, VGG19Lite
from dsd.backbones import lite
from dsd.checkpoint import load_checkpoint, save_checkpoint

Tensors = Mapping[str, torch.Tensor]
SETTINGS = {"steps": 300, "learning_rate": 0.1, "alphas": [1, 2]}


def weights(count: int, seed: int) -> list[Outcome]:
    """Load damaged weights: lite's as a user's own file, lite's as the package's, and a .pth of VGG-19 up to ReLU2_1.

    A safetensors file has no checksum: what it holds where neither the network nor the package knows it cannot be told.
    """
    with tempfile.TemporaryDirectory() as folder:
        vgg, own = Path(folder, "vgg19.pth"), Path(folder, "lite.safetensors")
        network = VGG19(("relu2_1",), "random")
        state = {f"features.{key}": value for key, value in _by_torchvision(network).items()}
        torch.save(state, vgg)
        own.write_bytes(lite.WEIGHTS.read_bytes())

        def auto() -> Tensors:
            with mock.patch.object(lite, "WEIGHTS", own):
                return VGG19Lite().state_dict()

        ways: list[tuple[str, Path, Callable[[], Tensors]]] = [
            ("lite by its path", own, lambda: VGG19Lite(weights=own).state_dict()),
            ("lite of the package", own, auto),
            ("vgg19 by its path", vgg, lambda: VGG19(("relu2_1",), vgg).state_dict()),
        ]
        outcomes = []
        for kind, (name, path, load) in enumerate(ways):
            other = UNDETECTED if kind == 0 else SILENT
            outcomes += _trials(name, path, load, range(kind, count, len(ways)), seed, other)
        return outcomes


def _by_torchvision(network: VGG19) -> dict[str, torch.Tensor]:
    """Parameters by torchvision's numbers: convolutions are at 0, 2 and, after a pooling, 5."""
    return {
        f"{index}.{name}": parameter
        for index, convolution in zip((0, 2, 5), network.convolutions, strict=True)
        for name, parameter in convolution.named_parameters()
    }


def checkpoints(count: int, seed: int) -> list[Outcome]:
    """Load damaged checkpoints, of a state such as an optimisation's."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1, 3, 16, 16, generator=generator)
    state = {"step": 100, "x": x, "losses": [0.5, 0.25], "snapshots": {0: x}, "descent": {"exp_avg": x / 2}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.pt")
        save_checkpoint(path, state, SETTINGS)
        return _trials(
            "checkpoint", path, lambda: load_checkpoint(path, SETTINGS)["descent"], range(count), seed, SILENT
        )


def _trials(
    name: str,
    path: Path,
    load: Callable[[], Tensors],
    numbers: range,
    seed: int,
    if_other: str,
) -> list[Outcome]:
    """Damage a file again and again, and load it.

    Args:
        name: of what is tried.
        path: the file, whole; it is left as it was.
        load: gives the tensors in it.
        numbers: of the trials.
        seed: of the damage.
        if_other: what it means that other tensors are loaded.
    """
    whole, original, outcomes = path.read_bytes(), load(), []
    for number in numbers:
        random = np.random.default_rng((seed, number))
        how, content = damage(whole, random.permutation(np.frombuffer(whole, np.uint8)).tobytes(), random)
        path.write_bytes(content)
        try:
            loaded = load()
        except ValueError as error:
            named = str(path) in str(error)
            result, what = (REFUSED, "") if named else (CRASHED, f"the file is not named: {error}")
        except Exception as error:
            result, what = CRASHED, f"{type(error).__name__}: {error}"
        else:
            same = loaded.keys() == original.keys() and all(torch.equal(loaded[key], original[key]) for key in original)
            result, what = (RIGHT, "") if same else (if_other, "other numbers")
        outcomes.append(Outcome(result, f"{name}, {how}: {what}"))
    path.write_bytes(whole)
    return outcomes
