"""Statistics by type of distortion, against loops over pairs."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from dsd.data.rated import Pair, RatedImages
from dsd.quality.by_type import by_type

KINDS = ["blur", "noise", "blur", "", "noise", "shift", "blur"]


@pytest.fixture
def rated():
    generator = np.random.default_rng(0)
    badness = {(n, i): round(generator.normal(), 1) for n in range(3) for i in range(len(KINDS))}
    pairs = [
        Pair(Path(f"{n}.png"), Path(f"{n}/{a}.png"), Path(f"{n}/{b}.png"), badness[n, b] - badness[n, a])
        for n in range(3)
        for a, b in combinations(range(len(KINDS)), 2)
    ]
    types = {Path(f"{n}/{i}.png"): kind for n in range(3) for i, kind in enumerate(KINDS)}
    return RatedImages("set", pairs, "score difference", types)


@pytest.fixture
def scores(rated):
    generator = np.random.default_rng(1)
    return pd.DataFrame(
        [
            {"reference": str(reference), "distorted": str(image), "one": generator.normal(), "other": 1.0}
            for reference, images in rated.images().items()
            for image in images
        ]
    )


def test_are_loops_over_pairs(rated, scores):
    value = {row.distorted: row.one for row in scores.itertuples()}
    for kind, found in by_type(scores, rated, resamples=20).items():
        agreeing, bias, others = [], [], []
        for pair in rated.pairs:
            delta = value[str(pair.b)] - value[str(pair.a)]
            kinds = [KINDS[int(image.stem)] for image in (pair.a, pair.b)]
            if kind not in kinds:
                others.append((delta, pair.preference))
                continue
            if pair.preference != 0:
                agreeing.append(delta * pair.preference > 0)
            if kinds[0] != kinds[1]:
                sign = 1 if kinds[1] == kind else -1
                says, said = (sign * number for number in (delta, pair.preference))
                bias.append((says > 0) - (0.5 if said == 0 else said > 0))
        row = found.table().iloc[0]
        assert row.measure == "one"
        assert row.agreement == pytest.approx(np.mean(agreeing))
        assert row.bias == pytest.approx(np.mean(bias))
        assert row.pearson_without == pytest.approx(pearsonr(*zip(*others, strict=True)).statistic)
        assert row.bias_low <= row.bias <= row.bias_high


def test_types_and_paired_differences(rated, scores):
    found = by_type(scores, rated, resamples=20)
    assert list(found) == ["blur", "noise", "shift"]
    difference = found["blur"].differences([("one", "other")]).iloc[0]
    table = found["blur"].table().set_index("measure")
    assert table.agreement["other"] == 0.5  # a constant measure
    assert difference.agreement == pytest.approx(table.agreement["one"] - 0.5)
    assert difference.agreement_low < difference.agreement < difference.agreement_high


def test_a_measure_that_is_too_hard_on_a_type(rated):
    """People's own scores, but all images of one type are called the worst."""
    badness = {}
    for pair in rated.pairs:
        badness[pair.b] = badness.setdefault(pair.a, 0) + pair.preference
    rows = [
        {
            "reference": str(reference),
            "distorted": str(image),
            "hard": badness[image] + 100 * (rated.types[image] == "shift"),
        }
        for reference, images in rated.images().items()
        for image in images
    ]
    found = {kind: of_kind.table().iloc[0] for kind, of_kind in by_type(pd.DataFrame(rows), rated).items()}
    assert found["shift"].bias > 0.2
    assert found["blur"].bias < 0
    assert found["shift"].pearson_without == pytest.approx(1)
    assert found["blur"].pearson_without < 0.9


def test_without_types_there_is_nothing(rated, scores):
    assert by_type(scores, RatedImages("set", rated.pairs, rated.kind)) == {}
