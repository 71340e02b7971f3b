"""Receptive fields, against gradients and against values from the literature."""

import pytest
import torch
from torch import nn

from dsd import load_backbone
from dsd.backbones import BACKBONES
from dsd.backbones.any import FeatureExtractor
from dsd.backbones.receptive_field import receptive_fields

KNOWN = {
    "vgg19": {
        **{"relu1_1": 3, "relu1_2": 5, "relu2_1": 10, "relu2_2": 14},
        **{"relu3_1": 24, "relu3_4": 48, "relu4_1": 68, "relu4_4": 116, "relu5_1": 156},
    },
    "lite": {"relu1_2": 5, "relu2_1": 10, "relu2_2": 14, "relu3_1": 24, "relu4_1": 68},
    "alexnet": {"relu1": 11, "relu2": 51, "relu3": 99, "relu4": 131, "relu5": 163},
    "squeezenet": {"relu1": 3, "relu2": 23, "relu3": 63, "relu4": 111, "relu5": 143, "relu6": 175, "relu7": 207},
    "vgg16": {"relu1_2": 5, "relu2_2": 14, "relu3_3": 40, "relu4_3": 92, "relu5_3": 196},
}


@pytest.mark.parametrize("name", BACKBONES)
def test_known_values(name):
    network = load_backbone(name, list(KNOWN[name]), "random", device="cpu")
    assert receptive_fields(network) == KNOWN[name]


def reached(network, layer, side):
    """Rows and columns of pixels on which the central position depends: the extent of its gradient.

    All weights are positive, so that no ReLU is silent and nothing cancels. A maximum depends on one of its pixels
    only; over many random images each is it some time.
    """
    for parameter in network.parameters():
        parameter.data.abs_()
    x = (10 + torch.rand(32, 3, side, side)).requires_grad_(True)
    y = network(x)[layer]
    y[..., y.shape[2] // 2, y.shape[3] // 2].sum().backward()
    seen = (x.grad != 0).any(dim=1).any(dim=0)
    lines = [seen.any(dim=1 - axis).nonzero().flatten() for axis in (0, 1)]
    return [int(line.max() - line.min() + 1) for line in lines]


@pytest.mark.parametrize(
    ("name", "layer"),
    [("vgg19", "relu2_1"), ("vgg19", "relu3_1"), ("lite", "relu3_1"), ("alexnet", "relu2"), ("squeezenet", "relu2")],
)
def test_gradients_reach_as_far(name, layer):
    network = load_backbone(name, [layer], "random", device="cpu")
    field = receptive_fields(network)[layer]
    assert reached(network, layer, side=2 * field + 16) == [field, field]


def test_padding_does_not_count():
    network = load_backbone("lite", ["relu3_1"], "random", padding="reflect", device="cpu")
    assert receptive_fields(network) == {"relu3_1": 24}


def test_dilated_convolutions_and_branches():
    class Fork(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
            self.wide, self.narrow = nn.Conv2d(4, 4, 3, padding=4, dilation=4), nn.Conv2d(4, 4, 1)
            self.pool = nn.AvgPool2d(3, 1, padding=1)

        def forward(self, x):
            x = self.first(x)
            return self.pool(self.narrow(x) + self.wide(x))

    network = FeatureExtractor(Fork(), {"first": 2, "narrow": 2, "pool": 2}, smallest=32)
    assert receptive_fields(network) == {"first": 3, "narrow": 3, "pool": 3 + 2 * 8 + 2 * 2}


@pytest.mark.parametrize("module", [nn.Upsample(scale_factor=2), nn.AdaptiveAvgPool2d(4), nn.ConvTranspose2d(3, 3, 2)])
def test_refuses_what_it_does_not_know(module):
    network = FeatureExtractor(nn.Sequential(module), {"0": 1}, smallest=16)
    with pytest.raises(ValueError, match="changes the size of features: of it no receptive field is known"):
        receptive_fields(network)
