import pytest
import torch

from dsd.data.warp import places, sample


def test_places_are_from_the_centre():
    x, y = places(3, 4)
    assert x.tolist() == 3 * [[-1.5, -0.5, 0.5, 1.5]]
    assert y[:, 0].tolist() == [-1, 0, 1]


def test_values_between_pixels_are_linear():
    """Of an image that is linear in x and y, also where the places are of another size than the image."""
    x, y = places(20, 30)
    image = torch.stack([x, y, x - 2 * y])
    at = 9 * torch.rand(2, 7, 5) - 4.5
    torch.testing.assert_close(sample(image, at), torch.stack([at[0], at[1], at[0] - 2 * at[1]]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("step", [1, 3])
def test_borders_are_mirrored(step):
    image = torch.rand(3, 6, 8)
    moved = sample(image, places(6, 8) - torch.tensor([float(step), 0])[:, None, None])
    expected = torch.cat([image[..., :step].flip(2), image[..., :-step]], dim=2)
    torch.testing.assert_close(moved, expected)
