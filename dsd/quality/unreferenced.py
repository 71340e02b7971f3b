"""Table 2: what measures without a reference say of rated images."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dsd.data.rated import RatedImages
from dsd.noref.q_dsd import QDSD
from dsd.noref.regressor import LAYERS
from dsd.quality.brisque import BRISQUE
from dsd.quality.evaluate import score
from dsd.quality.niqe import NIQE

SUM = "sum"  # in place of a layer: all of them


class Measures:
    """Q_DSD of each layer and their sum, DSD_2 …, and measures of other kinds: images → {name: value, higher is worse}.

    Names are ``"DSD_2 relu3_1"``, ``"DSD_2 sum"``, ``"log DSD_2 sum"`` (see :attr:`.Expectation.deviation`),
    ``"NIQE image"`` and ``"BRISQUE image"``.

    Args:
        q_dsd: of one network, for one alpha each.
        others: NIQE, BRISQUE, by their names.
    """

    def __init__(self, q_dsd: Sequence[QDSD], others: Mapping[str, NIQE | BRISQUE]) -> None:
        self.q_dsd, self.others = q_dsd, others

    def provenance(self) -> dict[str, Any]:
        """What a table must say about them."""
        own = {f"DSD_{measure.alpha:g}": measure.provenance() for measure in self.q_dsd}
        return own | {name: measure.provenance() for name, measure in self.others.items()}

    def __call__(self, x: Tensor) -> dict[str, float]:
        """Values of one image, (1, 3, H, W) in [0, 1]."""
        values = {f"{name} image": measure(x).item() for name, measure in self.others.items()}
        for measure in self.q_dsd:
            values |= of_layers(measure, x)
        return values


def of_layers(measure: QDSD, x: Tensor) -> dict[str, float]:
    """Q_DSD and its relative form, of each layer and summed over them."""
    expectation = measure.expectation(x)
    values: dict[str, float] = {}
    for name, by_layer in {"DSD": expectation.q_dsd, "log DSD": expectation.deviation.abs()}.items():
        each = dict(zip(LAYERS, by_layer[0].tolist(), strict=True))
        places = {**each, SUM: sum(each.values())}
        values |= {f"{name}_{measure.alpha:g} {place}": value for place, value in places.items()}
    return values


def score_unreferenced(rated: RatedImages, measures: Measures, device: torch.device) -> pd.DataFrame:
    """What each measure says of each distorted image, without its reference.

    Returns:
        As :func:`.score`.
    """

    def own(x: Mapping[str, float], reference: Mapping[str, float]) -> Mapping[str, float]:
        return x

    return score(rated, measures, own, device=device)
