import numpy as np
import pytest

from dsd.quality.two_afc import ceiling, jnd_precision, two_afc

GENERATOR = np.random.default_rng(0)


def plain_precision(distance, same, times=None):
    """The area step by step, as the VOC code sums it: envelope from the right, then the steps of recall."""
    times = [1] * len(same) if times is None else times
    ranked = sorted(zip(distance, same, times, strict=True), key=lambda pair: pair[0])
    total = sum(share * count for _, share, count in ranked)
    precisions, recalls = [0.0], [0.0]
    right = wrong = 0.0
    for _, share, count in ranked:
        right += share * count
        wrong += (1 - share) * count
        if count:
            precisions.append(right / (right + wrong))
            recalls.append(right / total)
    precisions.append(0.0)
    recalls.append(1.0)
    for i in range(len(precisions) - 1, 0, -1):
        precisions[i - 1] = max(precisions[i - 1], precisions[i])
    return sum((recalls[i + 1] - recalls[i]) * precisions[i + 1] for i in range(len(recalls) - 1))


def test_2afc_is_the_share_that_agrees():
    d0, d1 = GENERATOR.integers(0, 4, (2, 200)) / 4  # with ties
    share = GENERATOR.integers(0, 6, 200) / 5
    expected = [0.5 if a == b else (p if b < a else 1 - p) for a, b, p in zip(d0, d1, share, strict=True)]
    np.testing.assert_array_equal(two_afc(d0, d1, share), expected)
    several = two_afc(np.column_stack([d0, -d0]), np.column_stack([d1, -d1]), share)
    np.testing.assert_array_equal(several[:, 0], expected)
    np.testing.assert_allclose(several.sum(axis=1), 1)  # the opposite measure gets the rest


def test_2afc_of_swapped_images_is_the_same():
    d0, d1, share = GENERATOR.random((3, 50))
    np.testing.assert_allclose(two_afc(d0, d1, share), two_afc(d1, d0, 1 - share))


def test_nothing_beats_the_majority_and_people_are_below_it():
    d0, d1, share = GENERATOR.random((3, 50))
    best = two_afc(share, 1 - share, share)
    np.testing.assert_allclose(best, np.maximum(share, 1 - share))
    assert (two_afc(d0, d1, share) <= best).all()
    assert (ceiling(share) <= best + 1e-12).all()


def test_ceiling_is_how_often_two_people_agree():
    share = GENERATOR.integers(0, 6, 20) / 5
    people = GENERATOR.random((2, 200_000, 1)) < share
    np.testing.assert_allclose(ceiling(share), (people[0] == people[1]).mean(axis=0), atol=0.01)


def test_jnd_is_the_area_of_the_voc_code():
    for count in (1, 2, 7, 100):
        distance, same = GENERATOR.random(count), GENERATOR.integers(0, 4, count) / 3
        same[0] = 1
        np.testing.assert_allclose(jnd_precision(distance, same), [plain_precision(distance, same)])


def test_jnd_counts_pairs_as_often_as_they_were_drawn():
    distance, same = GENERATOR.random(30), GENERATOR.integers(0, 4, 30) / 3
    times = GENERATOR.multinomial(30, np.full(30, 1 / 30), 5)
    expected = [plain_precision(distance, same, row) for row in times]
    np.testing.assert_allclose(jnd_precision(distance, same, times), expected)


def test_jnd_of_perfect_and_of_chance():
    same = np.repeat([1.0, 0.0], 2000)
    assert jnd_precision(np.arange(4000), same).item() == 1
    assert jnd_precision(GENERATOR.random(4000), same).item() == pytest.approx(0.5, abs=0.06)


def test_what_is_not_defined_is_nan():
    one = np.array([0.1, 0.2])
    assert np.isnan(two_afc(np.array([np.nan, 0.1]), one, one)).tolist() == [True, False]
    assert np.isnan(jnd_precision(np.array([np.nan, 0.1]), one)).all()
    assert np.isnan(jnd_precision(one, np.zeros(2))).all()


def test_wrong_arguments():
    one, two = np.zeros(1), np.zeros(2)
    with pytest.raises(ValueError, match=r"d0 and d1 must be .*; got \(1,\), \(2,\), \(1,\)"):
        two_afc(one, two, one)
    with pytest.raises(ValueError, match=r"share of shape \(N,\); got \(2,\), \(2,\), \(1,\)"):
        two_afc(two, two, one)
    with pytest.raises(ValueError, match=r"times of shape \(R, N\); got \(2,\), \(2,\), \(1, 3\)"):
        jnd_precision(two, two, np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"distance and same must be .*; got \(1,\), \(2,\)"):
        jnd_precision(one, two)
    for call in (lambda share: two_afc(two, two, share), ceiling):
        with pytest.raises(ValueError, match=r"share must be shares from 0 to 1, got .*-0.5.* to .*2.0"):
            call(np.array([-0.5, 2.0]))
    with pytest.raises(ValueError, match=r"same must be shares from 0 to 1, got .*nan"):
        jnd_precision(two, np.array([np.nan, 0]))
