"""What notebooks show before their figures."""

import numpy as np
import torch

from dsd import VGG19, downscale, dsd_norm
from dsd.experiments import story


def test_shows_every_image_of_every_set():
    images = {"a": [torch.rand(3, 8, 8)] * 3, "b": [torch.rand(3, 8, 12)]}
    figure = story.show_images(images)
    shown = [axis for axis in figure.axes if axis.images]
    assert len(shown) == 4
    assert [axis.get_title("left") for axis in figure.axes if axis.get_title("left")] == ["a", "b"]


def test_follows_an_image_to_its_dsd():
    network, x = VGG19(("relu1_2",), "random"), torch.rand(3, 32, 32)
    figure = story.follow(x, network, "relu1_2", 2, channels=16)
    whole, copy, full, small, difference = [axis for axis in figure.axes if axis.images][:5]
    assert whole.images[0].get_array().shape == copy.images[0].get_array().shape == (32, 32, 3)
    torch.testing.assert_close(
        torch.as_tensor(np.asarray(copy.images[0].get_array())[:16, :16]),
        downscale(x[None], 2)[0].clamp(0, 1).permute(1, 2, 0),
    )
    g, h, dsd = (torch.as_tensor(np.asarray(axis.images[0].get_array())) for axis in (full, small, difference))
    assert g.shape == (16, 16)
    torch.testing.assert_close(dsd, g - h)
    norm = 1e3 * dsd_norm(x[None], network)["relu1_2", 2].item()
    assert f"10³ ‖DSD‖₁ = {norm:.3g} over all" in figure.get_supxlabel()


def test_most_active_channels_are_in_the_networks_order():
    grams = torch.stack(
        [torch.diag(torch.tensor([3.0, 9.0, 1.0, 2.0])), torch.diag(torch.tensor([4.0, 0.0, 1.0, 2.0]))]
    )
    assert story.most_active_channels(grams, 2).tolist() == [0, 1]
    assert story.most_active_channels(grams, 9).tolist() == [0, 1, 2, 3]
