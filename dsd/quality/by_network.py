"""What the paper measures with VGG-19, with several networks: each runs once for every image and scale."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.backbones.base import Backbone
from dsd.data.rated import RatedImages
from dsd.data.views import Photographs
from dsd.descriptor import dsd_matrices, gram_matrices
from dsd.gram import l1_norm
from dsd.quality.evaluate import pair_differences, score
from dsd.quality.follows import TEXTURE
from dsd.quality.resampling import Bootstrap, interval
from dsd.quality.statistics import statistics

Networks = Mapping[tuple[str, str], Backbone]
"""By name and weights: ``("vgg19", TRAINED)``, ``("vgg19", "random 0")`` …"""
TRAINED, DIFFERENCE = "trained", "trained − random"
INDEX = ["network", "weights", "layer"]


@torch.inference_mode()
def measure_photographs(
    photographs: Photographs, networks: Networks, *, alpha: float = 4, dsd_alpha: float = 2, workers: int = 0
) -> pd.DataFrame:
    """What Figs. 2, 3 and 7 are made of: how far pairs of photographs and scales are apart, and ‖DSD‖.

    Args:
        photographs: the views; two of different photographs or classes are a pair.
        networks: the networks, with their layers.
        alpha: scaling factor of Self, above 1.
        dsd_alpha: scaling factor of ‖DSD‖, above 1.
        workers: processes that load images; 0 loads in this one.

    Returns:
        A row for each view and each of `INDEX`: `pair` and `view`, numbers; `between` ‖G(x) − G(y)‖₁ of the pair;
        `own` ‖G(x) − G(x↓alpha)‖₁; `norm` ‖DSD‖₁ at `dsd_alpha`; and the view's ``"high-frequency energy"``.

    Raises:
        ValueError: fewer than two pairs; an image that is too small for a network.
    """
    pairs = photographs.pairs(same_group=False)
    batches = DataLoader(photographs.subset(chain(*pairs)), 2, num_workers=workers)
    tables = []
    for pair, x in enumerate(tqdm(batches, desc=photographs.name, unit="pair")):
        texture = statistics(x)[TEXTURE].tolist()
        for (name, weights), network in networks.items():
            grams = gram_matrices(x.to(network.device), network, [*dict.fromkeys((1, alpha, dsd_alpha))])
            for layer in network.layers:
                first, second = grams[layer, 1].split(1)
                values = {
                    "between": l1_norm(first - second).item(),
                    "own": l1_norm(grams[layer, 1] - grams[layer, alpha]).tolist(),
                    "norm": l1_norm(grams[layer, 1] - grams[layer, dsd_alpha]).tolist(),
                }
                about = {"pair": pair, "view": [0, 1], "network": name, "weights": weights, "layer": layer}
                tables.append(pd.DataFrame({**about, **values, TEXTURE: texture}))
    return pd.concat(tables, ignore_index=True)


def of_photographs(values: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> dict[str, pd.DataFrame]:
    """What Figs. 2, 3 and 7 say of each layer, and what they would say of other photographs.

    - ``self``: mean `own` over mean `between`: Fig. 2's Self, relative to Random.
    - ``texture``: Spearman's rank correlation of `norm` with high-frequency energy: what Fig. 3 shows.
    - ``spread``: the 95th percentile of `norm` over its 5th: Fig. 7's histogram in one number.

    Args:
        values: from :func:`measure_photographs`.
        resamples: of the bootstrap. Pairs are drawn with replacement, the same ones for all networks.
        seed: of the bootstrap.

    Returns:
        {kind: a column for each of `INDEX`; the first row is of all pairs, each further one of resampled ones}.

    Raises:
        ValueError: the images of all pairs are equal.
    """
    columns = pd.MultiIndex.from_frame(values[INDEX].drop_duplicates())
    views = ["pair", "view"]
    wide = values.pivot(index=views, columns=INDEX, values=["between", "own", "norm"])
    between, own, norm = (wide[name][columns].to_numpy() for name in ("between", "own", "norm"))
    texture = values.groupby(views)[TEXTURE].first().to_numpy()[:, None]
    if not (between.sum(axis=0) > 0).all():
        raise ValueError("photographs must differ from each other, all pairs are of two equal ones")
    places = np.arange(len(wide)).reshape(-1, 2)
    drawn = np.random.default_rng(seed).integers(len(places), size=(resamples, len(places)))
    samples: dict[str, list[np.ndarray]] = {"self": [], "texture": [], "spread": []}
    for pairs in [np.arange(len(places)), *drawn]:
        rows = places[pairs].ravel()
        low, high = np.quantile(norm[rows], [0.05, 0.95], axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):  # NaN where one image was drawn only
            samples["self"].append(own[rows].mean(axis=0) / between[rows].mean(axis=0))
            samples["texture"].append(_rank_correlation(norm[rows], texture[rows]))
            samples["spread"].append(high / low)
    return {kind: pd.DataFrame(rows, columns=columns) for kind, rows in samples.items()}


def _rank_correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spearman's, of each column of x (N, K) with y (N, 1)."""
    x, y = (ranks - ranks.mean(axis=0) for ranks in (rankdata(x, axis=0), rankdata(y, axis=0)))
    return (x * y).sum(axis=0) / np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))


def score_networks(rated: RatedImages, networks: Networks, alpha: float = 2) -> pd.DataFrame:
    """‖DSD_α(x) − DSD_α(x_ref)‖₁ (Eq. 4) of each distorted image, with each layer of each network.

    Args:
        rated: the images.
        networks: the networks, all on one device.
        alpha: the scaling factor, above 1.

    Returns:
        As :func:`.evaluate.score`; a column is called ``"vgg19/trained/relu3_1"``.

    Raises:
        ValueError: an image cannot be read, or is too small for a network.
    """

    def encode(x: Tensor) -> dict[str, Tensor]:
        return {
            f"{name}/{weights}/{layer}": matrix
            for (name, weights), network in networks.items()
            for (layer, _), matrix in dsd_matrices(x, network, (alpha,)).items()
        }

    def compare(distorted: Mapping[str, Tensor], reference: Mapping[str, Tensor]) -> dict[str, float]:
        return {column: l1_norm(distorted[column] - matrix).item() for column, matrix in reference.items()}

    return score(rated, encode, compare, device=next(iter(networks.values())).device)


def of_ratings(scores: pd.DataFrame, rated: RatedImages, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Table 1's Pearson correlation with human preference, of each layer of each network; see :func:`.agreement`.

    Args:
        scores: from :func:`score_networks`.
        rated: the images.
        resamples: of the bootstrap over references and images, see :class:`.Bootstrap`.
        seed: of the bootstrap.

    Returns:
        A column for each of `INDEX`; the first row is of all images, each further one of resampled ones.
    """
    delta = pair_differences(scores, rated)
    preference = np.array([pair.preference for pair in rated.pairs])[:, None]
    samples = Bootstrap(rated, resamples, seed).correlation(delta.to_numpy(), preference)
    columns = pd.MultiIndex.from_tuples([tuple(str(name).split("/")) for name in delta], names=INDEX)
    return pd.DataFrame(samples, columns=columns)


def summarise_networks(samples: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Each network's number, and how far training takes it from random weights, with 95 % intervals (percentile).

    The difference is of the same resampled images: trained less the mean over seeds. In each resample seeds are drawn
    with replacement, too. Three seeds show little of how far seeds may differ, so the ends of their own differences are
    given, too.

    Args:
        samples: as from :func:`of_photographs` or :func:`of_ratings`.
        seed: of the draws.

    Returns:
        `INDEX`, `value`, `low`, `high`; rows of weights `DIFFERENCE` also have the `lowest` and the `highest`
        difference of single seeds.

    Example:
        >>> columns = pd.MultiIndex.from_product([["net"], ["trained", "random 0", "random 1"], ["relu1"]], names=INDEX)
        >>> samples = pd.DataFrame([[0.9, 0.2, 0.4]] * 3, columns=columns)
        >>> print(summarise_networks(samples).query("weights == @DIFFERENCE")[["value", "lowest", "highest"]].round(3))
           value  lowest  highest
        3    0.6     0.5      0.7
    """
    rows = [_row(*key, samples[key]) for key in _keys(samples)]
    return pd.DataFrame([*rows, *_differences(samples, seed)])


def _keys(samples: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Network, weights and layer of each column."""
    return [tuple(map(str, key)) for key in samples.columns.to_frame().to_numpy()]  # type: ignore[misc]


def _differences(samples: pd.DataFrame, seed: int) -> Iterator[dict[str, Any]]:
    keys = _keys(samples)
    for network, weights, layer in keys:
        seeds = [key for key in keys if key[0] == network and key[1] != TRAINED and key[2] == layer]
        if weights != TRAINED or not seeds:
            continue
        trained, random = samples[network, TRAINED, layer], samples[seeds].to_numpy()
        drawn = np.random.default_rng(seed).integers(len(seeds), size=random.shape)
        drawn[0] = np.arange(len(seeds))
        mean = np.take_along_axis(random, drawn, axis=1).mean(axis=1)
        alone = trained.iloc[0] - random[0]
        ends = {"lowest": alone.min(), "highest": alone.max()}
        yield _row(network, DIFFERENCE, layer, trained - mean) | ends


def _row(network: str, weights: str, layer: str, samples: pd.Series) -> dict[str, Any]:
    ends = dict(zip(("value", "low", "high"), interval(samples), strict=True))
    return {"network": network, "weights": weights, "layer": layer, **ends}
