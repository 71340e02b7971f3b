import numpy as np
import pandas as pd
import pytest

from dsd.quality.retrieval import agreement, everyone, nearest_of_each, summarise
from dsd.quality.statistics import STATISTICS


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    return pd.DataFrame(random.random((12, 3)), columns=list(STATISTICS)).assign(group=[*"aaaabbbbcccc"])


def test_an_image_is_not_its_own_neighbour():
    distances = np.random.default_rng(1).random((6, 6))
    near = nearest_of_each(distances, 5)
    for query, row in enumerate(near):
        assert row.tolist() == sorted(set(range(6)) - {query}, key=lambda k: distances[query, k])


def test_agreement_by_hand(images):
    values = agreement(np.array([[1, 4]] * 12), images)
    assert values["same class"].tolist() == [0.5] * 8 + [0.0] * 4
    order = images.contrast.argsort().argsort().to_numpy()
    expected = (abs(order[0] - order[1]) + abs(order[0] - order[4])) / 2 / 11
    assert values.contrast[0] == pytest.approx(expected)


def test_chance_is_what_all_others_give(images):
    values = agreement(everyone(12), images)
    assert values["same class"].to_numpy() == pytest.approx(3 / 11)
    assert values.contrast.mean() == pytest.approx(13 / 33)  # of all pairs of 12 ranks, (N + 1) / 3 / (N − 1)


def test_differences_are_paired(images):
    values = agreement(everyone(12)[:, :3], images)
    summary = summarise({"a": values, "b": values - 0.1}, ["b"], resamples=200).set_index(["minus", "quantity"])
    assert summary.loc["b"][["value", "low", "high"]].to_numpy() == pytest.approx(0.1)
    of_a = summarise({"a": values}, [], resamples=200).set_index("quantity")
    assert of_a.value.to_dict() == pytest.approx(values.mean().to_dict())
    assert (of_a.low <= of_a.value).all()
    assert (of_a.value <= of_a.high).all()
