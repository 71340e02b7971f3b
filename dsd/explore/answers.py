"""What is computed of a picture: each answer once, kept for when it is asked for again."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from dsd.attribution import dsd_attribution
from dsd.descriptor import gram_matrices
from dsd.explore.networks import LEARNED, load_learned, load_network
from dsd.explore.pictures import CENTRE, DEGRADATIONS, Picture, degrade
from dsd.gram import l1_norm
from dsd.losses.base import FeatureLoss, encode_together
from dsd.quality.metrics import METRICS
from dsd.quality.no_reference import NoReferenceSet
from dsd.quality.scoring import MetricSet
from dsd.resize import enlarge
from dsd.restore.apply import restore
from dsd.restore.model import load_model
from dsd.restore.shipped import find_model

# Q_DSD at alpha 4 is not among them: its windows are larger than a picture.
UNREFERENCED = ("q_dsd", "niqe", "brisque")
CROP = 64  # pixels that are enlarged


@dataclass(frozen=True)
class Fingerprint:
    """The Gram matrices of an image at two scales, by layer, each (C, C)."""

    full: Mapping[str, Tensor]
    """G(x)."""
    small: Mapping[str, Tensor]
    """G(x↓α)."""

    @property
    def norms(self) -> dict[str, float]:
        """‖DSD_α(x)‖₁ of each layer."""
        return {layer: l1_norm((self.full[layer] - self.small[layer])[None]).item() for layer in self.full}


@lru_cache(maxsize=32)
@torch.inference_mode()
def fingerprint(picture: Picture, kind: str, strength: int, backbone: str, alpha: float) -> Fingerprint:
    """G(x), G(x↓α) and with them DSD_α(x) of a picture, degraded or not, at all layers.

    Args:
        picture: the picture.
        kind: of degradation.
        strength: of it, 0 for none.
        backbone: a key of :data:`.networks.LAYERS`.
        alpha: the scaling factor, above 1.

    Raises:
        FileNotFoundError, ValueError: as for :func:`.load_network`.

    Example:
        >>> from dsd.explore.pictures import open_photograph
        >>> fingerprint(open_photograph("coffee.png"), "blur", 0, "lite", 2).full["relu2_1"].shape
        torch.Size([128, 128])
    """
    network = load_network(backbone)
    grams = gram_matrices(degrade(picture, kind, strength)[None], network, (1, alpha))
    full, small = ({layer: grams[layer, scale][0] for layer in network.layers} for scale in (1, alpha))
    return Fingerprint(full, small)


@lru_cache(maxsize=32)
@torch.inference_mode()
def shares(picture: Picture, kind: str, strength: int, backbone: str, alpha: float) -> Mapping[str, Tensor]:
    """Where ‖DSD_α(x)‖₁ of a picture comes from: :func:`dsd.dsd_attribution`, by layer, each (H', W').

    Args:
        picture: the picture.
        kind: of degradation.
        strength: of it, 0 for none.
        backbone: a key of :data:`.networks.LAYERS`.
        alpha: the scaling factor, above 1.

    Raises:
        FileNotFoundError, ValueError: as for :func:`.load_network`.
    """
    maps = dsd_attribution(degrade(picture, kind, strength)[None], load_network(backbone), alpha)
    return {layer: map_[0] for layer, map_ in maps.items()}


@dataclass(frozen=True)
class Curves:
    """Full-reference measures of a picture's centre against strength."""

    values: Mapping[str, list[float]]
    """By measure: of each strength from 1. Names and their order are those of `dsd.quality.metrics.METRICS`."""
    missing: Mapping[str, str]
    """Measures that cannot be computed here, with the reason."""


@lru_cache(maxsize=32)
@torch.inference_mode()
def curves(picture: Picture, kind: str, backbone: str) -> Curves:
    """Every measure with a reference that the package has, of the picture's centre, at each strength of a degradation.

    Args:
        picture: the picture; its centre, `CENTRE` pixels wide and high, is the reference.
        kind: of degradation.
        backbone: of measures on deep features, a key of :data:`.networks.LAYERS`.

    Raises:
        FileNotFoundError, ValueError: as for :func:`.load_network`.
    """
    strengths = range(1, len(DEGRADATIONS[kind].amounts) + 1)
    distorted = torch.stack([degrade(picture, kind, strength, CENTRE) for strength in strengths])
    original = degrade(picture, kind, 0, CENTRE)[None].expand(len(distorted), -1, -1, -1)
    metrics = _metrics(backbone)
    losses = _losses(metrics)
    encodings = zip(encode_together(distorted, losses), _encoded(picture, backbone), strict=True)
    computed = {
        name: loss.compare(*both) for name, loss, both in zip(metrics.losses, losses, encodings, strict=True)
    } | {name: function(distorted, original) for name, function in metrics.functions.items()}
    missing: dict[str, str] = {}
    for name in LEARNED:
        try:
            lpips = load_learned(name)
        except (FileNotFoundError, ValueError) as error:
            missing[name] = str(error)
        else:
            computed[name] = lpips.compare(lpips.encode(distorted), lpips.encode(original[:1]))
    return Curves({name: computed[name].tolist() for name in METRICS if name in computed}, missing)


@lru_cache(maxsize=4)
@torch.inference_mode()
def _encoded(picture: Picture, backbone: str) -> list[Any]:
    """The reference of all curves of a picture."""
    return list(encode_together(degrade(picture, "blur", 0, CENTRE)[None], _losses(_metrics(backbone))))


@lru_cache
def _metrics(backbone: str) -> MetricSet:
    return MetricSet([name for name in METRICS if name not in LEARNED], load_network(backbone))


def _losses(metrics: MetricSet) -> list[FeatureLoss]:
    return [loss for loss in metrics.losses.values() if isinstance(loss, FeatureLoss)]


@lru_cache(maxsize=32)
@torch.inference_mode()
def unreferenced(picture: Picture, kind: str, strength: int, backbone: str) -> Mapping[str, float | str]:
    """Measures without a reference, each a number or the reason why there is none.

    Args:
        picture: the picture.
        kind: of degradation.
        strength: of it, 0 for none.
        backbone: of Q_DSD, a key of :data:`.networks.LAYERS`.

    Returns:
        By the names in `UNREFERENCED`.
    """
    image = degrade(picture, kind, strength)[None]
    values: dict[str, float | str] = {}
    for name in UNREFERENCED:
        try:
            values[name] = _unreferenced(name, backbone)(image)[name].item()
        except (FileNotFoundError, ValueError) as error:
            values[name] = str(error)
    return values


@lru_cache
def _unreferenced(name: str, backbone: str) -> NoReferenceSet:
    return NoReferenceSet([name], load_network(backbone))


@lru_cache(maxsize=32)
@torch.inference_mode()
def enlarged(picture: Picture, kind: str, strength: int) -> Mapping[str, Tensor]:
    """A crop of the picture's centre, enlarged four times in two ways.

    Args:
        picture: the picture.
        kind: of degradation.
        strength: of it, 0 for none.

    Returns:
        ``"bicubic"`` and ``"dsd restore"``, the package's network that was trained with DSD; (3, 4·CROP, 4·CROP).
    """
    crop = degrade(picture, kind, strength, CROP)[None]
    network = _restoration()
    return {"bicubic": enlarge(crop, network.scale)[0].clamp(0, 1), "dsd restore": restore(network, crop)[0]}


@lru_cache
def _restoration() -> Any:
    return load_model(find_model("dsd"))[0]


def prepare(backbone: str) -> None:
    """Load what the answers after the first need, so that they need not wait for it.

    Args:
        backbone: a key of :data:`.networks.LAYERS`.
    """
    _metrics(backbone)
    _restoration()
    for name in UNREFERENCED:
        _unreferenced(name, backbone)
    for name in LEARNED:
        with suppress(FileNotFoundError, ValueError):  # said where it is asked for
            load_learned(name)
