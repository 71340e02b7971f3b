"""Contrast, moments and fits against SciPy and plain loops."""

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from scipy.special import gamma

from dsd.quality import natural_scenes
from dsd.quality.natural_scenes import (
    GAUSSIAN,
    WEIGHTS,
    contrast,
    fit_asymmetric,
    fit_symmetric,
    halve,
    moments,
    to_grey,
)
from dsd.resize import downscale

SHAPES = 0.2 + 0.001 * np.arange(9801)
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def numpy_contrast(level, mode):
    """MSCN coefficients of (H, W)."""
    axis = np.arange(-3, 4)
    window = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    mean = correlate(level, window, mode=mode)
    deviation = np.sqrt(np.abs(correlate(level**2, window, mode=mode) - mean**2))
    return (level - mean) / (deviation + 1), deviation


def numpy_asymmetric(values):
    """Shape, left and right deviation of an AGGD, as the release has them."""
    left, right = (np.sqrt((side**2).mean()) for side in (values[values < 0], values[values > 0]))
    ratio = left / right
    r = np.abs(values).mean() ** 2 / (values**2).mean() * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    table = gamma(2 / SHAPES) ** 2 / (gamma(1 / SHAPES) * gamma(3 / SHAPES))
    return SHAPES[np.argmin((table - r) ** 2)], left, right


def numpy_pairs(block):
    """The four products with neighbours."""
    return [block * np.roll(block, shift, axis=(0, 1)) for shift in NEIGHBOURS]


@pytest.mark.parametrize(("borders", "mode"), [("replicate", "nearest"), ("constant", "constant")])
@pytest.mark.parametrize("size", [(40, 30), (2, 50), (5, 1)])
def test_contrast_is_scipys(borders, mode, size, device, monkeypatch):
    monkeypatch.setattr(natural_scenes, "CHUNK", {"cpu": 8 * 30, "cuda": 8 * 30})  # several strips
    level = torch.rand(2, *size, dtype=torch.float64, device=device) * 255
    strips = list(contrast(level, borders, rows=2))
    assert len(strips) == {40: 10, 2: 1, 5: 1}[size[0]]
    for result, image in zip((torch.cat(parts, dim=1) for parts in zip(*strips, strict=True)), (0, 1), strict=True):
        expected = [numpy_contrast(one, mode)[image] for one in level.cpu().numpy()]
        np.testing.assert_allclose(result.cpu(), expected, atol=1e-8)


def test_constant_areas_have_none():
    level = torch.full((1, 30, 30), 113.0, dtype=torch.float64)
    level[..., 20:] = 40
    coefficients, _ = next(contrast(level))
    assert (coefficients[..., :17] == 0).all()
    assert (coefficients[..., 17:23] != 0).all()
    assert (coefficients[..., 23:] == 0).all()


@pytest.mark.parametrize("size", [(96, 192), (97, 130), (31, 20), (200, 7), (2, 2)])
def test_halve_is_downscale(size, device):
    level = torch.rand(2, *size, dtype=torch.float64, device=device) * 255
    torch.testing.assert_close(halve(level), downscale(level[:, None], 2)[:, 0], rtol=0, atol=1e-10)


def test_moments_and_fits_are_numpys(device):
    blocks = torch.randn(3, 24, 20, dtype=torch.float64, device=device).clamp(min=-1.5)
    blocks[1].mul_(0.01)
    blocks[2, :5] = 0
    sums = moments(blocks, blocks[:, -1:])
    fit = fit_asymmetric(sums)
    shape, variance = fit_symmetric(sums)
    for index, block in enumerate(blocks.cpu().numpy()):
        for pair, values in enumerate([block, *numpy_pairs(block)]):
            expected = (values.size, np.sign(values).sum(), np.count_nonzero(values), np.abs(values).sum())
            expected += ((values[values > 0] ** 2).sum(), (values**2).sum())
            np.testing.assert_allclose(sums[pair, :, index].cpu(), expected, rtol=1e-12)
            alpha, left, right = numpy_asymmetric(values)
            unit = np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
            mean = (right - left) * unit * gamma(2 / alpha) / gamma(1 / alpha)
            np.testing.assert_allclose(
                [value[pair, index].item() for value in fit], (alpha, left, right, unit, mean), rtol=1e-9, atol=1e-12
            )
            table = gamma(1 / SHAPES) * gamma(3 / SHAPES) / gamma(2 / SHAPES) ** 2
            nearest = np.argmin(np.abs((values**2).mean() / np.abs(values).mean() ** 2 - table))
            assert shape[pair, index].item() == pytest.approx(SHAPES[nearest])
            assert variance[pair, index].item() == pytest.approx((values**2).mean())


def test_moments_of_parts_add_up():
    block = torch.randn(1, 12, 9, dtype=torch.float64)
    upper, lower = block.split((5, 7), dim=1)
    parts = moments(upper, lower[:, -1:]) + moments(lower, upper[:, -1:])
    torch.testing.assert_close(parts, moments(block, block[:, -1:]))


@pytest.mark.parametrize(("value", "alpha"), [(0.0, 0.2), (1.0, 0.2)])
def test_one_sided_values_have_no_fit(value, alpha):
    blocks = torch.full((1, 8, 8), value, dtype=torch.float64)
    fit = fit_asymmetric(moments(blocks, blocks[:, -1:]))
    assert (fit.shape == alpha).all()
    assert fit.mean.isnan().all()


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_recovers_the_shape(alpha):
    generator = np.random.default_rng(0)
    size = (1, 400, 500)
    values = generator.gamma(1 / alpha, size=size) ** (1 / alpha)
    blocks = torch.from_numpy(values * generator.choice([-1, 2], size, p=[1 / 3, 2 / 3]))
    fit = fit_asymmetric(moments(blocks, blocks[:, -1:]))
    assert fit.shape[0].item() == pytest.approx(alpha, rel=0.02)
    assert (fit.right / fit.left)[0].item() == pytest.approx(2, rel=0.02)
    blocks = torch.from_numpy(values * generator.choice([-1, 1], size))
    shape, _ = fit_symmetric(moments(blocks, blocks[:, -1:]))
    assert shape[0].item() == pytest.approx(alpha, rel=0.02)


def test_grey():
    x = torch.rand(2, 3, 4, 5)
    weights = np.array(WEIGHTS["rgb2gray"][0])
    expected = np.tensordot(x.double().numpy() * 255, weights, (1, 0))
    np.testing.assert_allclose(to_grey(x, rounded=False), expected, rtol=1e-12)
    np.testing.assert_array_equal(to_grey(x), expected.round())
    luma = 16 + np.tensordot(x.double().numpy(), np.array([65.481, 128.553, 24.966]), (1, 0))
    np.testing.assert_allclose(to_grey(x, "y", rounded=False), luma, rtol=1e-12)
    levels = torch.arange(256) / 255
    np.testing.assert_array_equal(to_grey(levels.expand(1, 3, 1, -1))[0, 0], np.arange(256))
    with pytest.raises(ValueError, match="grey must be one of rgb2gray, y; got 'luma'"):
        to_grey(x, "luma")


def test_gaussian():
    assert sum(GAUSSIAN) == pytest.approx(1)
    assert tuple(reversed(GAUSSIAN)) == GAUSSIAN
