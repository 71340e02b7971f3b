"""What VGG-19 lite must reproduce of VGG-19: features, Gram matrices, DSD matrices and differences of them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from dsd.backbones.base import Backbone
from dsd.backbones.lite import VGG19Lite
from dsd.distil.batches import SHAPES
from dsd.gram import gram_matrix, l1_norm
from dsd.resize import downscale

ALPHAS = (1, 2, 4)
SHARES = {"relu1_2": 4, "relu2_1": 4, "relu2_2": 4, "relu3_1": 2, "relu4_1": 1}  # features of 1 image in k are compared
SELDOM = 2 * len(SHAPES)  # ReLU1_2, which costs most and is learnt soonest, takes part in every 8th step, of 2 images


def distillation_losses(
    student: VGG19Lite, teacher: Backbone, x: Tensor, deviations: Mapping[str, Tensor], step: int = 0
) -> dict[str, Tensor]:
    """Relative errors, averaged over the student's layers, of what it must reproduce of the teacher.

    `features` (squared, over the channel's variance; of the images that :func:`compared` names),
    `gram` and `dsd` matrices, and `pair`, the difference of DSD matrices between a photograph and its distorted copy
    (Eq. 4). The student learns each channel in units of its standard deviation, `deviations`.

    Args:
        student: what learns, at its `layers`.
        teacher: what it learns from, at least at these layers.
        x: (N, 3, S, S) in [0, 1], N/2 photographs and then their distorted copies.
        deviations: {layer: (C,)}.
        step: chooses the images of which features are compared.
    """
    losses: dict[str, list[Tensor]] = {"features": [], "gram": [], "dsd": [], "pair": []}
    grams: dict[tuple[str, float], tuple[Tensor, Tensor]] = {}
    mixed = torch.autocast(x.device.type, torch.bfloat16, enabled=teacher.precision == "bfloat16")
    for alpha in ALPHAS:
        small = downscale(x, alpha)
        with torch.no_grad():
            targets = teacher(small)
        with mixed:
            predictions = dict(student.activations(student.normalise(small), student.layers))
        for layer, features in predictions.items():
            unit = deviations[layer]
            some = compared(layer, len(x), step)
            wanted = targets[layer][some] * (1 / unit).to(features.dtype)[:, None, None]
            losses["features"].append((features[some] - wanted).float().square().mean())
            grams[layer, alpha] = gram_matrix(features) * unit.outer(unit), gram_matrix(targets[layer])
            losses["gram"].append(_relative_error(*grams[layer, alpha]))
    for layer in student.layers:
        for alpha in ALPHAS[1:]:
            mine, theirs = (a - b for a, b in zip(grams[layer, 1], grams[layer, alpha], strict=True))
            losses["dsd"].append(_relative_error(mine, theirs))
            half = len(x) // 2
            losses["pair"].append(_relative_error(mine[:half] - mine[half:], theirs[:half] - theirs[half:]))
    return {name: torch.stack(values).mean() for name, values in losses.items()}


def compared(layer: str, count: int, step: int) -> list[int]:
    """Which of a batch's `count` images have their features compared: every one, in the course of the steps."""
    return [(step // SELDOM + k) % count for k in range(max(1, count // SHARES[layer]))]


def _relative_error(mine: Tensor, theirs: Tensor) -> Tensor:
    """‖mine − theirs‖₁ / ‖theirs‖₁, whose denominator is kept from 0 by half of the batch's mean."""
    size = l1_norm(theirs)
    return (l1_norm(mine - theirs) / (size + size.mean()) * 2).mean()
