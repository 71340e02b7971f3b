import numpy as np
import pytest
import torch
from torch import nn

from dsd.restore.networks import SLOPE, WIDTH, SRResNet, XUnit

FORMS = [(activation, scale) for activation in ("relu", "xunit") for scale in (1, 2, 4)]


@pytest.mark.parametrize(
    ("blocks", "activation", "count"), [(5, "relu", 710_659), (5, "xunit", 726_659), (10, "xunit", 1_111_299)]
)
def test_has_the_authors_size(blocks, activation, count):
    network = SRResNet(blocks, activation=activation)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_the_default_is_the_papers_with_5_blocks():
    assert SRResNet().form == {"blocks": 5, "activation": "xunit", "scale": 4}


def convolve(x, convolution):
    """A correlation of (C, H, W), zeros around it."""
    weight = convolution.weight.detach().numpy()
    if convolution.groups > 1:
        weight = weight * np.eye(len(weight))[:, :, None, None]
    side = weight.shape[2]
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), *[(side // 2,) * 2] * 2))
    y = sum(
        np.einsum("oc,chw->ohw", weight[:, :, i, j], padded[:, i : i + height, j : j + width])
        for i in range(side)
        for j in range(side)
    )
    return y if convolution.bias is None else y + convolution.bias.detach().numpy()[:, None, None]


def leaky(x):
    return np.where(x > 0, x, 0.1 * x)


def shuffle(x):
    """Four channels of a position become its four pixels."""
    channels, height, width = x.shape
    y = np.zeros((channels // 4, 2 * height, 2 * width))
    for i in range(2):
        for j in range(2):
            y[:, i::2, j::2] = x[2 * i + j :: 4]
    return y


def enlarge(x, scale):
    for axis in (1, 2):
        length = x.shape[axis]
        places = (np.arange(length * scale) + 0.5) / scale - 0.5
        x = np.apply_along_axis(lambda line, n=length, at=places: np.interp(at, np.arange(n), line), axis, x)
    return x


def forward(network, x, activation, scale):
    """A network of one block from its description."""
    stem, head, body = network.stem, list(network.head), network.blocks[0].body
    h = leaky(convolve(x - 0.5, stem[0]))
    inner = convolve(h, body[0])
    inner = np.maximum(inner, 0) if activation == "relu" else inner / (1 + np.exp(-convolve(inner, body[1].weigh)))
    h = h + convolve(inner, body[2])
    for stage in head[: {1: 0, 2: 1, 4: 2}[scale]]:
        h = leaky(shuffle(convolve(h, stage[0])))
    return enlarge(x, scale) + convolve(leaky(convolve(h, head[-3])), head[-1])


@pytest.mark.parametrize(("activation", "scale"), FORMS)
def test_one_block_from_its_description(activation, scale):
    network = SRResNet(1, activation=activation, scale=scale).double()
    for parameter in network.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter)
    x = torch.rand(1, 3, 6, 5, dtype=torch.float64)
    found = network(x)
    assert found.shape == (1, 3, scale * 6, scale * 5)
    assert found.dtype == torch.float64
    expected = forward(network, x[0].numpy(), activation, scale)
    np.testing.assert_allclose(found[0].detach().numpy(), expected, rtol=1e-9, atol=1e-9)


def test_width_and_slope_are_the_authors():
    assert (WIDTH, SLOPE) == (64, 0.1)


@pytest.mark.parametrize(("activation", "scale"), FORMS)
def test_reach_is_how_far_a_pixel_sees(activation, scale):
    """What the pixels of one place depend on ends there, in all four directions, and not before."""
    network = SRResNet(1, activation=activation, scale=scale).double()
    reach = network.reach
    place = reach + 3
    x = torch.rand(1, 3, 2 * place + 1, 2 * place + 1, dtype=torch.float64, requires_grad=True)
    pixels = slice(scale * place, scale * (place + 1))
    network(x)[:, :, pixels, pixels].sum().backward()
    seen = x.grad.abs().sum(dim=(0, 1))
    for direction in (0, 1):
        at = seen.sum(dim=direction).nonzero().flatten() - place
        assert (at.min(), at.max()) == (-reach, reach)


def test_a_batch_is_what_its_images_are():
    network = SRResNet(1, scale=2)
    x = torch.rand(3, 3, 9, 7)
    torch.testing.assert_close(network(x), torch.cat([network(image[None]) for image in x]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "xunit"])
@pytest.mark.parametrize("image", [torch.zeros(1, 3, 8, 8), torch.full((1, 3, 1, 1), 0.5), torch.ones(1, 3, 5, 8)])
def test_gradients_are_finite(activation, image):
    network = SRResNet(1, activation=activation)
    x = image.clone().requires_grad_()
    network(x).square().sum().backward()
    for gradient in (x.grad, *(parameter.grad for parameter in network.parameters())):
        assert gradient.isfinite().all()


def test_gradcheck():
    network = SRResNet(1, activation="xunit", scale=2).double().requires_grad_(False)
    x = torch.rand(1, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(network, x)


def test_xunit_begins_at_half_where_its_weights_are_zero():
    unit, x = XUnit(4), torch.randn(2, 4, 5, 5)
    for parameter in unit.parameters():
        nn.init.zeros_(parameter)
    assert torch.equal(unit(x), x / 2)


def test_overshooting_values_are_taken():
    """A cubic downscales a little beyond [0, 1]."""
    assert SRResNet(1)(torch.full((1, 3, 8, 8), 1.1)).isfinite().all()


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"blocks": 0}, "blocks must be an integer of at least 1, got 0"),
        ({"blocks": 2.0}, r"blocks must be an integer of at least 1, got 2\.0"),
        ({"activation": "gelu"}, "activation must be one of relu, xunit; got 'gelu'"),
        ({"activation": None}, "activation must be one of relu, xunit; got None"),
        ({"scale": 3}, "scale must be 1, 2 or 4, got 3"),
        ({"scale": 8}, "scale must be 1, 2 or 4, got 8"),
        ({"scale": 0}, "scale must be an integer of at least 1, got 0"),
    ],
)
def test_refuses_another_form(form, message):
    with pytest.raises(ValueError, match=message):
        SRResNet(**form)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ("image.png", TypeError, "x must be a torch.Tensor of shape"),
        (torch.rand(3, 8, 8), ValueError, r"x must have shape \(N, 3, H, W\), got \(3, 8, 8\)"),
        (torch.rand(1, 1, 8, 8), ValueError, r"x must have shape \(N, 3, H, W\), got \(1, 1, 8, 8\)"),
        (torch.rand(0, 3, 8, 8), ValueError, "x must hold at least one image"),
        (torch.rand(1, 3, 0, 8), ValueError, "x is 0×8 pixels, too small"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), ValueError, "x must be a float tensor"),
        (torch.rand(1, 3, 8, 8, device="meta"), ValueError, "x is on meta, the network on cpu"),
    ],
)
def test_refuses_what_is_no_image_batch(x, error, message):
    with pytest.raises(error, match=message):
        SRResNet(1)(x)
