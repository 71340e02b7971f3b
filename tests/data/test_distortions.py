import numpy as np
import pytest
import torch
from PIL import Image

from dsd.data.distortions import DISTORTIONS, blur, down_up, jpeg, noise
from dsd.data.views import Photographs


@pytest.fixture(scope="module")
def photograph():
    return Photographs.from_folder("embedded", resize=128, crop=96)[0]


@pytest.mark.parametrize("kind", DISTORTIONS)
def test_distortions_grow_with_their_amount(kind, photograph):
    distort, amounts = DISTORTIONS[kind]
    errors = [(distort(photograph, amount) - photograph).square().mean().item() for amount in amounts]
    assert all(distort(photograph, amount).shape == photograph.shape for amount in amounts)
    assert errors[0] > 0
    assert errors == sorted(errors)


@pytest.mark.parametrize("sigma", [0.1, 0.4, 0.6, 1.2, 4.8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blur_is_torchvisions_to_the_last_bit(photograph, sigma, dtype):
    from torchvision.transforms.v2 import functional as transforms

    x = photograph.to(dtype)
    expected = transforms.gaussian_blur(x, [2 * round(3 * sigma) + 1] * 2, [sigma] * 2)
    assert torch.equal(blur(x, sigma), expected)


@pytest.mark.parametrize("quality", [8, 40, 70])
def test_jpeg_is_that_of_a_file_to_the_last_bit(photograph, quality, tmp_path):
    from torchvision.transforms.v2 import functional as transforms

    transforms.to_pil_image(photograph).save(tmp_path / "x.jpg", quality=quality)
    pixels = transforms.pil_to_tensor(Image.open(tmp_path / "x.jpg"))
    assert torch.equal(jpeg(photograph, quality), transforms.to_dtype(pixels, torch.float32, scale=True))


def test_noise_has_the_deviation_asked_for_and_is_the_same_in_every_call(photograph):
    difference = noise(photograph, 0.1) - photograph
    assert abs(difference.std().item() - 0.1) < 1e-3
    assert torch.equal(noise(photograph, 0.1), noise(photograph, 0.1))


def test_down_up_keeps_what_is_smooth():
    ramp = torch.linspace(0, 1, 96).expand(3, 96, -1)
    inside = np.s_[:, 16:-16, 16:-16]
    torch.testing.assert_close(down_up(ramp, 2)[inside], ramp[inside], atol=2e-3, rtol=0)
