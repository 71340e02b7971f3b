"""Tables 1 and 2: how well measures agree with human ratings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
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
from dsd.quality.resampling import Bootstrap, interval

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


@dataclass(frozen=True)
class Agreement:
    """How well measures agree with people: made by :func:`agreement`."""

    statistics: Mapping[str, pd.DataFrame]
    """{statistic: a column for each measure; the first row is of all images, each further one of resampled ones}."""
    bandwidths: Mapping[str, float] = field(default_factory=dict)
    """Of each measure's logistic function, where there is one."""
    alone: pd.DataFrame = field(default_factory=pd.DataFrame)
    """`pearson` of each reference alone, where it was computed: a row for each (by its path), a column per measure."""

    def table(self) -> pd.DataFrame:
        """One row per measure: `measure`, then each statistic and its 95 % interval (`_low`, `_high`); `bandwidth`.

        `pearson_lowest` and `pearson_highest` are those of the references, each taken alone.
        """
        measures = next(iter(self.statistics.values())).columns
        table = pd.DataFrame([{"measure": measure, **self._row(measure)} for measure in measures])
        return table.assign(bandwidth=table.measure.map(self.bandwidths)) if self.bandwidths else table

    def differences(self, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
        """How much better one measure agrees than another, with paired 95 % intervals: of the same resampled images.

        Args:
            pairs: (measure, the one that is subtracted).

        Returns:
            One row per pair: `measure`, `minus`, then each statistic's difference, `_low` and `_high`; and the lowest
            and the highest difference of `pearson` of the references, each taken alone.
        """
        return pd.DataFrame([{"measure": a, "minus": b, **self._row(a, b)} for a, b in pairs])

    def _row(self, measure: str, minus: str | None = None) -> dict[str, float]:
        def of(table: pd.DataFrame) -> pd.Series:
            return table[measure] - (0 if minus is None else table[minus])

        row = {
            name + end: value
            for name, table in self.statistics.items()
            for end, value in zip(("", "_low", "_high"), interval(of(table)), strict=True)
        }
        if not self.alone.empty:
            row |= {"pearson_lowest": of(self.alone).min(), "pearson_highest": of(self.alone).max()}
        return row


def correlations(scores: pd.DataFrame, rated: RatedImages, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Agreement of measures with people, as a table: see :func:`agreement` and :meth:`Agreement.table`."""
    return agreement(scores, rated, resamples=resamples, seed=seed).table()


def agreement(
    scores: pd.DataFrame,
    rated: RatedImages,
    *,
    bandwidth: float | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Agreement:
    """Agreement of measures with people over all pairs, with Δ = L(b, ref) − L(a, ref).

    - `pearson`: correlation of preference and Δ, as the paper defines it.
    - `pearson_logistic`: of preference and 1 / (1 + exp(−kΔ)), which the authors computed, with the bandwidth k. Where
      none is given, the k > 0 that maximises it: the best of 51 values of k·std(Δ) from 1e-2 to 1e3, refined between
      its neighbours.
    - `spearman`: of ranks.
    - `agreement`: the share of pairs where Δ's sign is the human majority's; Δ = 0 counts one half, pairs without a
      majority are left out.

    Each is also computed for resampled references and images, see :class:`.Bootstrap`. k and the ranks are those of all
    pairs throughout.

    Args:
        scores: as from :func:`score`.
        rated: the pairs.
        bandwidth: k. None: each measure's best.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        Statistics of each measure. NaN where a correlation is not defined: a constant measure, or values that are not
        finite.

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
        >>> agreement(scores.assign(dsd=[0.1, 0.4, 0.2]), rated).table()[["measure", "pearson", "agreement"]]
          measure  pearson  agreement
        0     dsd      1.0        1.0
    """
    delta = pair_differences(scores, rated)
    x, measures = delta.to_numpy(), list(delta.columns)
    preference = np.array([pair.preference for pair in rated.pairs])
    majority = majorities(rated)[:, None]
    bandwidths = {
        measure: _bandwidth(values, preference) if bandwidth is None else bandwidth
        for measure, values in zip(measures, x.T, strict=True)
    }
    bootstrap = Bootstrap(rated, resamples, seed)
    with np.errstate(invalid="ignore"):
        y = preference[:, None]
        statistics = {
            "pearson": bootstrap.correlation(x, y),
            "pearson_logistic": bootstrap.correlation(expit(x * np.array(list(bandwidths.values()))), y),
            "spearman": bootstrap.correlation(rankdata(x, axis=0), rankdata(y, axis=0)),
            "agreement": bootstrap.mean((1 + majority * np.sign(x)) / 2, majority != 0),
        }
    rows: dict[str, list[int]] = {}
    root = rated.root
    for index, pair in enumerate(rated.pairs):
        rows.setdefault(pair.reference.relative_to(root).as_posix(), []).append(index)
    alone = {
        reference: Bootstrap(replace(rated, pairs=[rated.pairs[i] for i in own]), 0).correlation(x[own], y[own])[0]
        for reference, own in rows.items()
    }
    return Agreement(
        {name: pd.DataFrame(values, columns=measures) for name, values in statistics.items()},
        bandwidths,
        pd.DataFrame.from_dict(alone, orient="index", columns=measures),
    )


def majorities(rated: RatedImages) -> np.ndarray:
    """1 for each pair whose `a` most people prefer, −1 where they prefer `b`, else 0."""
    return np.sign(np.array([pair.preference for pair in rated.pairs]) - (0.5 if rated.kind == "probability" else 0))


def pair_differences(scores: pd.DataFrame, rated: RatedImages) -> pd.DataFrame:
    """Δ = L(b, ref) − L(a, ref): a row for each pair, a column for each measure.

    Args:
        scores: as from :func:`score`.
        rated: the pairs.

    Raises:
        ValueError: `scores` lacks an image of `rated`, or has one twice.
    """
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
        return pd.DataFrame(table.loc[b].to_numpy(float) - table.loc[a].to_numpy(float), columns=table.columns)


def _bandwidth(x: np.ndarray, preference: np.ndarray) -> float:
    """The k > 0 for which 1 / (1 + exp(−kx)) correlates best with preference."""
    finite = x[np.isfinite(x)]
    scale = finite.std() if len(finite) else 0
    target = preference - preference.mean()

    def loss(log_k: float) -> float:
        y = expit(np.exp(log_k) * x)
        y -= y.mean()
        saturated = y.std() < 1e-8  # what is left is rounding
        return np.inf if saturated else -float(y @ target / np.sqrt((y @ y) * (target @ target)))

    if np.isnan(x).any() or scale == 0 or (preference == preference[0]).all():
        return np.nan
    grid = np.log(np.geomspace(1e-2, 1e3, 51) / scale)
    losses = [loss(log_k) for log_k in grid]
    best = int(np.argmin(losses))
    refined = minimize_scalar(loss, bounds=(grid[max(best - 1, 0)], grid[min(best + 1, 50)]), method="bounded")
    return float(np.exp(refined.x if refined.fun < losses[best] else grid[best]))
