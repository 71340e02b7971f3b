import itertools
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from dsd import downscale, gram, l1_norm, patch_gram
from dsd.data import Photographs
from dsd.dissimilarity import KINDS, deep_and_patch_grams, measure, neighbour_and_self_dissimilarities, summarise


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
def describe(backbone):
    return partial(deep_and_patch_grams, backbone=backbone, patch_sizes=[2])


def test_values_are_those_of_one_pair_at_a_time(photographs, describe, backbone):
    values = neighbour_and_self_dissimilarities(photographs, describe, alpha=2, batch_size=5)
    images = [photographs[i][None] for i in range(len(photographs))]
    for name, of in [("relu2_1", lambda x: gram(backbone(x)["relu2_1"])), ("n=2", lambda x: patch_gram(x, 2))]:
        mine = values[values.descriptor == name]
        own = [l1_norm(of(x) - of(downscale(x, 2))).item() for x in images]
        np.testing.assert_allclose(mine.value[mine.kind == "Self"], own, rtol=1e-4)
        between = [l1_norm(of(x) - of(y)).item() for x, y in itertools.pairwise(images)]
        kinds = [
            "Same class" if x.group == y.group else "Random"
            for x, y in zip(photographs.views, photographs.views[1:], strict=False)
        ]
        for kind in ("Random", "Same class"):
            expected = [value for value, of_kind in zip(between, kinds, strict=True) if of_kind == kind]
            np.testing.assert_allclose(mine.value[mine.kind == kind], expected, rtol=1e-4)


def test_batch_size_changes_nothing(photographs, describe):
    one, many = (
        neighbour_and_self_dissimilarities(photographs, describe, alpha=2, batch_size=size).sort_values(
            ["descriptor", "kind", "value"], ignore_index=True
        )
        for size in (1, 7)
    )
    assert (one.kind == many.kind).all()
    np.testing.assert_allclose(one.value, many.value, rtol=1e-4)


def test_measure_finds_classes_closer_than_random_pairs(photographs, describe):
    values = measure(photographs, photographs, describe, alpha=2)
    summary = summarise(values, resamples=200).set_index(["descriptor", "kind"])
    assert summary.loc[("n=2", "Same class"), "count"] == 9
    assert summary.loc[("n=2", "Self"), "count"] == 12
    assert summary.loc[("n=2", "Same class"), "ratio_high"] < 0.5


def test_measure_needs_pairs(tmp_path, photographs, describe):
    Image.new("RGB", (24, 24)).save(tmp_path / "only.png")
    only = Photographs.from_folder(tmp_path, resize=None, crop=24)
    with pytest.raises(ValueError, match="gives 0 values of kind 'Random', at least 2 are needed"):
        measure(only, photographs, describe, alpha=2)
    with pytest.raises(ValueError, match="gives 0 values of kind 'Same class'"):
        measure(photographs, only, describe, alpha=2)


def test_summary_against_a_bootstrap_written_out():
    import pandas as pd

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


def test_inference_leaves_no_graph(photographs, describe):
    assert not torch.is_inference_mode_enabled()
    neighbour_and_self_dissimilarities(photographs, describe, alpha=2)
    assert torch.is_grad_enabled()
