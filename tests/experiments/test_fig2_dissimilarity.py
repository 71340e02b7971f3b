from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dsd import downscale, gram_matrix, l1_norm, patch_gram
from dsd.data.views import Photographs
from dsd.experiments.fig2_dissimilarity import KINDS, deep_and_patch_grams, dissimilarities, measure, summarise


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    """Three classes of four noisy images each, of a brightness that is the class's own."""
    root = tmp_path_factory.mktemp("classes")
    generator = np.random.default_rng(0)
    for label in range(3):
        (root / f"class{label}").mkdir()
        for number in range(4):
            pixels = generator.integers(80 * label, 80 * label + 80, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / f"class{label}" / f"{number}.png")
    return root


@pytest.fixture
def photographs(classes):
    return Photographs.from_folder(classes, resize=None, crop=24)


@pytest.fixture
def encode(backbone):
    return partial(deep_and_patch_grams, backbone=backbone, patch_sizes=[2])


def test_values_are_those_of_one_pair_at_a_time(photographs, encode, backbone):
    pairs = [(0, 3), (7, 2), (4, 11)]
    values = dissimilarities(photographs, pairs, "Random", encode, alpha=2, batch_size=3)
    images = [photographs[index][None] for pair in pairs for index in pair]
    for name, of in [("relu2_1", lambda x: gram_matrix(backbone(x)["relu2_1"])), ("n=2", lambda x: patch_gram(x, 2))]:
        mine = values[values.descriptor == name]
        own = [l1_norm(of(x) - of(downscale(x, 2))).item() for x in images]
        np.testing.assert_allclose(mine.value[mine.kind == "Self"], own, rtol=1e-4)
        between = [l1_norm(of(x) - of(y)).item() for x, y in zip(images[0::2], images[1::2], strict=True)]
        np.testing.assert_allclose(mine.value[mine.kind == "Random"], between, rtol=1e-4)


def test_measure_finds_classes_closer_than_random_pairs(photographs, encode):
    values = measure(photographs, photographs, encode, alpha=2)
    summary = summarise(values, resamples=200).set_index(["descriptor", "kind"])
    assert summary.loc[("n=2", "Same class"), "count"] == 6
    assert summary.loc[("n=2", "Self"), "count"] == 2 * summary.loc[("n=2", "Random"), "count"] >= 8
    assert summary.loc[("n=2", "Same class"), "ratio_high"] < 0.5


def test_measure_needs_pairs_before_it_computes(tmp_path, photographs):
    Image.new("RGB", (24, 24)).save(tmp_path / "only.png")
    only = Photographs.from_folder(tmp_path, resize=None, crop=24)
    with pytest.raises(ValueError, match="has 0 pairs of two photographs, at least 2 are needed"):
        measure(only, photographs, encode=None, alpha=2)
    with pytest.raises(ValueError, match="has 0 pairs of the same photograph"):
        measure(photographs, only, encode=None, alpha=2)


def test_equal_images_are_an_error_not_a_division_by_zero(photographs):
    values = measure(photographs, photographs, lambda x: {"nothing": torch.zeros(len(x), 2, 2)}, alpha=2)
    with pytest.raises(ValueError, match="the images do not differ"):
        summarise(values)


def test_summary_against_a_bootstrap_written_out():
    generator = np.random.default_rng(1)
    samples = {"Random": generator.gamma(4, 1, 300), "Same class": generator.gamma(4, 0.5, 200), "Self": np.ones(50)}
    values = pd.concat([pd.DataFrame({"descriptor": "d", "kind": k, "value": v}) for k, v in samples.items()])
    summary = summarise(values, resamples=4000).set_index("kind")
    assert tuple(summary.index) == KINDS
    random, same = (
        generator.choice(samples[kind], (4000, len(samples[kind]))).mean(1) for kind in ("Random", "Same class")
    )
    np.testing.assert_allclose(
        summary.loc["Random", ["mean_low", "mean_high"]].astype(float), np.quantile(random, [0.025, 0.975]), rtol=0.01
    )
    np.testing.assert_allclose(
        summary.loc["Same class", ["ratio_low", "ratio_high"]].astype(float),
        np.quantile(same / random, [0.025, 0.975]),
        rtol=0.02,
    )
    np.testing.assert_allclose(
        summary["ratio"].astype(float),
        [1, samples["Same class"].mean() / samples["Random"].mean(), 1 / samples["Random"].mean()],
    )
    assert summary.loc["Self", "mean_low"] == summary.loc["Self", "mean_high"] == 1
