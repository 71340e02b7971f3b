"""Checkpoints that a flipped bit, a cut, or another run cannot get into."""

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dsd.atomic import atomic_write

_FORMAT = b"dsd checkpoint 1\n"
_DIGEST_SIZE = hashlib.sha256().digest_size


def save_checkpoint(path: Path, state: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Write a state and its SHA-256: when this returns, the file is complete and on the disk.

    Args:
        path: of the file; its folder must be there.
        state: tensors, numbers, strings, and lists and dicts of them.
        settings: what the run depends on, as plain values; :func:`load_checkpoint` must be given the same.

    Raises:
        TypeError: a setting is none that :func:`load_checkpoint` can read.
    """
    for name, value in settings.items():  # a setting that cannot be read would be noticed only when the run resumes
        torch.save(value, buffer := io.BytesIO())
        try:
            torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)
        except pickle.UnpicklingError as error:
            raise TypeError(f"{name} must be a plain value, as of a float or a list, got {value!r}") from error
    buffer = io.BytesIO()
    torch.save({"settings": dict(settings), "state": dict(state)}, buffer)
    content = buffer.getbuffer()
    with atomic_write(path) as file:
        file.write(_FORMAT + hashlib.sha256(content).digest())
        file.write(content)


def load_checkpoint(path: Path, settings: Mapping[str, Any], device: str | torch.device = "cpu") -> dict[str, Any]:
    """Read what :func:`save_checkpoint` wrote.

    Args:
        path: of the file.
        settings: of the present run.
        device: where tensors go.

    Returns:
        The state.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, no checkpoint, or of a run with other settings; the message names the file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     save_checkpoint(Path(folder, "a.pt"), {"step": 3}, {"seed": 0})
        ...     load_checkpoint(Path(folder, "a.pt"), {"seed": 0})
        {'step': 3}
    """
    content = path.read_bytes()
    head = len(_FORMAT) + _DIGEST_SIZE
    if not content.startswith(_FORMAT):
        raise ValueError(f"{path} is not a checkpoint of this version of dsd, or is damaged: remove it to begin again")
    if hashlib.sha256(memoryview(content)[head:]).digest() != content[len(_FORMAT) : head]:
        raise ValueError(f"{path} is damaged, its content does not have its SHA-256: remove it to begin again")
    try:
        saved = torch.load(io.BytesIO(memoryview(content)[head:]), map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError) as error:  # of another version of PyTorch
        raise ValueError(f"{path} cannot be read by PyTorch {torch.__version__}: {error}") from error
    if saved["settings"] != dict(settings):
        raise ValueError(
            f"{path} is of another run: {_differences(saved['settings'], settings)}. "
            "Remove it to begin again, or write elsewhere"
        )
    return saved["state"]


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Which settings differ, and how."""
    return "; ".join(
        f"{name} is {there.get(name, 'not set')!r} there and {here.get(name, 'not set')!r} here"
        for name in {**there, **here}
        if name not in there or name not in here or there[name] != here[name]
    )
