"""Resampled references and images, against a loop that writes every drawn pair out."""

import time
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from dsd.data.rated import Pair, RatedImages
from dsd.quality import resampling
from dsd.quality.resampling import Bootstrap, interval, next_one


def rated_images(*counts):
    """References with so many images each; all their pairs, those of different references mixed."""
    pairs = [
        Pair(Path(f"{n}.png"), Path(f"{n}_{a}.png"), Path(f"{n}_{b}.png"), 0.5)
        for n, count in enumerate(counts)
        for a, b in combinations(range(count), 2)
    ]
    generator = np.random.default_rng(0)
    pairs[1:] = [pairs[i] for i in 1 + generator.permutation(len(pairs) - 1)]  # the references stay in order
    return RatedImages("set", pairs, "probability")


def drawn_pairs(rated, resamples, seed):
    """For each resample the indices of its pairs, each as often as it was drawn."""
    generator = np.random.default_rng(seed)
    references = list(dict.fromkeys(pair.reference for pair in rated.pairs))
    copies = generator.multinomial(len(references), [1 / len(references)] * len(references), resamples)
    chosen = [[] for _ in range(resamples)]
    for k, reference in enumerate(references):
        own = [(index, pair) for index, pair in enumerate(rated.pairs) if pair.reference == reference]
        images = list(dict.fromkeys([pair.a for _, pair in own] + [pair.b for _, pair in own]))
        drawn = iter(generator.multinomial(len(images), [1 / len(images)] * len(images), copies[:, k].sum()))
        for resample in range(resamples):
            for _ in range(copies[resample, k]):
                times = dict(zip(images, next(drawn), strict=True))
                chosen[resample] += [
                    index for index, pair in own for _ in range(times[pair.a]) for _ in range(times[pair.b])
                ]
    return chosen


@pytest.mark.parametrize("counts", [(6, 4, 5), (7,)])
def test_is_a_loop_over_drawn_pairs(counts):
    rated, generator = rated_images(*counts), np.random.default_rng(1)
    x, y = generator.normal(size=(2, len(rated.pairs), 2))
    mask = generator.random(x.shape) < 0.8
    bootstrap = Bootstrap(rated, resamples=20, seed=3)
    of_all = range(len(rated.pairs))
    for row, chosen in enumerate([of_all, *drawn_pairs(rated, 20, 3)]):
        for column in (0, 1):
            kept = [index for index in chosen if mask[index, column]]
            expected = pearsonr(x[kept, column], y[kept, column]).statistic
            assert bootstrap.correlation(x, y, mask)[row, column] == pytest.approx(expected, abs=1e-12)
            assert bootstrap.mean(x, mask)[row, column] == pytest.approx(x[kept, column].mean(), abs=1e-12)
            expected = pearsonr(x[chosen, column], y[chosen, 0]).statistic
            assert bootstrap.correlation(x, y[:, :1])[row, column] == pytest.approx(expected, abs=1e-12)


def test_one_reference_has_an_interval_of_its_images():
    rated = rated_images(12)
    values = np.random.default_rng(1).normal(size=(len(rated.pairs), 1))
    estimate, low, high = interval(pd.Series(Bootstrap(rated).mean(values)[:, 0]))
    assert low < estimate < high


def test_intervals_cover():
    """Of the mean |a − b| of normal images, 95 % intervals contain the truth, 2/√π, about as often as they say."""
    generator, covered = np.random.default_rng(0), 0
    rated = rated_images(*[8] * 12)
    for repetition in range(100):
        shift = generator.normal(scale=0.3, size=12)  # references differ, too
        value = {(n, i): generator.normal(scale=np.exp(shift[n])) for n in range(12) for i in range(8)}
        of = [[value[tuple(map(int, path.stem.split("_")))] for path in (pair.a, pair.b)] for pair in rated.pairs]
        distances = np.abs(np.diff(of, axis=1))
        _, low, high = interval(pd.Series(Bootstrap(rated, 200, repetition).mean(distances)[:, 0]))
        covered += low <= 2 / np.sqrt(np.pi) * np.exp(0.3**2 / 2) <= high
    assert 85 <= covered <= 100


def test_in_blocks(monkeypatch):
    rated = rated_images(5, 4)
    values = np.random.default_rng(1).normal(size=(len(rated.pairs), 3))
    whole = Bootstrap(rated, 50).mean(values)
    monkeypatch.setattr(resampling, "WEIGHTS_AT_ONCE", 100)
    parts = Bootstrap(rated, 50).mean(values)
    assert whole.shape == parts.shape == (51, 3)
    np.testing.assert_array_equal(parts, Bootstrap(rated, 50).mean(values))
    assert not np.allclose(whole, parts)  # drawn in another order


def test_where_nothing_is_defined_it_is_nan_in_silence():
    rated = rated_images(4, 4)
    pairs = len(rated.pairs)
    columns = {"constant": np.full(pairs, 0.1), "missing": np.full(pairs, np.nan), "fine": np.arange(pairs) * 1.0}
    x = np.column_stack(list(columns.values()))
    x[3, 1] = 1
    values = Bootstrap(rated, 30).correlation(x, np.arange(pairs)[:, None] * 1.0)
    assert np.isnan(values[:, :2]).all()
    fine = values[:, 2]
    np.testing.assert_allclose(fine[np.isfinite(fine)], 1)  # a resample may have one pair, again and again
    assert np.isfinite(fine).sum() > 20
    assert np.isnan(Bootstrap(rated, 30).mean(x, mask=False)).all()
    assert np.isnan(interval(pd.Series([np.nan, 1.0]))).all()
    assert np.isnan(interval(pd.Series([1.0, np.nan]))[1:]).all()


def test_is_fast_enough():
    """2000 resamples of TID2013's 120 images and 30 measures take seconds."""
    rated = rated_images(120)
    values = np.random.default_rng(1).normal(size=(len(rated.pairs), 30))
    start = time.monotonic()
    Bootstrap(rated, 200).correlation(values, values)
    assert time.monotonic() - start < 5


def test_the_next_one_lies_within_as_often_as_said():
    generator = np.random.default_rng(0)
    values = generator.normal(size=(2000, 6))
    within = [low <= last <= high for *before, last in values for _, low, high in [next_one(before)]]
    assert np.mean(within) == pytest.approx(0.95, abs=0.015)
    mean, low, high = next_one([1.0, 2.0, 4.0])
    assert mean == pytest.approx(7 / 3)
    assert high - mean == pytest.approx(mean - low)
    assert high - mean == pytest.approx(4.3027 * np.std([1, 2, 4], ddof=1) * np.sqrt(4 / 3), rel=1e-4)
