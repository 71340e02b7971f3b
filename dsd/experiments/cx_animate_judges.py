"""What cx-animate's networks learn from and are judged by: two photographs, losses, motion."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from dsd.backbones.base import Backbone
from dsd.data.frames import WIDE
from dsd.data.views import Photographs
from dsd.losses import ContextualLoss, DSDLoss, LossSum, StyleLoss
from dsd.losses.base import FeatureLoss
from dsd.quality.motion import motion_error

METHODS = {"CX": "CX to target", "Style": "Style to target", "DSD": "DSD to target"}  # the loss of each to the target
CONTENT, MOTION = "CX to source", "Motion error"


def load_photographs(
    target: str,
    target_zoom: float,
    target_position: tuple[float, float],
    source: str,
    source_position: tuple[float, float],
    size: int,
) -> dict[str, Photographs]:
    """The two photographs: a square each, that of the source wide enough to walk over.

    Args:
        target: a name as for :meth:`Photographs.from_names`.
        target_zoom: how many times the square's side its short side is.
        target_position: where in it the square lies, from 0 (top, left) to 1.
        source: likewise.
        source_position: likewise.
        size: side of the target's square, and of frames.
    """
    wide = math.ceil(WIDE * size)
    short = round(target_zoom * size)
    return {
        "target": Photographs.from_names([target], resize=short, crop=size, position=target_position),
        "source": Photographs.from_names([source], resize=wide, crop=wide, position=source_position),
    }


def make_losses(
    network: Backbone,
    target_layers: Sequence[str],
    source_layer: str,
    bandwidth: float,
    alpha: float,
    pool: int | None = None,
) -> dict[str, FeatureLoss]:
    """All that networks make small and results are judged by; `pool`: see :class:`dsd.losses.ContextualLoss`."""
    of_target, of_source = dict.fromkeys(target_layers, 1.0), {source_layer: 1.0}
    return {
        "CX to target": ContextualLoss(network, bandwidth, pool=pool, layer_weights=of_target),
        "Style to target": StyleLoss(network, layer_weights=of_target),
        "DSD to target": DSDLoss(network, (alpha,), layer_weights=of_target),
        CONTENT: ContextualLoss(network, bandwidth, pool=pool, layer_weights=of_source),
    }


@torch.no_grad()
def judge(
    images: Mapping[str, Tensor], frames: Tensor, target: Tensor, losses: Mapping[str, FeatureLoss]
) -> pd.DataFrame:
    """Each image's losses to the target and to its own frame.

    Args:
        images: what was made of the frames, by name: float (N, 3, H, W).
        frames: of the source, (N, 3, H, W).
        target: (1, 3, H, W).
        losses: of :func:`make_losses`.

    Returns:
        `image`, `frame` (from 0), `measure`, `value`.
    """
    together = LossSum({name: (1, loss) for name, loss in losses.items()})
    rows, look = [], together.encode(target)
    for number in range(len(frames)):
        own = together.encode(frames[number : number + 1])
        aims = {name: (own if name == CONTENT else look)[name] for name in losses}
        for image, x in images.items():
            _, values = together(x[number : number + 1], aims)
            rows += [(image, number, name, value.item()) for name, value in values.items()]
    return pd.DataFrame(rows, columns=["image", "frame", "measure", "value"])


def follow(images: Mapping[str, Tensor], origins: Sequence[Tensor]) -> pd.DataFrame:
    """The same columns for :func:`.motion_error`, from the second frame on; `origins`: of the frames from there."""
    rows = [
        (image, number, MOTION, motion_error(x[number - 1].cpu(), x[number].cpu(), moved))
        for image, x in images.items()
        for number, moved in enumerate(origins, start=1)
    ]
    return pd.DataFrame(rows, columns=["image", "frame", "measure", "value"])
