"""The training loss of a run, Eq. 6, out of its settings."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from dsd.backbones import available_layers, load_backbone
from dsd.backbones.base import Backbone
from dsd.losses import ContextualLoss, DSDLoss, LossSum, MultiScaleStyleLoss, PDLLoss, PerceptualLoss, StyleLoss
from dsd.losses.base import FeatureLoss
from dsd.restore.config import Config

KINDS: Mapping[str, type[FeatureLoss]] = {
    "per": PerceptualLoss,
    "cx": ContextualLoss,
    "pdl": PDLLoss,
    "style": StyleLoss,
    "mss": MultiScaleStyleLoss,
    "dsd": DSDLoss,
}


def objective(config: Config, device: str | torch.device) -> LossSum:
    """The run's losses, each with the weight that the settings say; 1 where they say ``"balanced"``.

    Losses on one network share it. So :class:`dsd.LossSum` runs it once.

    Raises:
        ValueError: an unknown network, layer, or value of an option.
        FileNotFoundError: the network's weights are missing.
    """
    layers = {name: _layers(config, name) for name in config.losses if name in KINDS}
    needed: dict[str, set[str]] = {}
    for name, weights in layers.items():
        needed.setdefault(_backbone(config, name), set()).update(weights)
    networks = {
        name: load_backbone(
            name,
            tuple(some),
            config.weights if name == config.backbone else "auto",
            precision=config.precision,
            device=str(device),
        )
        for name, some in needed.items()
    }
    terms = {}
    for name, options in config.losses.items():
        weight = 1.0 if options["weight"] == "balanced" else float(options["weight"])
        terms[name] = (weight, _loss(name, options, layers.get(name, {}), networks.get(_backbone(config, name))))
    return LossSum(terms)


def _loss(name: str, options: Mapping[str, Any], layers: Mapping[str, float], network: Backbone | None) -> nn.Module:
    if network is None:
        return nn.L1Loss()
    own = {key: value for key, value in options.items() if key not in ("weight", "layers", "backbone")}
    try:
        return KINDS[name](network, layer_weights=layers, **own)
    except (TypeError, ValueError) as error:
        raise ValueError(f"losses.{name}: {error}") from None


def _backbone(config: Config, name: str) -> str:
    return "" if name not in KINDS else config.losses[name].get("backbone", config.backbone)


def _layers(config: Config, name: str) -> Mapping[str, float]:
    """{layer: weight}: as the settings say, else the loss's own layers."""
    given = config.losses[name].get("layers")
    if given is None:
        return dict.fromkeys(available_layers(_backbone(config, name), KINDS[name].LAYERS), 1.0)
    if isinstance(given, str) or not isinstance(given, Mapping | list | tuple) or not given:
        raise ValueError(f"losses.{name}.layers must be a list of layers, or layers and their weights; got {given!r}")
    return given if isinstance(given, Mapping) else dict.fromkeys(given, 1.0)
