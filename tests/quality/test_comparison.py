"""What Table 1 says of one set of images, on scores whose answers are known."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import pearsonr

from dsd.data.rated import Pair, RatedImages
from dsd.quality.comparison import analyse, column, compared, in_columns, next_reference
from dsd.quality.evaluate import agreement
from dsd.quality.resampling import next_one

NAMES = [
    *(f"{measure} {layer} zeros" for layer in ("relu2_1", "relu3_1") for measure in ("Style", "MSS", "DSD_2")),
    "Style relu3_1 reflect",
    "LPIPS alexnet zeros",
]


@pytest.fixture
def rated():
    generator = np.random.default_rng(0)
    badness = {(n, i): generator.normal() for n in range(2) for i in range(6)}
    pairs = [
        Pair(Path(f"{n}.png"), Path(f"{n}/{a}.png"), Path(f"{n}/{b}.png"), badness[n, b] - badness[n, a])
        for n in range(2)
        for a, b in combinations(range(6), 2)
    ]
    return RatedImages("set", pairs, "score difference", {pair.a: "blur" for pair in pairs[:2]})


@pytest.fixture
def scores(rated):
    generator = np.random.default_rng(1)
    rows = [
        {"reference": str(reference), "distorted": str(image), **{name: generator.normal(scale=1e-3) for name in NAMES}}
        for reference, images in rated.images().items()
        for image in images
    ]
    return pd.DataFrame(rows)


def test_the_names_of_columns():
    found = column("LPIPS alexnet zeros")
    assert (found.measure, found.layer, found.padding, found.place) == ("LPIPS", "alexnet", "zeros", "alexnet zeros")
    with pytest.raises(TypeError):
        column("Style relu2_1")


def test_what_is_compared():
    assert set(compared(NAMES)) == {
        ("MSS relu2_1 zeros", "Style relu2_1 zeros"),
        ("DSD_2 relu2_1 zeros", "Style relu2_1 zeros"),
        ("DSD_2 relu2_1 zeros", "MSS relu2_1 zeros"),
        ("MSS relu3_1 zeros", "Style relu3_1 zeros"),
        ("DSD_2 relu3_1 zeros", "Style relu3_1 zeros"),
        ("DSD_2 relu3_1 zeros", "MSS relu3_1 zeros"),
        ("Style relu3_1 zeros", "Style relu2_1 zeros"),
        ("MSS relu3_1 zeros", "MSS relu2_1 zeros"),
        ("DSD_2 relu3_1 zeros", "DSD_2 relu2_1 zeros"),
        ("Style relu3_1 reflect", "Style relu3_1 zeros"),
        ("LPIPS alexnet zeros", "Style relu3_1 zeros"),
        ("LPIPS alexnet zeros", "MSS relu3_1 zeros"),
        ("LPIPS alexnet zeros", "DSD_2 relu3_1 zeros"),
    }


def test_rows(rated, scores):
    found = agreement(scores, rated, resamples=20)
    table = in_columns(analyse(found, scores, rated, seed=0))
    assert list(table.columns[:6]) == ["dataset", "kind", "measure", "layer", "padding", "minus"]
    assert (table.dataset == "set").all()
    of = dict(iter(table.groupby("kind", sort=False)))
    assert list(of) == ["correlation", "difference", "reference", "logistic", "type"]
    own = of["correlation"].set_index(["measure", "layer", "padding"])
    assert len(own) == len(NAMES)
    assert own.paper["Style", "relu3_1", "zeros"] == own.paper["Style", "relu3_1", "reflect"] == 0.714
    assert own.paper["LPIPS", "alexnet", "zeros"] == 0.641
    assert table.paper[table.kind != "correlation"].isna().all()
    assert len(of["difference"]) == len(list(compared(NAMES)))
    row = of["difference"].iloc[0]
    assert (row.measure, row.layer, row.minus) == ("MSS", "relu2_1", "Style relu2_1 zeros")
    assert row.pearson == pytest.approx(
        own.pearson["MSS", "relu2_1", "zeros"] - own.pearson["Style", "relu2_1", "zeros"]
    )
    alone = of["reference"].set_index(["reference", "measure", "layer", "padding"]).pearson
    assert len(alone) == 2 * len(NAMES)
    assert alone["1.png", "Style", "relu3_1", "reflect"] == found.alone.loc["1.png", "Style relu3_1 reflect"]
    types = of["type"]
    assert set(types.type) == {"blur"}
    assert set(types[types.minus.isna()].measure) == {"Style", "MSS", "DSD_2", "LPIPS"}
    assert set(types.minus.dropna()) == {"Style relu3_1 zeros", "MSS relu3_1 zeros", "LPIPS alexnet zeros"}
    assert types.bias.notna().all()


def test_the_authors_logistic(rated, scores):
    table = in_columns(analyse(agreement(scores, rated, resamples=2), scores, rated, seed=0))
    rows = table[(table.kind == "logistic") & (table.layer == "relu2_1")].set_index(["measure", "minus"])
    assert (rows.padding == "zeros").all()
    value = scores.set_index("distorted")
    preference = [pair.preference for pair in rated.pairs]

    def of(name, k):
        delta = np.array([value[name][str(pair.b)] - value[name][str(pair.a)] for pair in rated.pairs])
        return pearsonr(preference, expit(k * delta)).statistic

    expected = {
        (f"{measure}(k={k})", None): of(f"{measure} relu2_1 zeros", k)
        for measure in ("Style", "MSS")
        for k in (500, 1000)
    }
    style, wide = "Style(k=500) relu2_1 zeros", expected["Style(k=1000)", None]
    expected["Style(k=1000)", style] = wide - expected["Style(k=500)", None]
    expected["MSS(k=1000)", style] = expected["MSS(k=1000)", None] - expected["Style(k=500)", None]
    found = {(a, None if pd.isna(b) else b): value for (a, b), value in rows.pearson_logistic.items()}
    assert found == pytest.approx(expected)


def test_the_next_reference():
    alone = pd.DataFrame({"Style relu2_1 zeros": [0.5, 0.6, 0.4], "MSS relu2_1 zeros": [0.6, 0.8, 0.4]})
    (row,) = next_reference(alone, compared(list(alone))).to_dict("records")
    assert (row["measure"], row["minus"]) == ("MSS relu2_1 zeros", "Style relu2_1 zeros")
    assert (row["kind"], row["dataset"]) == ("next reference", "all")
    assert [row["pearson_lowest"], row["pearson_highest"]] == pytest.approx([0, 0.2])
    assert [row[f"pearson{end}"] for end in ("", "_low", "_high")] == pytest.approx(next_one([0.1, 0.2, 0.0]))
    assert next_reference(alone[:1], compared(list(alone))).empty
