"""What convolutions see beyond the border of an image: zeros (the paper's), its mirror image, or its last pixels."""

import numpy as np
import pytest
import torch
from torch import nn

from dsd import LAYERS, VGG19, FeatureExtractor, StyleLoss, VGG19Lite, load_backbone
from dsd.backbones import lite

NETWORKS = {"vgg19": (VGG19, LAYERS), "lite": (VGG19Lite, lite.LAYERS)}
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge"}  # NumPy's names


def convolve(x, weight, bias, mode, border=1, stride=1):
    """One convolution of an image (C, H, W), a border put around it by NumPy."""
    x = np.pad(x, [(0, 0), (border, border), (border, border)], mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("chwij,ocij->ohw", windows, weight) + bias[:, None, None]


@pytest.mark.parametrize("padding", MODES)
@pytest.mark.parametrize(("network", "layer"), [("vgg19", "relu1_2"), ("lite", "relu1_2"), ("lite", "relu2_1")])
def test_borders_are_numpys(network, layer, padding):
    network = load_backbone(network, [layer], "random", padding=padding, device="cpu").double()
    x = torch.rand(1, 3, 7, 6, dtype=torch.float64)
    if isinstance(network, VGG19):
        steps = [(convolution, 1, 1) for convolution in network.convolutions]
    elif layer == "relu1_2":
        steps = [(network.fine, 1, 1), (network.heads[layer], 1, 1)]
    else:
        steps = [(network.stem, 2, 2), (network.blocks[layer][0], 1, 1), (network.heads[layer], 0, 1)]
    expected = network.normalise(x)[0].numpy()
    for convolution, border, stride in steps:
        weight, bias = convolution.weight.numpy(), convolution.bias.numpy()
        expected = np.maximum(convolve(expected, weight, bias, MODES[padding], border, stride), 0)
    np.testing.assert_allclose(network(x)[layer][0].numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("network", NETWORKS)
def test_zeros_are_the_default_to_the_last_bit(network):
    network, layers = NETWORKS[network]
    x = torch.rand(1, 3, 24, 17)
    default, zeros, mirrored = (
        network(layers[:4], "random", **options)(x) for options in ({}, {"padding": "zeros"}, {"padding": "reflect"})
    )
    for layer in layers[:4]:
        assert torch.equal(default[layer], zeros[layer])
        assert not torch.equal(default[layer], mirrored[layer])


def test_only_the_border_differs():
    x = torch.rand(1, 3, 16, 16)
    zeros, mirrored = (VGG19(("relu1_2",), "random", padding=padding)(x)["relu1_2"] for padding in ("zeros", "reflect"))
    difference = (zeros - mirrored).abs().amax(dim=1)[0] / zeros.max()
    assert difference[0].min() > 0.01
    assert difference[2:-2, 2:-2].max() < 1e-5


@pytest.mark.parametrize("padding", MODES)
@pytest.mark.parametrize(("network", "layer"), [(name, layer) for name in NETWORKS for layer in NETWORKS[name][1]])
def test_the_smallest_size_works(network, layer, padding):
    network = NETWORKS[network][0]((layer,), "random", padding=padding)
    side = network.strides[layer] * (2 if padding == "reflect" else 1)  # a mirror needs two pixels
    assert network.smallest == side
    assert network(torch.rand(1, 3, side, side + 1))[layer].isfinite().all()
    if side > 1:
        with pytest.raises(ValueError, match=f"too small for these layers: the smallest image that works is {side}×"):
            network(torch.rand(1, 3, side - 1, side + 1))


def test_of_a_constant_image_nothing_is_seen_but_its_colour():
    """Zeros make a border of a uniform image; the other two leave it uniform in every layer."""
    x = torch.full((1, 3, 32, 32), 0.5)
    for padding in MODES:
        deviations = [f.std(dim=(2, 3)).max() for f in VGG19Lite(padding=padding)(x).values()]
        assert all(d > 0.01 if padding == "zeros" else d < 1e-5 for d in deviations)


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
@pytest.mark.parametrize("network", [VGG19, VGG19Lite])
def test_images_take_gradients(network, padding):
    network = network(("relu1_2",), "random", padding=padding).double()
    x = torch.rand(1, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: tuple(network(y).values()), x, fast_mode=True)


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
def test_layout_and_precision_stay(padding):
    x = torch.rand(2, 3, 16, 16)
    network = VGG19Lite(("relu2_1",), padding=padding)
    inputs = []
    network.blocks["relu2_1"][0].register_forward_hook(lambda *io: inputs.append(io[1][0]))
    exact = network(x)["relu2_1"]
    assert inputs[0].is_contiguous(memory_format=torch.channels_last)
    coarse = VGG19Lite(("relu2_1",), padding=padding, precision="bfloat16")(x)["relu2_1"]
    assert coarse.dtype == torch.bfloat16
    torch.testing.assert_close(coarse.float(), exact, rtol=0.1, atol=0.02 * exact.max().item())


@pytest.mark.parametrize("network", NETWORKS)
def test_provenance_says_it(network):
    for padding in MODES:
        made = load_backbone(network, ["relu1_2"], "random", padding=padding, device="cpu")
        assert made.provenance()["padding"] == made.padding == padding


def test_a_target_encoded_with_another_padding_is_refused():
    x = torch.rand(1, 3, 16, 16)
    zeros, mirrored = (StyleLoss(VGG19Lite(("relu1_2",), "random", padding=p)) for p in ("zeros", "reflect"))
    with pytest.raises(ValueError, match="reflect"):
        zeros(x, mirrored.encode(x))


def test_a_module_of_ones_own_keeps_its_padding():
    module = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"))
    network = FeatureExtractor(module, {"0": 1})
    x = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(network(x)["0"], module(network.normalise(x)))
    assert network.provenance()["padding"] == "the module's own"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VGG19(("relu1_1",), "random", padding="mirror"), "padding must be one of zeros, reflect, replicate; "),
        (lambda: VGG19Lite(padding="same"), "padding must be one of zeros, reflect, replicate; got 'same'"),
        (
            lambda: load_backbone("lite", padding=None),
            "padding must be one of zeros, reflect, replicate; got None",
        ),
        (
            lambda: load_backbone("squeezenet", padding="reflect"),
            "squeezenet has no choice of padding, got padding='reflect'",
        ),
        (lambda: load_backbone("lite", padding=np.zeros(3)), "padding must be one of zeros, reflect, replicate; got"),
        (lambda: load_backbone("alexnet", padding="mirror"), "alexnet has no choice of padding"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()
