import numpy as np
import pytest
import torch
from PIL import Image

from dsd.data.images import load_image
from dsd.restore.blur import camera_shake, motion_blur, to_linear
from dsd.restore.pairs import Batches, Pairs
from dsd.restore.shaken import Shaken


def rng(seed=0):
    return np.random.default_rng(seed)


def shaken(paths, **options):
    return Shaken(paths, **{"kernel_side": 9, "quiet": True, **options})


def test_a_pair_is_a_crop_of_the_blurred_photograph(paths):
    pairs: Pairs = shaken(paths, noise_std=0, lengths=(8, 12))
    assert len(pairs) == 2
    x, y = pairs.crop(1, 16, rng())
    random = rng()
    top, left = (int(random.integers(length - 24 + 1)) + 4 for length in (40, 36))
    kernel = camera_shake(random, side=9, length=random.uniform(8, 12), roughness=random.random())
    whole = load_image(paths[1])[None]
    place = (0, slice(None), slice(top, top + 16), slice(left, left + 16))
    torch.testing.assert_close(y, whole[place])
    assert (x - motion_blur(whole, kernel)[place]).abs().max() <= 0.501 / 255
    assert torch.equal((x * 255).round() / 255, x)


def test_nothing_is_blurred_by_a_path_of_no_length(paths):
    x, y = shaken(paths, noise_std=0, lengths=(0, 0)).crop(0, 20, rng())
    assert torch.equal(x, y)


def test_noise_has_its_deviation_and_stays_in_range(paths):
    clean, noisy = (shaken(paths, noise_std=std).crop(0, 28, rng())[0] for std in (0, 0.02))
    assert (noisy - clean).std().item() == pytest.approx(0.02, rel=0.05)
    extreme, _ = shaken(paths, noise_std=5).crop(0, 28, rng())
    assert extreme.aminmax() == (0, 1)


def test_a_pair_follows_from_its_generator(paths):
    pairs = shaken(paths)
    again = shaken(paths)
    for a, b in zip(pairs.crop(0, 16, rng(3)), again.crop(0, 16, rng(3)), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(pairs.crop(0, 16, rng(3))[0], pairs.crop(0, 16, rng(4))[0])


def test_batches_take_it(paths):
    batch = Batches(shaken(paths), side=16, size=3, steps=1, seed=0)[0]
    assert batch.degraded.shape == batch.clean.shape == (3, 3, 16, 16)
    assert batch.degraded.dtype == torch.float32


def test_the_whole_photograph_is_used_and_no_more(paths):
    assert shaken(paths).crop(0, 28, rng())[1].shape == (3, 28, 28)
    message = r"0\.png is 40×36 pixels: a crop of 29×29 with a margin of 4 for the blur needs 37×37"
    with pytest.raises(ValueError, match=message):
        shaken(paths).check(29)


def test_errors(paths, tmp_path):
    with pytest.raises(ValueError, match="kernel_side must be odd, got 8"):
        shaken(paths, kernel_side=8)
    with pytest.raises(ValueError, match=r"lengths must be the shortest and the longest, got \(9, 5\)"):
        shaken(paths, lengths=(9, 5))
    with pytest.raises(ValueError, match="the shortest of lengths must be a finite number of at least 0, got -1"):
        shaken(paths, lengths=(-1, 5))
    with pytest.raises(ValueError, match="noise_std must be a finite number of at least 0, got -1"):
        shaken(paths, noise_std=-1)
    with pytest.raises(ValueError, match="paths must hold at least one photograph"):
        shaken([])
    with pytest.raises(FileNotFoundError, match="no image at "):
        shaken([tmp_path / "none.png"])


def test_the_mean_of_frames_is_that_of_an_even_motion(tmp_path):
    """A point of light becomes evenly spaced points on a line through where it was."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[32, 32] = 255
    Image.fromarray(pixels).save(tmp_path / "point.png")
    shaken = Shaken([tmp_path / "point.png"], lengths=(16, 16), noise_std=0, blur="frames", quiet=True)
    blurred, _ = shaken.crop(0, 40, np.random.default_rng(1))
    light = to_linear(blurred)[0].double().numpy()
    rows, columns = np.mgrid[:40, :40]
    middle = [float((axis * light).sum() / light.sum()) for axis in (rows, columns)]
    sharp = shaken.crop(0, 40, np.random.default_rng(1))[1][0].numpy()
    assert middle == pytest.approx([float(x) for x in np.argwhere(sharp == 1)[0]], abs=0.3)
    spread = np.cov(np.stack([rows.ravel(), columns.ravel()]), aweights=light.ravel())
    along, across = np.linalg.eigvalsh(spread)[::-1]
    assert across < 0.6
    assert 12 < np.sqrt(12 * along) < 22  # 16 pixels, evenly; steps between frames and bilinear weights widen it
    with pytest.raises(ValueError, match="blur must be one of shake, frames; got 'x'"):
        Shaken([tmp_path / "point.png"], blur="x", quiet=True)
