from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.stats import pearsonr, spearmanr

from dsd.data.rated import Pair, RatedImages
from dsd.quality.evaluate import agreement, correlations, score
from dsd.quality.resampling import Bootstrap

REFERENCES, IMAGES = 5, 6


@pytest.fixture
def rated(tmp_path):
    """References of brightness 0, whose distorted images are brighter and brighter, each rated with the reference."""
    generator = np.random.default_rng(0)
    pairs = []
    for n in range(REFERENCES):
        paths = [tmp_path / "references" / f"{n}.png"] + [tmp_path / f"{n}" / f"{i}.png" for i in range(1, IMAGES)]
        for i, path in enumerate(paths):
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (16, 16), (40 * i + n,) * 3).save(path)
        for a, b in combinations(range(IMAGES), 2):
            one, other = generator.permutation([a, b])
            preference = 1 / (1 + np.exp(one - other + generator.normal(scale=0.8)))
            pairs.append(Pair(paths[0], paths[one], paths[other], round(4 * preference) / 4))
    return RatedImages("grey", pairs, "probability")


def random_scores(rated, **measures):
    """A table of scores with random values, and those of `measures`: {name: function of a path's number}."""
    generator = np.random.default_rng(1)
    rows = [
        {
            "reference": reference.relative_to(rated.root).as_posix(),
            "distorted": image.relative_to(rated.root).as_posix(),
            "random": generator.normal() + int(image.stem),
            **{name: function(0 if image == reference else int(image.stem)) for name, function in measures.items()},
        }
        for reference, images in rated.images().items()
        for image in images
    ]
    return pd.DataFrame(rows)


def differences(scores, rated, measure):
    """Δ and preference by pair, written out; and the number of each pair's reference."""
    value = {(row["reference"], row["distorted"]): row[measure] for _, row in scores.iterrows()}
    delta, preference, group = [], [], []
    for pair in rated.pairs:
        reference, a, b = (path.relative_to(rated.root).as_posix() for path in (pair.reference, pair.a, pair.b))
        delta.append(value[reference, b] - value[reference, a])
        preference.append(pair.preference)
        group.append(int(pair.reference.stem))
    return np.array(delta), np.array(preference), np.array(group)


class Recorder:
    """Describes an image by its mean, and remembers what it was given; breaks before image number `until`."""

    def __init__(self, until=None):
        self.seen = []
        self.until = until

    def __call__(self, x):
        assert x.shape == (1, 3, 16, 16)
        assert torch.is_inference_mode_enabled()
        if len(self.seen) == self.until:
            raise KeyboardInterrupt
        self.seen.append(round(x.mean().item() * 255))
        return x.mean()


def compare(distorted, reference):
    return {"difference": abs(distorted - reference), "signed": (distorted - reference).item()}


def test_scores_every_image_once(rated):
    encode = Recorder()
    table = score(rated, encode, compare)
    assert sorted(encode.seen) == sorted(40 * i + n for n in range(REFERENCES) for i in range(IMAGES))
    assert list(table.columns) == ["reference", "distorted", "difference", "signed"]
    assert len(table) == REFERENCES * IMAGES
    first = table[table.reference == "references/0.png"].set_index("distorted").difference
    assert list(first.index) == [*(f"0/{i}.png" for i in range(1, IMAGES)), "references/0.png"]
    np.testing.assert_allclose(first, np.array([40, 80, 120, 160, 200, 0]) / 255, atol=1e-6)


def test_scores_on_the_device(rated, device):
    def encode(x):
        assert x.device.type == device
        return x.mean()

    assert len(score(rated, encode, compare, device=device)) == REFERENCES * IMAGES


def test_compare_is_given_the_reference_second(rated):
    assert (score(rated, Recorder(), compare).signed >= 0).all()


def test_measures_must_stay_the_same(rated):
    with pytest.raises(ValueError, match=r"an earlier image has the measures \['40.0'\], 0/2.png has \['80.0'\]"):
        score(rated, Recorder(), lambda x, y: {str(round((x - y).item() * 255, 1)): 0.0})


def test_correlations_are_scipys(rated):
    scores = random_scores(rated)
    delta, preference, _ = differences(scores, rated, "random")
    row = correlations(scores, rated, resamples=10).iloc[0]
    assert row.measure == "random"
    assert row.pearson == pytest.approx(pearsonr(preference, delta).statistic, abs=1e-12)
    assert row.spearman == pytest.approx(spearmanr(preference, delta).statistic, abs=1e-12)
    agreeing = [(d > 0) == (p > 0.5) for d, p in zip(delta, preference, strict=True) if p != 0.5]
    assert 0 < len(agreeing) < len(preference)
    assert row.agreement == pytest.approx(np.mean(agreeing), abs=1e-12)


def test_logistic_bandwidth_is_the_best_one(rated):
    scores = random_scores(rated)
    delta, preference, _ = differences(scores, rated, "random")
    row = correlations(scores, rated, resamples=10).iloc[0]

    def of(bandwidth):
        return pearsonr(preference, 1 / (1 + np.exp(-bandwidth * delta))).statistic

    assert row.pearson_logistic == pytest.approx(of(row.bandwidth), abs=1e-12)
    assert row.pearson_logistic >= max(of(k) for k in np.geomspace(0.01, 100, 2000)) - 1e-9
    assert row.pearson_logistic > row.pearson
    scaled = correlations(scores.assign(random=scores.random * 1e-4), rated, resamples=10).iloc[0]
    assert scaled.bandwidth == pytest.approx(1e4 * row.bandwidth, rel=1e-3)
    assert scaled.pearson_logistic == pytest.approx(row.pearson_logistic, abs=1e-9)


def test_logistic_recovers_a_known_bandwidth(rated):
    scores = random_scores(rated)
    delta, _, _ = differences(scores, rated, "random")
    probabilities = 1 / (1 + np.exp(-3 * delta))
    pairs = [Pair(p.reference, p.a, p.b, q) for p, q in zip(rated.pairs, probabilities, strict=True)]
    row = correlations(scores, RatedImages("logistic", pairs, "probability"), resamples=10).iloc[0]
    assert row.bandwidth == pytest.approx(3, rel=1e-3)
    assert row.pearson_logistic == pytest.approx(1, abs=1e-6)


def test_perfect_and_inverted_measures(rated):
    pairs = [
        Pair(p.reference, p.a, p.b, int(p.b.stem) - int(p.a.stem)) for p in rated.pairs if p.reference not in (p.a, p.b)
    ]
    rated = RatedImages("perfect", pairs, "score difference")
    table = correlations(random_scores(rated, perfect=float, inverted=lambda i: -i), rated, resamples=50)
    perfect, inverted = (table[table.measure == name].iloc[0] for name in ("perfect", "inverted"))
    for name in ("pearson", "spearman"):
        for end in ("", "_low", "_high"):
            assert perfect[name + end] == pytest.approx(1)
            assert inverted[name + end] == pytest.approx(-1)
    assert perfect.pearson_logistic == pytest.approx(1, abs=1e-3)
    assert [perfect.agreement, perfect.agreement_low, inverted.agreement, inverted.agreement_high] == [1, 1, 0, 0]


def test_ties_count_one_half(rated):
    row = correlations(random_scores(rated, tied=lambda i: i // 2), rated, resamples=10).iloc[1]
    delta, preference, _ = differences(random_scores(rated, tied=lambda i: i // 2), rated, "tied")
    expected = [0.5 if d == 0 else float((d > 0) == (p > 0.5)) for d, p in zip(delta, preference, strict=True)]
    assert 0.5 in expected
    assert row.agreement == pytest.approx(np.mean([e for e, p in zip(expected, preference, strict=True) if p != 0.5]))
    assert row.spearman == pytest.approx(spearmanr(preference, delta).statistic)


def test_measures_without_correlation_are_nan_in_silence(rated):
    table = correlations(
        random_scores(rated, constant=lambda _: 0.1, missing=lambda i: np.nan if i == 2 else i), rated, resamples=10
    ).set_index("measure")
    correlation = [name for name in table if not name.startswith("agreement")]
    assert table.loc["constant", correlation].isna().all()
    assert table.loc["constant", "agreement"] == 0.5
    assert table.loc["missing"].isna().all()
    assert table.loc["random"].notna().all()


def test_infinite_values_still_have_ranks(rated):
    """−PSNR of a reference with itself."""
    row = correlations(random_scores(rated, psnr=lambda i: i or -np.inf), rated, resamples=10).iloc[1]
    finite = correlations(random_scores(rated, psnr=lambda i: i or -99), rated, resamples=10).iloc[1]
    assert np.isnan(row.pearson)
    assert row.agreement == finite.agreement
    assert 0 < row.spearman < 1
    assert 0 < row.pearson_logistic < 1


def test_intervals_are_of_resampled_references_and_images(rated):
    scores, seed = random_scores(rated), 3
    row = correlations(scores, rated, resamples=200, seed=seed).iloc[0]
    delta, preference, _ = differences(scores, rated, "random")
    ranks = [pd.Series(values).rank().to_numpy() for values in (delta, preference)]
    decided = preference != 0.5
    bootstrap = Bootstrap(rated, 200, seed)
    samples = {
        "pearson": bootstrap.correlation(delta[:, None], preference[:, None]),
        "pearson_logistic": bootstrap.correlation(
            1 / (1 + np.exp(-row.bandwidth * delta[:, None])), preference[:, None]
        ),
        "spearman": bootstrap.correlation(ranks[0][:, None], ranks[1][:, None]),
        "agreement": bootstrap.mean(((delta > 0) == (preference > 0.5))[:, None], decided[:, None]),
    }
    for name, of_samples in samples.items():
        low, high = np.percentile(of_samples[1:], [2.5, 97.5])
        np.testing.assert_allclose([row[f"{name}_low"], row[f"{name}_high"]], [low, high], atol=1e-10)
        assert row[f"{name}_low"] < row[name] < row[f"{name}_high"]


def test_one_reference_has_an_interval_of_its_images(rated):
    one = RatedImages("one", rated.pairs[: len(rated.pairs) // REFERENCES], rated.kind)
    row = correlations(random_scores(one), one).iloc[0]
    assert row.pearson_low < row.pearson < row.pearson_high


def test_differences_are_paired(rated):
    scores = random_scores(rated, better=float, same=float)
    scores["better"] += scores.random / 10
    scores["same"] += scores.random / 10
    found = agreement(scores, rated, resamples=100, seed=5)
    table = found.differences([("better", "random"), ("better", "same")])
    assert list(table.columns[:5]) == ["measure", "minus", "pearson", "pearson_low", "pearson_high"]
    assert table[["measure", "minus"]].to_numpy().tolist() == [["better", "random"], ["better", "same"]]
    preference = np.array([[pair.preference] for pair in rated.pairs])
    each = [
        Bootstrap(rated, 100, 5).correlation(differences(scores, rated, name)[0][:, None], preference)[:, 0]
        for name in ("better", "random")
    ]
    of_all, *resampled = each[0] - each[1]
    row = table.iloc[0]
    np.testing.assert_allclose(row.pearson, of_all, atol=1e-12)
    np.testing.assert_allclose([row.pearson_low, row.pearson_high], np.percentile(resampled, [2.5, 97.5]), atol=1e-12)
    alone = found.table().set_index("measure")
    assert row.pearson == pytest.approx(alone.pearson["better"] - alone.pearson["random"])
    assert (table.iloc[1, 2:] == 0).all()


def test_each_reference_alone(rated):
    scores = random_scores(rated, perfect=float)
    found = agreement(scores, rated, resamples=10)
    delta, preference, group = differences(scores, rated, "random")
    alone = [pearsonr(delta[group == n], preference[group == n]).statistic for n in range(REFERENCES)]
    np.testing.assert_allclose(found.alone["random"], alone)
    assert list(found.alone.index) == [f"references/{n}.png" for n in range(REFERENCES)]
    row = found.table().iloc[0]
    assert (row.pearson_lowest, row.pearson_highest) == pytest.approx((min(alone), max(alone)))
    row = found.differences([("perfect", "random")]).iloc[0]
    each = found.alone["perfect"] - found.alone["random"]
    assert (row.pearson_lowest, row.pearson_highest) == (each.min(), each.max())


def test_a_given_bandwidth(rated):
    scores = random_scores(rated)
    delta, preference, _ = differences(scores, rated, "random")
    row = agreement(scores, rated, bandwidth=0.5, resamples=10).table().iloc[0]
    assert row.bandwidth == 0.5
    assert row.pearson_logistic == pytest.approx(pearsonr(preference, 1 / (1 + np.exp(-0.5 * delta))).statistic)


def test_scores_must_be_of_these_images(rated):
    scores = random_scores(rated)
    with pytest.raises(
        ValueError, match=r"scores lack 1 images of grey, the first is \('references/0.png', '0/1.png'\)"
    ):
        correlations(scores[1:], rated)
    with pytest.raises(ValueError, match=r"one row per image, \('references/0.png', '0/1.png'\) has several"):
        correlations(pd.concat([scores, scores[:1]]), rated)
