import numpy as np
import pytest
import torch

from dsd.data.images import load_image
from dsd.paths import data_root
from dsd.resize import downscale
from dsd.restore.degrade import low_resolution
from tests.test_resize import along_columns

SR = data_root() / "sr"


def fewer_rows(pixels, scale, borders, rounded):
    """One pass over an image (H, W), 0 to 255, from the definition."""
    out = along_columns(pixels, scale, borders)
    return np.floor(np.clip(out, 0, 255) + 0.5) if rounded else out


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(
    ("like", "borders", "rounds"),
    [
        ("matlab", "mirror", (False, False)),
        ("matlab-8bit", "mirror", (False, True)),
        ("selfexsr", "replicate", (True, True)),
    ],
)
def test_each_way_from_its_definition(like, borders, rounds, scale):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 24, 36))
    x = torch.from_numpy(pixels) / 255
    lr = low_resolution(x, scale, like)
    assert lr.dtype == torch.float32
    for image, planes in zip(lr, pixels, strict=True):
        for channel, plane in zip(image, planes, strict=True):
            expected = fewer_rows(fewer_rows(plane, scale, borders, rounds[0]).T, scale, borders, rounds[1]).T
            np.testing.assert_allclose(channel * 255, expected, atol=1e-4)


def test_halves_are_rounded_up():
    x = torch.zeros(1, 3, 4, 4)
    x[..., :2] = 1 / 255  # of four pixels, symmetric weights: half a grey level
    assert (low_resolution(x, 4, "matlab-8bit") * 255 == 1).all()
    assert (low_resolution(x, 4, "selfexsr") * 255 == 1).all()


def test_matlab_is_downscale_and_has_its_gradient():
    x = torch.rand(1, 3, 8, 12, requires_grad=True)
    assert torch.equal(low_resolution(x), downscale(x, 4))
    low_resolution(x).sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize("like", ["matlab-8bit", "selfexsr"])
def test_rounded_images_have_no_gradient(like):
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    assert not low_resolution(x, 4, like).requires_grad


def test_dtype_and_range_are_kept():
    x = torch.rand(1, 3, 8, 8, dtype=torch.float64).round()
    for like in ("matlab-8bit", "selfexsr"):
        lr = low_resolution(x, 2, like)
        assert lr.dtype == torch.float64
        assert lr.min() >= 0
        assert lr.max() <= 1


def test_errors():
    x = torch.rand(1, 3, 8, 12)
    for shape, scale in (((1, 3, 8, 12), 3), ((1, 3, 9, 12), 4), ((1, 3, 8, 12), 2.5)):
        with pytest.raises(ValueError, match=r"hr must be cut to multiples of scale, a whole number; got \(1, 3, "):
            low_resolution(torch.rand(shape), scale)
    with pytest.raises(ValueError, match=r"alpha must be a finite number of at least 1, got 0"):
        low_resolution(x, 0)
    for like in ("pil", None, np.zeros(3)):
        with pytest.raises(ValueError, match="like must be one of matlab, matlab-8bit, selfexsr; got "):
            low_resolution(x, 4, like)
    with pytest.raises(ValueError, match=r"hr must have values in \[0, 1\]"):
        low_resolution(x * 255)
    with pytest.raises(ValueError, match=r"hr must have shape \(N, 3, H, W\)"):
        low_resolution(x[0])


def cut(path, scale=4):
    """A ground truth as super-resolution takes it."""
    image = load_image(path)
    height, width = (side // scale * scale for side in image.shape[1:])
    return image[None, :, :height, :width]


@pytest.mark.skipif(not (SR / "bsd100" / "lr_x4").is_dir(), reason=f"no sr/bsd100/lr_x4 in {data_root()}")
def test_all_of_bsd100_to_the_last_bit():
    files = sorted((SR / "bsd100" / "lr_x4").glob("*.png"))
    assert len(files) == 100
    for file in files:
        hr = cut(data_root() / "bsds500" / "val" / f"{file.stem}.jpg")
        assert torch.equal(low_resolution(hr, 4, "selfexsr")[0], load_image(file)), file.name


@pytest.mark.skipif(not (SR / "esrgan").is_dir(), reason=f"no sr/esrgan in {data_root()}")
@pytest.mark.parametrize("name", ["baboon", "comic"])
def test_esrgans_images_to_the_last_bit(name):
    lr = low_resolution(cut(SR / "set14" / f"{name}.png"), 4, "matlab-8bit")
    assert torch.equal(lr[0], load_image(SR / "esrgan" / f"{name}_lr.png"))
