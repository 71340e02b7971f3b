"""Distances that weigh channels: DSD's, and what LPIPS shares with it."""

import numpy as np
import pytest
import torch

from dsd.backbones import load_backbone
from dsd.descriptor import dsd_matrices
from dsd.losses import DSDLoss
from dsd.quality.lpips import LPIPS
from dsd.quality.weighted import WeightedDSD

DISTANCES = {"dsd": WeightedDSD, "lpips": lambda network: LPIPS(network, "uniform")}


@pytest.fixture
def network():
    return load_backbone("lite", ["relu1_2", "relu2_1"], device="cpu")


@pytest.fixture
def pair():
    return torch.rand(2, 2, 3, 40, 36).unbind()


def test_is_the_formula(network, pair):
    heads = torch.rand(64 + 128)
    expected, at = np.zeros(2), 0
    x, y = (dsd_matrices(images, network) for images in pair)
    for layer in network.layers:
        a, b = (matrices[layer, 2].double().numpy() for matrices in (x, y))
        own = heads[at : at + a.shape[1]].double().numpy()
        expected += np.einsum("nij,i->n", np.abs(a - b), own) / a.shape[1] ** 2
        at += a.shape[1]
    np.testing.assert_allclose(WeightedDSD(network, heads)(*pair), expected, rtol=1e-5)


@pytest.mark.parametrize("alpha", [2, 4])
def test_weights_of_one_are_the_papers_loss(network, pair, alpha):
    loss = DSDLoss(network, (alpha,), layer_weights=dict.fromkeys(network.layers, 1), reduction="none")
    torch.testing.assert_close(WeightedDSD(network, alpha=alpha)(*pair), loss(*pair))


@pytest.mark.parametrize("make", DISTANCES.values(), ids=DISTANCES)
def test_laws(network, pair, make):
    distance = make(network)
    x, y = pair
    values = distance(x, y)
    assert values.shape == (2,)
    assert (values > 0).all()
    torch.testing.assert_close(values, distance(y, x))
    torch.testing.assert_close(values, torch.cat([distance(a[None], b[None]) for a, b in zip(x, y, strict=True)]))
    assert torch.equal(distance(x, x), torch.zeros(2))


@pytest.mark.parametrize("make", DISTANCES.values(), ids=DISTANCES)
@pytest.mark.parametrize("image", ["random", "equal", "black"])
def test_gradients_are_finite(network, pair, make, image):
    y = pair[1]
    x = {"random": pair[0], "equal": y, "black": torch.zeros_like(y)}[image].clone().requires_grad_()
    make(network)(x, y).sum().backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize("heads", [torch.ones(5), -torch.ones(192), torch.full((192,), torch.nan)])
@pytest.mark.parametrize("kind", [WeightedDSD, LPIPS])
def test_refuses_other_heads(network, kind, heads):
    with pytest.raises(
        ValueError, match="heads must be 192 finite numbers of at least 0, one for each channel of relu"
    ):
        kind(network, heads)


def test_lpips_refuses_unknown_heads(network):
    with pytest.raises(ValueError, match="heads must be one of published, uniform; got 'mean'"):
        LPIPS(network, "mean")
