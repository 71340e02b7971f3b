from pkgutil import resolve_name

import pytest
import torch
import torchvision

from dsd import load_backbone
from dsd.backbones import BACKBONES
from dsd.paths import data_root

NETWORKS = {
    "alexnet": (torchvision.models.alexnet, (1, 4, 7, 9, 11), 31, "alexnet-features.pth"),
    "squeezenet": (torchvision.models.squeezenet1_1, (1, 4, 7, 9, 10, 11, 12), 17, "squeezenet1_1-features.pth"),
    "vgg16": (torchvision.models.vgg16, (3, 8, 15, 22, 29), 16, "vgg16-features.pth"),
}
EVERY = pytest.mark.parametrize("name", NETWORKS)


def layers_of(name):
    """All of its layers, in order."""
    return [*resolve_name(BACKBONES[name]).strides]


@EVERY
def test_layers_are_those_of_lpips(name):
    make, indices, _, _ = NETWORKS[name]
    torch.manual_seed(0)
    theirs = make(weights=None).features.eval()
    network = load_backbone(
        name,
        layers_of(name),
        {f"features.{key}": value for key, value in theirs.state_dict().items()},
        device="cpu",
    )
    x = torch.rand(2, 3, 80, 64)
    y = network.normalise(x)
    features = list(network(x).values())
    with torch.no_grad():
        for index, module in enumerate(theirs):
            y = module(y)
            if index in indices:
                torch.testing.assert_close(features.pop(0), y, rtol=1e-4, atol=1e-5)
    assert not features


@EVERY
def test_the_smallest_size_works(name):
    smallest = NETWORKS[name][2]
    network = load_backbone(name, layers_of(name)[-1:], "random", device="cpu")
    assert network(torch.rand(1, 3, smallest, smallest))
    with pytest.raises(ValueError, match=f"smallest image that works is {smallest}×{smallest}"):
        network(torch.rand(1, 3, smallest - 1, smallest))


@EVERY
def test_strides_are_true(name):
    network = load_backbone(name, layers_of(name), "random", device="cpu")
    for layer, features in network(torch.rand(1, 3, 512, 512)).items():
        assert features.shape[2] == pytest.approx(512 / network.strides[layer], abs=2)


@EVERY
def test_real_weights(name):
    path = data_root() / "weights" / NETWORKS[name][3]
    if not path.is_file():
        pytest.skip(f"no {path}")
    layer = layers_of(name)[1]
    network = load_backbone(name, [layer], device="cpu")
    assert network.provenance()["weights"] == path.name
    assert network(torch.rand(1, 3, 64, 64))[layer].max() > 0


@EVERY
@pytest.mark.usefixtures("no_weights")
def test_no_weights_tells_the_ways_to_get_them(name):
    with pytest.raises(FileNotFoundError, match=f"(?s)could not be downloaded.*{NETWORKS[name][3]}"):
        load_backbone(name, layers_of(name)[:1])


def test_refuses_another_networks_weights():
    state = {f"features.{key}": value for key, value in torchvision.models.alexnet().features.state_dict().items()}
    with pytest.raises(ValueError, match="the state dict is not a SqueezeNet: it holds features"):
        load_backbone("squeezenet", ["relu1"], state)
