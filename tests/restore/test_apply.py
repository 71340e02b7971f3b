import pytest
import torch

from dsd.restore.apply import restore
from dsd.restore.networks import SRResNet


def make(blocks=1, activation="xunit", scale=4):
    """A network whose output changes its input about as much as a trained one: it stays between 0 and 1."""
    network = SRResNet(blocks, activation=activation, scale=scale).requires_grad_(False).eval()
    network.head[-1].weight.mul_(0.05)
    return network


def image(height, width, dtype=torch.float32):
    """Away from 0 and 1, where differences would be clipped away."""
    return 0.3 + 0.4 * torch.rand(1, 3, height, width, dtype=dtype)


@pytest.fixture
def sizes_seen(monkeypatch):
    """Sizes of all that networks are given."""
    seen, forward = [], SRResNet.forward

    def note(network, x):
        seen.append(tuple(x.shape))
        return forward(network, x)

    monkeypatch.setattr(SRResNet, "forward", note)
    return seen


@pytest.mark.parametrize("activation", ["relu", "xunit"])
@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize(
    ("height", "width", "tile"),
    [(1, 1, 1), (2, 5, 1), (7, 9, 3), (33, 26, 8), (40, 24, 8), (41, 25, 11), (50, 12, 30), (17, 30, 64)],
)
def test_tiles_are_the_whole_image(activation, scale, height, width, tile):
    network, x = make(1, activation, scale), image(height, width)
    expected = network(x)
    assert (expected - x.mean()).abs().mean() > 0.01
    assert expected.min() > 0
    assert expected.max() < 1
    found = restore(network, x, tile=tile)
    assert found.shape == (1, 3, scale * height, scale * width)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_no_smaller_margin_would_do(scale):
    """In float64: exact with a margin of `reach`, and seams with one pixel less."""
    network, x = make(1, "xunit", scale).double(), image(28, 3, torch.float64)
    whole = network(x)
    torch.testing.assert_close(restore(network, x, tile=14), whole, rtol=0, atol=1e-12)
    network.reach -= 1
    assert (restore(network, x, tile=14) - whole).abs().max() > 1e-11


@pytest.mark.parametrize("seed", range(4))
def test_any_size_of_image_and_tile(seed):
    generator = torch.Generator().manual_seed(seed)
    height, width, tile = (int(torch.randint(1, 48, (), generator=generator)) for _ in range(3))
    network, x = make(1), image(height, width)
    torch.testing.assert_close(restore(network, x, tile=max(tile, 8)), network(x), rtol=0, atol=1e-5)


def test_what_the_network_sees_does_not_grow_with_the_image(sizes_seen):
    network = make(scale=1)
    largest = 16 + 2 * network.reach
    for side in (64, 200):
        sizes_seen.clear()
        restore(network, image(side, 70), tile=16)
        assert max(sizes_seen) == (1, 3, largest, largest)
        assert len(sizes_seen) == -(-side // 16) * -(-70 // 16)
    sizes_seen.clear()
    restore(network, image(64, 70), tile=None)
    restore(network, image(64, 70))
    assert sizes_seen == [(1, 3, 64, 70)] * 2


def test_one_image_after_another(sizes_seen):
    network, x = make(scale=2), torch.cat([image(20, 30) for _ in range(3)])
    found = restore(network, x, tile=None)
    assert sizes_seen == [(1, 3, 20, 30)] * 3
    assert torch.equal(found, torch.cat([restore(network, one[None], tile=None) for one in x]))
    torch.testing.assert_close(restore(network, x, tile=9), found, rtol=0, atol=1e-5)


def test_clipped():
    network, x = SRResNet(1), torch.rand(1, 3, 9, 9)  # untrained: far beyond
    assert network(x).min() < 0
    assert network(x).max() > 1
    assert torch.equal(restore(network, x), network(x).clamp(0, 1))


def test_no_gradient_and_the_network_stays_as_it_was():
    network, x = SRResNet(1).train(), image(9, 9).requires_grad_()
    found = restore(network, x)
    assert not found.requires_grad
    assert not found.is_inference()
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_images_of_another_type_come_back_in_the_networks(dtype):
    network, x = make(), image(12, 9, dtype)
    found = restore(network, x, tile=5)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, network(x.float()), rtol=0, atol=1e-5)


def test_autocast_changes_nothing():
    network, x = make(), image(12, 9)
    expected = restore(network, x, tile=5)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(restore(network, x, tile=5), expected)


def test_the_image_may_be_on_another_device(device):
    network, x = make(2), image(40, 33)
    found = restore(make_equal(network, device), x, tile=16)
    assert found.device == x.device
    torch.testing.assert_close(found, restore(network, x, tile=None), rtol=0, atol=1e-4)


def make_equal(network, device):
    other = SRResNet(**network.form).to(device).eval()
    other.load_state_dict(network.state_dict())
    return other


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ("image.png", TypeError, "x must be a torch.Tensor of shape"),
        (torch.rand(3, 8, 8), ValueError, r"x must have shape \(N, 3, H, W\), got \(3, 8, 8\)"),
        (torch.rand(1, 3, 0, 8), ValueError, "x is 0×8 pixels, too small"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), ValueError, "x must be a float tensor"),
        (torch.full((1, 3, 8, 8), 1.1), ValueError, r"x must have values in \[0, 1\]"),
        (torch.full((1, 3, 8, 8), torch.nan), ValueError, r"x must have values in \[0, 1\] and no NaN"),
    ],
)
def test_refuses_what_is_no_image_batch(x, error, message):
    with pytest.raises(error, match=message):
        restore(make(), x)


@pytest.mark.parametrize("tile", [0, -1, 2.5, "whole", True])
def test_refuses_what_is_no_tile(tile):
    with pytest.raises(ValueError, match="tile must be an integer of at least 1, got "):
        restore(make(), image(8, 8), tile=tile)
