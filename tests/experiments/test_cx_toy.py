import numpy as np
import pandas as pd
import pytest

from dsd.experiments import cx_toy
from dsd.experiments.provenance import Result

SMALL = {"points": 40, "seeds": 6, "means": [0, 1], "stds": [0, 0.5, 1, 2], "lost": [0, 0.5], "bandwidth": 0.5}


@pytest.fixture(scope="module")
def computed():
    return cx_toy.compute(**SMALL, seed=3)


@pytest.fixture
def result(computed):
    return Result("cx-toy", computed.table, {"parameters": SMALL | {"seed": 3}})


def own_sets():
    """The sets as NumPy draws them, without the experiment's help."""
    return [np.random.default_rng(seed).standard_normal((2, 40, 2)) for seed in range(3, 9)]


def test_its_data_are_synthetic_points(computed):
    about = computed.datasets["points"].provenance()
    assert computed.backbone is None
    assert about["summary"] == "synthetic: sets of 40 points of a 2-D Gaussian (6 seeds)"
    assert about["count"] == 6
    others = [cx_toy.Points(40, 6, 4), cx_toy.Points(40, 5, 3), cx_toy.Points(39, 6, 3)]
    assert about["values_sha256"] not in [other.provenance()["values_sha256"] for other in others]


def test_l2s_expectation_is_the_formulas():
    """E‖a − b‖² = mean² + 2 (1 + std²), for independent points in a plane."""
    many = SMALL | {"points": 300, "seeds": 10, "lost": [0], "stds": [0.5, 1]}
    table = cx_toy.compute(**many, seed=0).table
    rows = table[(table.kind == "value") & (table.measure == "L2")]
    np.testing.assert_allclose(rows.value, rows["mean"] ** 2 + 2 * (1 + rows["std"] ** 2), rtol=0.07)


def test_values_are_means_over_seeds(computed):
    table = computed.table.set_index(["kind", "measure", "mean", "std", "lost"]).sort_index()
    moved = [((other * 0.5 + [1, 0] - fixed) ** 2).sum(axis=1).mean() for fixed, other in own_sets()]
    row = table.loc["value", "L2", 1, 0.5, 0]
    assert row.tolist() == pytest.approx([np.mean(moved), *np.percentile(moved, [2.5, 97.5])])
    same = [((other - fixed) ** 2).sum(axis=1).mean() for fixed, other in own_sets()]
    assert table.loc["times", "L2", 1, 0.5, 0].value == pytest.approx(np.mean(np.divide(moved, same)))
    half = [((other - fixed)[:20] ** 2).sum(axis=1).mean() for fixed, other in own_sets()]
    assert table.loc["value", "L2", 0, 1, 0.5].value == pytest.approx(np.mean(half))


def test_of_a_similarity_the_loss_is_its_logarithm():
    rows = [
        {"measure": "CX", "mean": 0.0, "std": std, "lost": 0.0, "seed": seed, "value": value}
        for std, values in {1.0: (0.5, 0.5), 2.0: (0.25, 0.25)}.items()
        for seed, value in enumerate(values)
    ]
    table = cx_toy.summarise(pd.DataFrame(rows)).set_index(["kind", "std"]).value
    assert table["times", 2.0] == pytest.approx(2)
    assert table["value", 2.0] == 0.25
    assert table["best std"].item() == 1


def test_where_the_measures_are_best(result):
    """Of sets this small already: CX where the distributions agree, L2 where all points are in one place."""
    told = cx_toy.best(result)
    assert list(told.index) == list(cx_toy.MEASURES)
    assert told["standard deviation"]["CX"].startswith("1 [")
    assert told.loc["L2"].tolist() == ["0 [0, 0]", "0 [0, 0]"]


@pytest.mark.parametrize("width", ["page", "column"])
def test_lines_and_maps_are_the_tables_values(result, width):
    figure = cx_toy.draw(result, width)
    upper, lower = figure.subfigs
    table = result.table.set_index(["kind", "measure", "mean", "std", "lost"]).value
    expected = {
        "Mean": lambda measure: [table["times", measure, mean, 1, 0] for mean in (0, 1)],
        "Std. deviation": lambda measure: [table["times", measure, 0, std, 0] for std in (0, 0.5, 1, 2)],
        "Share lost": lambda measure: [table["times", measure, 0, 1, lost] for lost in (0, 0.5)],
    }
    for axis in upper.axes[3:]:
        drawn = {line.get_label(): list(line.get_ydata()) for line in axis.get_lines()[:4]}
        assert drawn == {name: pytest.approx(expected[axis.get_xlabel()](name)) for name in cx_toy.MEASURES}
    for axis, measure in zip(lower.axes[:4], cx_toy.MEASURES, strict=True):
        drawn = axis.collections[0].get_array()
        values = [[table["value", measure, mean, std, 0] for mean in (0, 1)] for std in (0, 0.5, 1, 2)]
        np.testing.assert_allclose(drawn, values)


def test_the_caption_tells_where_each_is_best(result):
    text = cx_toy.caption(result)
    assert "A fixed set of 40 points" in text
    assert "CX 1 [" in text
    assert "L2 0 [0, 0]" in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"means": [1, 2]}, r"the values of mean must have 0, no change; got \[1, 2\]"),
        ({"stds": [0, 2]}, r"the values of std must have 1, no change; got \[0, 2\]"),
        ({"lost": [0.5]}, r"the values of lost must have 0, no change; got \[0\.5\]"),
        ({"seeds": 1}, "seeds must be at least 2, so that their spread is known; got 1"),
        ({"lost": [0, 1]}, r"lost must be shares from 0 to below 1 that leave one of 40 points, got \[0, 1\]"),
        ({"lost": [0, 0.99]}, r"that leave one of 40 points, got \[0, 0\.99\]"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        cx_toy.compute(**SMALL | changes, seed=0)
