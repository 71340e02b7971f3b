"""Distances with learned weights of channels: made, and read from their files."""

from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone
from dsd.backbones.weights import Weights, read_about, read_state
from dsd.quality.lpips import LPIPS
from dsd.quality.weighted import ChannelWeighted, WeightedDSD

Measure = Literal["lpips", "dsd"]
MEASURES = get_args(Measure)


def make_distance(measure: Measure, backbone: Backbone, heads: Tensor | None = None, *, alpha: float = 2) -> Any:
    """:class:`.LPIPS` or :class:`.WeightedDSD`, with weights of channels; None: 1 for each."""
    if measure == "dsd":
        return WeightedDSD(backbone, heads, alpha)
    return LPIPS(backbone, "uniform" if heads is None else heads)


def load_distance(
    path: str | Path, weights: Weights = "auto", *, device: str | torch.device = "auto"
) -> tuple[ChannelWeighted, dict]:
    """Read what `dsd train lpips` wrote.

    Args:
        path: a .safetensors file.
        weights: of its network, the ones with which it was trained. Not needed where the network was trained, too.
        device: where it goes; ``"auto"`` is CUDA where there is one, else the CPU.

    Returns:
        The distance, frozen, and what is known of it: `measure`, `backbone`, `layers`, `variant`,
        `sha256` of the file, ….

    Raises:
        FileNotFoundError: no such file, or no weights of its network.
        ValueError: it is damaged, no such file, or of other weights of its network.
    """
    path = Path(path)
    state, digest = read_state(path)
    about = read_about(path)
    if "heads" not in state or "variant" not in about:
        raise ValueError(f"{path} has no weights of channels: no file of `dsd train lpips`")
    tuned = {key.removeprefix("backbone."): value for key, value in state.items() if key != "heads"}
    network = load_backbone(about["backbone"], about["layers"], "random" if tuned else weights, device=device)
    if tuned:
        network.load_state_dict(tuned)
        network.weights_name, network.weights_sha256 = path.name, digest
    elif network.weights_sha256 != about["weights_sha256"]:
        raise ValueError(
            f"{path} belongs to weights of {about['backbone']} with SHA-256 {about['weights_sha256'][:8]}…; got "
            f"{network.weights_name}, {network.weights_sha256[:8]}…"
        )
    return make_distance(about["measure"], network, state["heads"], alpha=about["alpha"]), about | {"sha256": digest}
