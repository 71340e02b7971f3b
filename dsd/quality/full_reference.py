"""Every measure of Table 1 and Style of x↓2, at every layer: what an image is encoded by, and a rated set's scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd
from torch import Tensor

from dsd import paper
from dsd.backbones.base import Backbone
from dsd.data.rated import RatedImages
from dsd.descriptor import ByLayerAndAlpha, gram_matrices
from dsd.gram import gram_matrix, l1_norm
from dsd.losses.features import pdl_of_sorted, perceptual, sorted_values
from dsd.quality.evaluate import KEYS, score
from dsd.quality.lpips import LPIPS

ALPHAS = paper.FULL_REFERENCE["alphas"]


def score_all(rated: RatedImages, networks: Sequence[Backbone], learned: Sequence[LPIPS] = ()) -> pd.DataFrame:
    """L(x, x_ref) for each distorted image and measure.

    Args:
        rated: the images.
        networks: whose layers are compared. Where there are several, they differ in their padding.
        learned: LPIPS, with one network or several.

    Returns:
        As :func:`.score`; a measure's column is called by its name, layer and padding, ``"Style relu2_1 zeros"``;
        LPIPS's by its network, ``"LPIPS alexnet zeros"``.
    """
    tables = [
        score(rated, partial(encode, backbone=network), compare, device=network.device)
        .set_index(KEYS)
        .add_suffix(f" {network.padding}")
        for network in networks
    ]
    for lpips in learned:
        values = score(rated, lpips.encode, partial(_compare_learned, lpips), device=lpips.backbone.device)
        tables.append(values.set_index(KEYS))
    return pd.concat(tables, axis=1).reset_index()


def _compare_learned(
    lpips: LPIPS, distorted: Mapping[str, Tensor], reference: Mapping[str, Tensor]
) -> dict[str, float]:
    return {f"LPIPS {lpips.backbone.backbone_name} zeros": lpips.compare(distorted, reference).item()}


@dataclass(frozen=True)
class Encoded:
    """What all measures of one network compare of one image, from one pass of the network per scale."""

    features: Mapping[str, Tensor]
    sorted_values: Mapping[str, Tensor]
    grams: ByLayerAndAlpha


def encode(x: Tensor, backbone: Backbone) -> Encoded:
    """Features at full size, Gram matrices at scales 1, 2 and 4; x: (N, 3, H, W)."""
    features = backbone(x)
    full = {(layer, 1.0): gram_matrix(maps) for layer, maps in features.items()}
    in_order = {layer: sorted_values(maps) for layer, maps in features.items()}
    return Encoded(features, in_order, {**full, **gram_matrices(x, backbone, ALPHAS)})


def compare(distorted: Encoded, reference: Encoded) -> dict[str, float]:
    """Every measure at every layer, ``"Style relu2_1"`` …, of one image: the larger, the more different."""
    return {name: values.item() for name, values in compare_batch(distorted, reference).items()}


def compare_batch(distorted: Encoded, reference: Encoded) -> dict[str, Tensor]:
    """The same of each image of a batch, (N,)."""
    values: dict[str, Tensor] = {}
    for layer, maps in reference.features.items():
        step = {alpha: distorted.grams[layer, alpha] - reference.grams[layer, alpha] for alpha in (1, *ALPHAS)}
        in_order = [encoded.sorted_values[layer] for encoded in (distorted, reference)]
        measures = {
            "Perceptual": perceptual(distorted.features[layer], maps),
            "PDL": pdl_of_sorted(in_order[0], in_order[1], p=2),  # as in the authors' tables
            "Style": l1_norm(step[1]),
            "Style_2": l1_norm(step[2]),  # of x↓2 alone: what MSS and DSD_2 add to Style
            "MSS": l1_norm(step[1]) + l1_norm(step[2]),
            # Eq. 4, its four Gram matrices in another order.
            **{f"DSD_{alpha}": l1_norm(step[1] - step[alpha]) for alpha in ALPHAS},
        }
        values |= {f"{measure} {layer}": value for measure, value in measures.items()}
    return values
