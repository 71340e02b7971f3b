"""Dissimilarities of images and of scales, against one pair at a time and a bootstrap written out."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch

from dsd import VGG19, downscale, gram_matrix, l1_norm, patch_gram
from dsd.data.views import Photographs
from dsd.quality.borders import encode_scales
from dsd.quality.dissimilarity import dissimilarities, summarise


@pytest.fixture
def photographs(classes):
    return Photographs.from_folder(classes, resize=None, crop=24)


@pytest.fixture(scope="module")
def networks():
    return {padding: VGG19(("relu1_2", "relu2_1"), "random", padding=padding) for padding in ("zeros", "reflect")}


@pytest.fixture
def encode(networks):
    return partial(encode_scales, networks=networks, alpha=2, sides=[24, 16], patch_sizes=[2])


def test_values_are_those_of_one_pair_at_a_time(photographs, encode, networks):
    pairs = [(0, 3), (7, 2), (4, 11)]
    values = dissimilarities(photographs, pairs, "Random", encode, batch_size=3)
    images = [photographs[index][None] for pair in pairs for index in pair]
    assert set(values.images) == {photographs.name}
    assert len(values) == 3 * (2 * 2 * 2 + 1)
    of = {
        (24, "none", "n=2"): lambda x: patch_gram(x, 2),
        (24, "reflect", "relu2_1"): lambda x: gram_matrix(networks["reflect"](x)["relu2_1"]),
        (24, "zeros", "relu1_2"): lambda x: gram_matrix(networks["zeros"](x)["relu1_2"]),
    }
    of[16, "zeros", "relu1_2"] = of[24, "zeros", "relu1_2"]
    values = values.set_index(["side", "padding", "descriptor"]).sort_index(kind="stable")
    for key, gram in of.items():
        side, mine = key[0], values.loc[key]
        inner = [x[..., (24 - side) // 2 :, (24 - side) // 2 :][..., :side, :side] for x in images]
        own = [l1_norm(gram(x) - gram(downscale(x, 2))).item() for x in inner]
        np.testing.assert_allclose(mine.own, np.reshape(own, (3, 2)).mean(1), rtol=1e-4)
        between = [l1_norm(gram(x) - gram(y)).item() for x, y in zip(inner[0::2], inner[1::2], strict=True)]
        np.testing.assert_allclose(mine.between, between, rtol=1e-4)


def test_classes_are_closer_than_random_pairs(photographs, encode):
    values = [
        dissimilarities(photographs, photographs.pairs(same_group=kind == "Same class"), kind, encode)
        for kind in ("Random", "Same class")
    ]
    summary = (
        summarise(pd.concat(values), resamples=200).set_index(["side", "padding", "descriptor", "kind"]).sort_index()
    )
    patches = summary.loc[(24, "none", "n=2")]
    assert patches.loc["Same class", "count"] == 6
    assert patches.loc["Self", "count"] == 2 * patches.loc["Random", "count"] >= 8
    assert patches.loc["Same class", "ratio_high"] < 0.5


def test_equal_images_are_an_error_not_a_division_by_zero(photographs):
    def nothing(x):
        return {(24, "zeros", "nothing"): (torch.zeros(len(x), 2, 2), torch.zeros(len(x), 2, 2))}

    with pytest.raises(ValueError, match="must differ from each other, their mean is 0"):
        summarise(dissimilarities(photographs, [(0, 1), (2, 3)], "Random", nothing))


def test_summary_against_a_bootstrap_written_out():
    generator = np.random.default_rng(1)
    size = {"Random": 300, "Same class": 200}
    between = {"Random": generator.gamma(4, 1, 300), "Same class": generator.gamma(4, 0.5, 200)}
    own = {"zeros": between["Random"] + generator.normal(0, 0.3, 300)}
    own["reflect"] = own["zeros"] - 1 + generator.normal(0, 0.1, 300)
    tables = [
        pd.DataFrame({"padding": padding, "kind": kind, "between": between[kind], "own": values[: size[kind]]})
        for padding, values in own.items()
        for kind in size
    ]
    values = pd.concat(tables).assign(images="set", side=24, descriptor="d")
    summary = summarise(values, resamples=4000)
    assert summary[summary.kind == "Difference"].minus.tolist() == ["reflect"]
    summary = summary.set_index(["padding", "kind"]).sort_index()
    assert set(summary.loc["reflect"].index) == {"Random", "Same class", "Self"}
    draws = generator.integers(300, size=(4000, 300))
    random, zeros, reflect = (x[draws].mean(1) for x in (between["Random"], own["zeros"], own["reflect"]))
    same = generator.choice(between["Same class"], (4000, 200)).mean(1)
    for (padding, kind), column, expected in (
        (("zeros", "Random"), "mean", random),
        (("zeros", "Random"), "ratio", random / between["Random"].mean()),
        (("zeros", "Same class"), "ratio", same / random),
        (("zeros", "Self"), "mean", zeros),
        (("reflect", "Self"), "ratio", reflect / random),
        (("zeros", "Difference"), "ratio", (zeros - reflect) / random),
    ):
        row = summary.loc[(padding, kind)]
        limits = row[[f"{column}_low", f"{column}_high"]].astype(float)
        np.testing.assert_allclose(limits, np.quantile(expected, [0.025, 0.975]), rtol=0.02)
    assert summary.loc[("zeros", "Self"), "ratio"] == pytest.approx(own["zeros"].mean() / between["Random"].mean())
    of_difference = summary.loc[("zeros", "Difference")]
    assert of_difference.ratio == pytest.approx((own["zeros"] - own["reflect"]).mean() / between["Random"].mean())
    assert of_difference["count"] == 600


def test_nothing_to_compare_with_is_an_error():
    values = pd.DataFrame({"between": [1.0, 2.0], "own": [1.0, 1.0]})
    values = values.assign(images="set", side=24, padding="zeros", descriptor="d", kind="Random")
    with pytest.raises(ValueError, match="set has no Random pairs"):
        summarise(values.assign(kind="Same class"))
    with pytest.raises(ValueError, match="must differ from each other, their mean is nan"):
        summarise(values.assign(between=[1.0, np.nan]))
