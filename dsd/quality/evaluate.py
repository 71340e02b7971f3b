"""Tables 1 and 2: how well measures agree with human ratings."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit
from scipy.stats import rankdata
from torch import Tensor
from tqdm import tqdm

from dsd.data.images import load_image
from dsd.data.rated import RatedImages

KEYS = ["reference", "distorted"]
E = TypeVar("E")


@torch.inference_mode()
def score(
    rated: RatedImages,
    encode: Callable[[Tensor], E],
    compare: Callable[[E, E], Mapping[str, float]],
    *,
    device: str | torch.device = "cpu",
) -> pd.DataFrame:
    """L(x, x_ref) for each distorted image x and measure L.

    Each image is encoded once; one reference's encoding and one other are in memory.

    Args:
        rated: the images.
        encode: one image (1, 3, H, W) in [0, 1] → what measures need of it.
        compare: encodings of a distorted image and of its reference → {measure: value, higher is worse}.
        device: where images are encoded.

    Returns:
        One row per image: `reference`, `distorted` (paths relative to ``rated.root``), and a column per measure.

    Raises:
        ValueError: an image cannot be read, or `compare` changes its measures.
    """
    root, images = rated.root, rated.images()
    measures: list[str] = []
    rows = []
    with tqdm(desc=rated.name, unit="image", total=sum(map(len, images.values()))) as progress:
        for reference, distorted in images.items():
            target = encode(load_image(reference)[None].to(device))
            for path in distorted:
                x = target if path == reference else encode(load_image(path)[None].to(device))
                values = {measure: float(value) for measure, value in compare(x, target).items()}
                names = [image.relative_to(root).as_posix() for image in (reference, path)]
                measures = measures or list(values)
                if list(values) != measures:
                    raise ValueError(f"an earlier image has the measures {measures}, {names[1]} has {list(values)}")
                rows.append({**dict(zip(KEYS, names, strict=True)), **values})
                del x
                progress.update()
    return pd.DataFrame(rows)


def correlations(scores: pd.DataFrame, rated: RatedImages, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Agreement of measures with people over all pairs, with Δ = L(b, ref) − L(a, ref).

    - `pearson`: correlation of preference and Δ, as the paper defines it.
    - `pearson_logistic`: of preference and 1 / (1 + exp(−kΔ)), which the authors computed, with the `bandwidth` k > 0
      that maximises it: the best of 51 values of k·std(Δ) from 1e-2 to 1e3, refined between its neighbours.
    - `spearman`: of ranks.
    - `agreement`: the share of pairs where Δ's sign is the human majority's; Δ = 0 counts one half, pairs without a
      majority are left out.

    Each has a 95 % percentile bootstrap interval (`_low`, `_high`) over references: whole references are resampled, as
    their pairs share images. k and the ranks are those of all pairs throughout. One reference gives no interval.

    Args:
        scores: as from :func:`score`.
        rated: the pairs.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        One row per measure. NaN where a correlation is not defined: a constant measure, or values that are not finite.

    Raises:
        ValueError: `scores` lacks an image of `rated`, or has one twice.

    Reference:
        Kligvasser et al., NeurIPS 2021, Sec. 3.4.

    Example:
        >>> from pathlib import Path
        >>> from dsd.data.rated import Pair, RatedImages
        >>> x, blurred, noisy, dark = (Path(name) for name in ("x.png", "blurred.png", "noisy.png", "dark.png"))
        >>> rated = RatedImages("set", [Pair(x, blurred, noisy, 0.7), Pair(x, noisy, dark, 0.1)], "probability")
        >>> scores = pd.DataFrame({"reference": "x.png", "distorted": ["blurred.png", "noisy.png", "dark.png"]})
        >>> correlations(scores.assign(dsd=[0.1, 0.4, 0.2]), rated)[["measure", "pearson", "agreement"]]
          measure  pearson  agreement
        0     dsd      1.0        1.0
    """
    delta = _differences(scores, rated)
    preference = np.array([pair.preference for pair in rated.pairs])
    majority = np.sign(preference - (0.5 if rated.kind == "probability" else 0))
    groups, references = pd.factorize(np.array([str(pair.reference) for pair in rated.pairs]))
    count = len(references)
    # How often each reference counts: once for the estimate itself, then as drawn.
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    weights = np.vstack([np.ones(count), draws])

    def totals(*values: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(groups, of_pairs) for of_pairs in values]) @ weights.T

    def correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        x, y = _centred(x), _centred(y)
        n, sx, sy, sxx, syy, sxy = totals(np.ones_like(x), x, y, x * x, y * y, x * y)
        of_x, of_y = sxx - sx**2 / n, syy - sy**2 / n
        constant = (of_x <= 1e-12 * of_x[0]) | (of_y <= 1e-12 * of_y[0])
        return np.where(constant, np.nan, (sxy - sx * sy / n) / np.sqrt(of_x * of_y)).clip(-1, 1)

    rows = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for measure, x in delta.items():
            bandwidth = _bandwidth(x, preference)
            agreeing = np.where(majority == 0, 0, (1 + majority * np.sign(x)) / 2)
            agreed, decided = totals(agreeing, majority != 0)
            estimates = {
                "pearson": correlation(x, preference),
                "pearson_logistic": correlation(expit(bandwidth * x), preference),
                "spearman": correlation(rankdata(x), rankdata(preference)),
                "agreement": agreed / decided,
            }
            row: dict[str, str | float] = {"measure": measure, "bandwidth": bandwidth}
            for name, values in estimates.items():
                sure = count > 1 and np.isfinite(values[0]) and np.isfinite(values[1:]).any()
                low, high = np.nanpercentile(values[1:], [2.5, 97.5]) if sure else (np.nan, np.nan)
                row |= {name: values[0], f"{name}_low": low, f"{name}_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def _differences(scores: pd.DataFrame, rated: RatedImages) -> dict[str, np.ndarray]:
    """{measure: Δ of each pair}."""
    table = scores.set_index(KEYS)
    if not table.index.is_unique:
        raise ValueError(f"scores must have one row per image, {table.index[table.index.duplicated()][0]} has several")
    root = rated.root
    names = [[path.relative_to(root).as_posix() for path in (pair.reference, pair.a, pair.b)] for pair in rated.pairs]
    a = [(reference, image) for reference, image, _ in names]
    b = [(reference, image) for reference, _, image in names]
    missing = sorted({*a, *b} - set(table.index))
    if missing:
        raise ValueError(f"scores lack {len(missing)} images of {rated.name}, the first is {missing[0]}")
    with np.errstate(invalid="ignore"):
        delta = table.loc[b].to_numpy(float) - table.loc[a].to_numpy(float)
    return dict(zip(table.columns, delta.T, strict=True))


def _centred(x: np.ndarray) -> np.ndarray:
    return x - x.mean() if (x != x[0]).any() else np.zeros(len(x))


def _bandwidth(x: np.ndarray, preference: np.ndarray) -> float:
    """The k > 0 for which 1 / (1 + exp(−kx)) correlates best with preference."""
    finite = x[np.isfinite(x)]
    scale = finite.std() if len(finite) else 0
    target = _centred(preference)

    def loss(log_k: float) -> float:
        y = _centred(expit(np.exp(log_k) * x))
        saturated = y.std() < 1e-8  # what is left is rounding
        return np.inf if saturated else -float(y @ target / np.sqrt((y @ y) * (target @ target)))

    if np.isnan(x).any() or scale == 0 or not target.any():
        return np.nan
    grid = np.log(np.geomspace(1e-2, 1e3, 51) / scale)
    losses = [loss(log_k) for log_k in grid]
    best = int(np.argmin(losses))
    refined = minimize_scalar(loss, bounds=(grid[max(best - 1, 0)], grid[min(best + 1, 50)]), method="bounded")
    return float(np.exp(refined.x if refined.fun < losses[best] else grid[best]))
