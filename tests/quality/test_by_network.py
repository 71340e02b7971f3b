"""Several networks at once, against one network, one image and one resample at a time."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

from dsd import VGG19Lite, downscale, dsd_matrices, dsd_norm, gram_matrix, l1_norm, load_backbone
from dsd.data.images import load_image
from dsd.data.rated import Pair, RatedImages
from dsd.data.views import Photographs
from dsd.quality.by_network import (
    DIFFERENCE,
    INDEX,
    TRAINED,
    measure_photographs,
    of_photographs,
    of_ratings,
    score_networks,
    summarise_networks,
)
from dsd.quality.evaluate import agreement
from dsd.quality.follows import TEXTURE
from dsd.quality.statistics import statistics


@pytest.fixture(scope="module")
def networks():
    return {
        ("lite", TRAINED): VGG19Lite(("relu1_2", "relu2_1")),
        ("lite", "random 0"): VGG19Lite(("relu1_2", "relu2_1"), "random-0"),
        ("lite", "random 1"): VGG19Lite(("relu1_2", "relu2_1"), "random-1"),
        ("squeezenet", "random 0"): load_backbone("squeezenet", ["relu1"], "random", device="cpu"),
    }


@pytest.fixture(scope="module")
def photographs():
    return Photographs.from_folder("embedded", resize=80, crop=72, count=8)


@pytest.fixture(scope="module")
def values(photographs, networks):
    return measure_photographs(photographs, networks, alpha=4, dsd_alpha=2)


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """Two references with four noisy images each, rated by their noise and a little chance."""
    folder, generator, pairs = tmp_path_factory.mktemp("rated"), np.random.default_rng(0), []
    for name in "ab":
        clean = generator.integers(60, 190, (6, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
        for strength in (0, 5, 10, 20, 40):
            noisy = clean + strength * generator.standard_normal(clean.shape)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{name}{strength}.png")
        for a, b in ((5, 10), (20, 5), (5, 40), (20, 10), (40, 10), (20, 40)):
            images = [folder / f"{name}{strength}.png" for strength in (0, a, b)]
            pairs.append(Pair(*images, float(generator.normal(b - a, 5))))
    return RatedImages("noise", pairs, "score difference")


def test_values_are_those_of_one_network_at_a_time(values, photographs, networks):
    pairs = photographs.pairs(same_group=False)
    assert len(values) == len(pairs) * 2 * (3 * 2 + 1)
    table = values.set_index(["pair", "view", *INDEX]).sort_index()
    for (name, weights), network in networks.items():
        layer = network.layers[-1]
        for number, pair in enumerate(pairs):
            x, y = (photographs[index][None] for index in pair)
            g, h, small = (gram_matrix(network(image)[layer]) for image in (x, y, downscale(y, 4)))
            row = table.loc[number, 1, name, weights, layer]
            assert row["between"] == pytest.approx(l1_norm(g - h).item(), rel=1e-4)
            assert row.own == pytest.approx(l1_norm(h - small).item(), rel=1e-4)
            assert row.norm == pytest.approx(dsd_norm(y, network)[layer, 2].item(), rel=1e-4)
            assert row[TEXTURE] == pytest.approx(statistics(y)[TEXTURE].item(), rel=1e-4)


def test_one_scaling_factor_for_all(photographs, networks):
    one = {key: networks[key] for key in [("lite", TRAINED)]}
    values = measure_photographs(photographs, one, alpha=2, dsd_alpha=2)
    assert values.own.equals(values.norm)


def test_what_figures_2_3_and_7_say_against_formulas_written_out(values):
    samples = of_photographs(values, resamples=300, seed=0)
    assert {len(table) for table in samples.values()} == {301}
    for key, own in values.groupby(INDEX):
        assert samples["self"][key][0] == pytest.approx(own.own.mean() / own.between.mean())
        assert samples["texture"][key][0] == pytest.approx(spearmanr(own.norm, own[TEXTURE]).statistic)
        assert samples["spread"][key][0] == pytest.approx(own.norm.quantile(0.95) / own.norm.quantile(0.05))
    # The bootstrap, with other draws: pairs, each with both views.
    own = values[(values[INDEX] == ["lite", TRAINED, "relu2_1"]).all(axis=1)]
    by_pair = own.groupby("pair")[["own", "between"]].mean().to_numpy()
    draws = np.random.default_rng(1).integers(len(by_pair), size=(4000, len(by_pair)))
    expected = np.divide(*by_pair[draws].mean(axis=1).T)
    many = of_photographs(values, resamples=4000, seed=0)["self"]["lite", TRAINED, "relu2_1"][1:]
    np.testing.assert_allclose(np.quantile(many, [0.1, 0.5, 0.9]), np.quantile(expected, [0.1, 0.5, 0.9]), rtol=0.03)


def test_a_scale_of_the_features_changes_nothing(values):
    scaled = values.assign(**{name: 7 * values[name] for name in ("between", "own", "norm")})
    for kind, samples in of_photographs(values, resamples=20).items():
        pd.testing.assert_frame_equal(of_photographs(scaled, resamples=20)[kind], samples)


def test_equal_photographs_are_an_error(values):
    with pytest.raises(ValueError, match="photographs must differ from each other, all pairs are of two equal ones"):
        of_photographs(values.assign(between=0.0))


def test_ratings_are_those_of_one_loss_at_a_time(rated, networks):
    scores = score_networks(rated, networks, alpha=2)
    assert list(scores)[2:] == [f"{name}/{w}/{layer}" for (name, w), at in networks.items() for layer in at.layers]
    for (name, weights), network in networks.items():
        layer = network.layers[-1]
        for row in scores[::3].to_dict("records"):
            x, y = (
                dsd_matrices(load_image(rated.root / row[key])[None], network, (2,))[layer, 2]
                for key in ("distorted", "reference")
            )
            assert row[f"{name}/{weights}/{layer}"] == pytest.approx((x - y).abs().mean().item(), rel=1e-4)
    samples = of_ratings(scores, rated, resamples=50, seed=3)
    table = agreement(scores, rated, resamples=50, seed=3).table()
    assert samples.iloc[0].to_list() == pytest.approx(table.pearson.to_list())
    assert samples[1:].quantile(0.025).to_list() == pytest.approx(table.pearson_low.to_list())


def test_differences_are_of_the_same_images_and_of_drawn_seeds():
    generator = np.random.default_rng(0)
    images = generator.normal(0, 1, (4001, 1))  # what a resample does to all networks alike
    values = np.hstack([5 + images, 1 + images, 2 + images, 6 + images, 3 + images])
    keys = [("a", TRAINED), ("a", "random 0"), ("a", "random 1"), ("a", "random 2"), ("b", TRAINED)]
    columns = pd.MultiIndex.from_tuples([(*key, "relu1") for key in keys], names=INDEX)
    table = summarise_networks(pd.DataFrame(values, columns=columns), seed=0)
    assert len(table) == 5 + 1  # none of b, which has no random weights
    row = table[table.weights == DIFFERENCE].squeeze()
    assert (row.network, row.layer) == ("a", "relu1")
    assert row.value == pytest.approx(5 - 3)
    assert (row.lowest, row.highest) == (pytest.approx(-1), pytest.approx(4))
    draws = 5 - generator.choice([1, 2, 6], (20000, 3)).mean(axis=1)  # the images' part is gone
    assert [row.low, row.high] == pytest.approx(np.quantile(draws, [0.025, 0.975]).tolist(), abs=0.01)


def test_random_weights_alone_have_no_difference():
    columns = pd.MultiIndex.from_tuples([("a", "random 0", "relu1")], names=INDEX)
    table = summarise_networks(pd.DataFrame(torch.rand(20, 1).numpy(), columns=columns))
    assert table.weights.tolist() == ["random 0"]
