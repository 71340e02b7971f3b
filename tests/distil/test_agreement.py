import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from dsd import VGG19, VGG19Lite, downscale, gram_matrix
from dsd.data.images import embedded_photographs
from dsd.data.synthetic import write_distorted
from dsd.data.views import Photographs, View
from dsd.distil import agreement

LAYERS = ("relu2_1", "relu2_2", "relu3_1")


@pytest.fixture(scope="module")
def networks():
    return VGG19Lite(LAYERS), VGG19(LAYERS, weights="random")


@pytest.fixture(scope="module")
def photographs():
    return Photographs([View(path, path.name) for path in embedded_photographs()[:7]], "few", resize=48, crop=32)


def test_fingerprints_written_out(networks, photographs):
    found = agreement.fingerprints(photographs, *networks, (2,), batch_size=6)
    assert list(found.layer.unique()) == list(LAYERS)
    found = found[found.layer == "relu2_2"].set_index("what")
    x = torch.stack([photographs[k] for k in range(6)])
    big, small = ([gram_matrix(net(z)["relu2_2"]).numpy() for z in (x, downscale(x, 2))] for net in networks)
    big, small = zip(big, small, strict=True)
    d = [g - s for g, s in zip(big, small, strict=True)]
    norms = [np.abs(m).mean((1, 2)) for m in d]
    losses = [np.abs(m[0::2] - m[1::2]).mean((1, 2)) for m in d]
    random = [np.abs(g[0::2] - g[1::2]).mean() for g in big]
    assert found.value["rank of ‖DSD‖"] == pytest.approx(spearmanr(*norms).statistic)
    assert found.value["rank of L_DSD"] == pytest.approx(spearmanr(*losses).statistic)
    error = np.median(np.abs(d[0] - d[1]).mean((1, 2)) / norms[1])
    assert found.value["error of DSD"] == pytest.approx(error, rel=1e-3)
    assert found.value["‖DSD‖"] == pytest.approx(np.median(norms[0] / norms[1]), rel=1e-3)
    off = norms[0] / norms[1]
    worst = max(range(6), key=lambda k: abs(np.log(off[k])))
    assert found.loc["worst ‖DSD‖", ["value", "student", "teacher"]].tolist() == pytest.approx(
        [off[worst], norms[0][worst], norms[1][worst]], rel=1e-3
    )
    assert found.student["‖DSD‖"] == pytest.approx(np.median(norms[0]), rel=1e-3)
    assert found.teacher["‖DSD‖"] == pytest.approx(np.median(norms[1]), rel=1e-3)
    ratios = [n.mean() / r for n, r in zip(norms, random, strict=True)]
    assert found.student["Self/Random"] == pytest.approx(ratios[0], rel=1e-3)
    assert found.value["Self/Random"] == pytest.approx(ratios[0] / ratios[1], rel=1e-3)


def test_a_network_agrees_with_itself(networks, photographs, tmp_path):
    lite = networks[0]
    found = agreement.fingerprints(photographs, lite, lite, (2, 4)).groupby("what").value
    assert found.min()[["rank of ‖DSD‖", "rank of L_DSD", "‖DSD‖", "Self/Random"]].tolist() == pytest.approx([1] * 4)
    assert found.max()["error of DSD"] == 0
    few = Photographs(photographs.views[:2], "two", resize=48, crop=32)
    ratings = agreement.ratings(write_distorted(few, tmp_path), lite, lite, (2,))
    assert (ratings.value == 0).all()
    assert list(ratings.layer) == list(LAYERS)
    losses = agreement.as_a_loss(few, lite, lite, steps=2, learning_rate=1e-3)
    assert losses.value.tolist() == [1]
    assert losses.teacher[0] < 1


def test_batches_hold_whole_pairs(networks, photographs):
    with pytest.raises(ValueError, match="batch_size must be even, since pairs are compared, got 3"):
        agreement.fingerprints(photographs, *networks, (2,), batch_size=3)
