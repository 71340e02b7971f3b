import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from dsd import VGG19Lite
from dsd.contextual import contextual
from dsd.data.images import load_image
from dsd.data.rated import Pair, RatedImages
from dsd.descriptor import dsd_matrices
from dsd.quality.evaluate import agreement
from dsd.quality.shifts import effects, score_shifted, shifted


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """Two references with three distorted images each: more and more noise."""
    folder = tmp_path_factory.mktemp("rated")
    generator = np.random.default_rng(0)
    pairs = []
    for name in ("a", "b"):
        clean = generator.integers(60, 190, (6, 8, 3)).repeat(8, axis=0).repeat(8, axis=1)
        for strength in (0, 5, 20, 60):
            noisy = clean + strength * generator.standard_normal(clean.shape)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{name}{strength}.png")
        noisy = [folder / f"{name}{strength}.png" for strength in (5, 20, 60)]
        pairs += [Pair(folder / f"{name}0.png", noisy[i], noisy[j], 0.9) for i, j in ((0, 1), (0, 2), (1, 2))]
    return RatedImages("noise", pairs, "probability")


@pytest.fixture(scope="module")
def network():
    return VGG19Lite(("relu1_2",), weights="random")


@pytest.fixture(scope="module")
def scores(rated, network):
    return score_shifted(rated, network, shifts=(0, 3))


def test_a_window_moves_over_real_pixels():
    x = torch.arange(12.0).expand(1, 3, 2, 12)
    assert shifted(x, 0, 4)[0, 0, 0].tolist() == list(range(8))
    assert shifted(x, 4, 4)[0, 0, 0].tolist() == list(range(4, 12))


@pytest.mark.parametrize(("shift", "largest"), [(5, 4), (-1, 4), (4, 12)])
def test_refuses_a_shift_that_the_image_has_not(shift, largest):
    with pytest.raises(ValueError, match=rf"shifts must be from 0 to {largest}, less than the width 12; got {shift}"):
        shifted(torch.zeros(1, 3, 2, 12), shift, largest)


def test_refuses_shifts_without_zero(rated, network):
    with pytest.raises(ValueError, match=r"shifts must have 0, .* got \[1, 2\]"):
        score_shifted(rated, network, shifts=(1, 2))


def test_scores_are_of_the_window_against_the_unshifted_reference(rated, network, scores):
    assert len(scores) == 2 * 4 * 2
    row = scores[(scores.distorted == "b20.png") & (scores["shift"] == 3)].iloc[0]
    assert row.reference == "b0.png"
    x, y = (load_image(rated.root / name)[None] for name in ("b20.png", "b0.png"))
    (a,), (b,) = (dsd_matrices(part, network).values() for part in (x[..., 3:], y[..., :-3]))
    assert row["DSD_2 relu1_2"] == pytest.approx((a - b).abs().mean().item(), rel=1e-4)
    with torch.no_grad():
        (a,), (b,) = (network(part).values() for part in (x[..., 3:], y[..., :-3]))
    assert row["CX relu1_2"] == pytest.approx(contextual(a, b).item(), rel=1e-4)


def test_a_reference_that_is_not_shifted_is_its_own(scores):
    same = scores[(scores.reference == scores.distorted) & (scores["shift"] == 0)]
    without = ["reference", "distorted", "shift", "CX relu1_2"]  # the contextual loss of equal images is not 0
    assert same.drop(columns=without).abs().to_numpy().max() < 1e-5


def test_growth_is_the_geometric_mean_of_ratios(rated, scores):
    found = effects(scores, rated).set_index(["kind", "measure", "shift"]).value
    table = scores[scores.reference != scores.distorted].pivot(index="distorted", columns="shift", values="1 − SSIM")
    assert found["growth", "1 − SSIM", 3] == pytest.approx(np.exp(np.log(table[3] / table[0]).mean()))
    assert found["growth", "1 − SSIM", 0] == pytest.approx(1)
    assert found["growth", "1 − SSIM", 3] > found["growth", "Style relu1_2", 3]


def test_a_shifted_copy_is_ranked_among_its_own_distorted_images(rated, scores):
    found = effects(scores, rated).set_index(["kind", "measure", "shift"])
    assert found.value["copy", "Perceptual relu1_2", 0] == 0
    of = scores.set_index(["distorted", "shift"])["1 − SSIM"]
    shares = [np.mean([of[f"{name}{k}.png", 0] < of[f"{name}0.png", 3] for k in (5, 20, 60)]) for name in "ab"]
    row = found.loc["copy", "1 − SSIM", 3]
    assert (row.value, row.low, row.high) == pytest.approx((np.mean(shares), min(shares), max(shares)))


def test_agreement_is_that_of_shifted_images(rated, scores):
    found = effects(scores, rated).set_index(["kind", "measure", "shift"])
    moved = scores[(scores["shift"] == 3) & (scores.reference != scores.distorted)].drop(columns="shift")
    expected = agreement(moved, rated).table().set_index("measure").loc["Style relu1_2"]
    row = found.loc["pearson", "Style relu1_2", 3]
    assert (row.value, row.low, row.high) == pytest.approx(
        tuple(expected[["pearson", "pearson_low", "pearson_high"]]), nan_ok=True
    )
    still = found.value["agreement", "Style relu1_2", 0]
    assert found.value["agreement change", "Style relu1_2", 3] == pytest.approx(expected.agreement - still)
    assert set(found.loc["pearson change"].xs(0, level="shift").value.dropna()) <= {0.0}
    assert pd.notna(found.value["agreement", "DSD_2 relu1_2", 3])
