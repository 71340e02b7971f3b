"""A trained restoration network as a file: its weights, and what is known of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from dsd.atomic import atomic_write
from dsd.backbones.weights import fill, read_about, read_state
from dsd.restore.networks import SRResNet


def save_model(network: SRResNet, path: Path, about: Mapping[str, Any]) -> None:
    """Write a network: convolutions' weights as float16, and as JSON its form and what is known of it.

    Args:
        network: what is written.
        path: a .safetensors file.
        about: how it was trained: plain values.
    """
    state = {
        key: (value.half() if value.ndim > 1 else value.float()).detach().cpu().contiguous()
        for key, value in network.state_dict().items()
    }
    with atomic_write(path) as file:
        file.write(save(state, {"about": json.dumps({**about, "network": network.form})}))


def load_model(path: str | Path, device: str | torch.device = "cpu") -> tuple[SRResNet, dict[str, Any]]:
    """Read what `dsd train sr`, `deblur` or `denoise` wrote.

    Args:
        path: a .safetensors file.
        device: where the network goes.

    Returns:
        The network, frozen and in evaluation mode, and what is known of it: `network` (its form), `steps`, … ;
        `model` and `model_sha256` are the file's.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or no such network.
    """
    path = Path(path)
    state, digest = read_state(path)
    about = read_about(path) if path.suffix == ".safetensors" else {}
    if not isinstance(form := about.get("network"), dict) or form.keys() != {"blocks", "activation", "scale"}:
        raise ValueError(f"{path} does not say of which form its network is: no file of `dsd train sr` or `deblur`")
    network = SRResNet(**form)
    fill(dict(network.named_parameters()), state, str(path), "SRResNet")
    network.requires_grad_(False).eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, {**about, "model": path.name, "model_sha256": digest}
