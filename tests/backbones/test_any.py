import re

import pytest
import torch
import torchvision
from torch import nn

from dsd import DSDLoss, FeatureExtractor

NETWORKS = {
    "resnet18": {"relu": 2, "layer1": 4, "layer2": 8, "layer3": 16},
    "mobilenet_v3_small": {"features.0": 2, "features.1": 4, "features.3": 8},
}


@pytest.fixture(params=NETWORKS)
def module(request):
    torch.manual_seed(0)
    return getattr(torchvision.models, request.param)(weights=None).eval(), NETWORKS[request.param]


def test_features_are_the_modules_own(module):
    module, strides = module
    x = torch.rand(2, 3, 64, 96)
    network = FeatureExtractor(module, strides)
    mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    expected = {}
    for layer in strides:
        module.get_submodule(layer).register_forward_hook(
            lambda *io, layer=layer: expected.__setitem__(layer, io[2].detach().clone())
        )
    module((x - mean) / std)
    features = network(x)
    assert list(features) == list(strides)
    for layer, stride in strides.items():
        torch.testing.assert_close(features[layer], expected[layer], rtol=1e-4, atol=1e-5)
        assert features[layer].shape[2:] == (64 // stride, 96 // stride)


def test_makes_a_loss(module):
    module, strides = module
    network = FeatureExtractor(module, strides)
    x = torch.rand(2, 3, 128, 128, requires_grad=True)
    loss = DSDLoss(network)(x, torch.rand(2, 3, 128, 128))
    loss.backward()
    assert loss > 0
    assert x.grad.isfinite().all()


def test_stops_after_the_last_layer_and_leaves_the_module_as_it_is():
    def fail(*_):
        raise AssertionError

    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3)).train()
    network = FeatureExtractor(module, {"0": 1, "2": 1}, ["0"])
    network.module[2].register_forward_hook(fail)
    features = network(torch.rand(1, 3, 8, 8))["0"]
    assert (features < 0).any()  # the ReLU in place comes later
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not network.train().module.training


def test_normalisation_and_size():
    network = FeatureExtractor(nn.Sequential(nn.Identity()), {"0": 1}, mean=(0, 0.5, 1), std=(1, 2, 4), smallest=5)
    x = torch.rand(1, 3, 5, 5)
    expected = (x - torch.tensor([0, 0.5, 1])[:, None, None]) / torch.tensor([1.0, 2, 4])[:, None, None]
    torch.testing.assert_close(network(x)["0"], expected)
    with pytest.raises(ValueError, match="smallest image that works is 5×5"):
        network(x[..., :4])


def test_refuses_what_the_module_has_not():
    with pytest.raises(ValueError, match="Sequential has no submodule layer9; it has 0, and theirs"):
        FeatureExtractor(nn.Sequential(nn.Identity()), {"layer9": 1})
    with pytest.raises(ValueError, match="unknown layer '1' for custom; valid ones: 0"):
        FeatureExtractor(nn.Sequential(nn.Identity()), {"0": 1}, ["1"])


def test_the_first_call_of_a_submodule_counts_whatever_else_is_asked_for():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.last = nn.ReLU(), nn.Identity()

        def forward(self, x):
            return self.last(self.relu(self.relu(x) - 0.5))

    x = torch.rand(1, 3, 8, 8)
    alone, both = FeatureExtractor(Twice(), {"relu": 1}), FeatureExtractor(Twice(), {"relu": 1, "last": 1})
    assert torch.equal(alone(x)["relu"], both(x)["relu"])
    assert torch.equal(both(x, layers=["relu"])["relu"], alone(x)["relu"])


def test_refuses_layers_without_features():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.pair, self.unused, self.flat = nn.Identity(), nn.Identity(), nn.Flatten()

        def forward(self, x):
            self.pair((x, x))
            return self.flat(x)

    x = torch.rand(1, 3, 8, 8)
    for layer, message in (
        ("pair", r"pair must return features \(N, C, H', W'\), got tuple"),
        ("flat", r"flat must return features \(N, C, H', W'\), got \(1, 192\)"),
        ("unused", "unused did not run when the module was called"),
    ):
        with pytest.raises(ValueError, match=message):
            FeatureExtractor(Odd(), {layer: 1})(x)


def test_bfloat16_is_close_with_batch_normalisation(module):
    module, strides = module
    x = torch.rand(1, 3, 64, 64)
    exact, coarse = (FeatureExtractor(module, strides, precision=p)(x) for p in ("float32", "bfloat16"))
    for layer in strides:
        torch.testing.assert_close(coarse[layer].float(), exact[layer], rtol=0.2, atol=0.05 * exact[layer].max().item())


def test_goes_where_the_module_is():
    network = FeatureExtractor(nn.Sequential(nn.Conv2d(3, 4, 3)).to("meta"), {"0": 1})
    assert network.device.type == network.mean.device.type == "meta"


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("net", {"0": 1}), {}, "module must be a torch.nn.Module, got str"),
        ((nn.Sequential(nn.ReLU()), 0), {}, "strides must be a mapping of submodules to pixels, got int"),
        ((nn.Sequential(nn.ReLU()), {"0": 0}), {}, "the stride of 0 must be an integer of at least 1, got 0"),
        ((nn.Sequential(nn.ReLU()), {0: 1}), {}, "Sequential has no submodule 0; it has 0, and theirs"),
        ((nn.Sequential(nn.ReLU()), {"0": 1}), {"smallest": "8"}, "smallest must be an integer of at least 1, got '8'"),
        ((nn.Sequential(nn.ReLU()), {"0": 1}), {"mean": (0.5, 0.5)}, "mean must be three numbers, of R, G and B; got"),
        ((nn.Sequential(nn.ReLU()), {"0": 1}), {"std": {}}, "std must be three numbers, of R, G and B; got {}"),
    ],
)
def test_wrong_arguments_are_named(arguments, options, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        FeatureExtractor(*arguments, **options)
