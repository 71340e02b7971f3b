import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, sobel

from dsd.data.distortions import blur, noise
from dsd.data.images import embedded_photographs, luma
from dsd.data.views import Photographs, View
from dsd.quality.statistics import STATISTICS, gradient_energy, metric_q, noise_level, statistics


@pytest.fixture(scope="module")
def photographs():
    paths = [path for path in embedded_photographs() if path.stem not in ("grass", "gravel")]  # like noise to Q
    return torch.stack(list(Photographs([View(path, path.name) for path in paths], "few", resize=192, crop=160)))


def test_statistics_written_out():
    views = [View(path, path.name) for path in embedded_photographs()[:5]]
    photographs = Photographs(views, "few", resize=48, crop=32)
    x = torch.stack([photographs[k] for k in range(5)])
    values = {name: value.numpy() for name, value in statistics(x).items()}
    for k, image in enumerate(x.double().numpy()):
        r, g, b = image
        y = 0.299 * r + 0.587 * g + 0.114 * b
        assert values["contrast"][k] == pytest.approx(y.std(), rel=1e-4)
        fine = y - gaussian_filter(y, 1, mode="mirror", radius=3)
        assert values["high-frequency energy"][k] == pytest.approx((fine**2).mean(), rel=1e-3)
        rg, yb = r - g, (r + g) / 2 - b
        colourfulness = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
        assert values["colourfulness"][k] == pytest.approx(colourfulness, rel=1e-4, abs=1e-6)
    assert tuple(values) == STATISTICS


def test_gradient_energy_written_out():
    x = torch.rand(2, 3, 5, 6)
    y = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    expected = ((y[:, :, 1:] - y[:, :, :-1]) ** 2).mean((1, 2)) + ((y[:, 1:] - y[:, :-1]) ** 2).mean((1, 2))
    assert gradient_energy(x).tolist() == pytest.approx(expected.tolist())
    assert gradient_energy(torch.full((1, 3, 4, 4), 0.3)) == 0


def test_metric_q_written_out(photographs):
    x = photographs[:3, :, :45, :60]
    y = luma(x)[:, 0].double().numpy()
    tau = math.sqrt((1 - 0.001 ** (1 / 63)) / (1 + 0.001 ** (1 / 63)))
    for image, value in zip(y, metric_q(x), strict=True):
        gradients = np.stack([sobel(image, axis)[1:-1, 1:-1] / 8 for axis in (1, 0)], axis=-1)
        q = []
        for top in range(0, 43 - 7, 8):
            for left in range(0, 58 - 7, 8):
                matrix = gradients[top : top + 8, left : left + 8].reshape(64, 2)
                s1, s2 = np.linalg.svd(matrix, compute_uv=False) / 8
                coherence = (s1 - s2) / (s1 + s2)
                q.append(s1 * coherence if coherence > tau else 0)
        assert len(q) == 5 * 7
        assert 0 < q.count(0) < len(q)
        assert value.item() == pytest.approx(np.mean(q), rel=1e-4)


def grids(period, amplitude=0.03):
    """A pattern of waves in both directions, and of their product."""
    wave = torch.cos(2 * math.pi * torch.arange(160) / period)
    for grid in (wave[:, None] + wave, wave[:, None] * wave):
        yield amplitude * grid / grid.std()


def test_metric_q_tells_detail_from_noise(photographs):
    """On 24 photographs of BSDS500, at 256², each blur lowers it in 23 or 24, noise and grids raise it in none."""
    q, energy = metric_q(photographs), gradient_energy(photographs)
    before = q
    for sigma in (0.5, 0.8, 1.2, 2, 3):
        assert (metric_q(blur(photographs, sigma)) < before).all()
        before = metric_q(blur(photographs, sigma))
    for std in (0.02, 0.04, 0.08):
        noisy = noise(photographs, std).clamp(0, 1)
        assert (metric_q(noisy) < q).all()
        assert (gradient_energy(noisy) > energy).all()  # which cannot tell
    for period in (2, 3, 4, 6):
        for grid in grids(period):
            patterned = (photographs + grid).clamp(0, 1)
            assert (metric_q(patterned) < 1.02 * q).all()
            assert (gradient_energy(patterned) > energy).all()
    # Noise cannot make up for blur.
    assert (metric_q(noise(blur(photographs, 2), 0.08)) < metric_q(blur(photographs, 2))).all()


def test_metric_q_of_nothing():
    assert metric_q(torch.full((1, 3, 16, 16), 0.3)) == 0
    white = metric_q(torch.rand(1, 3, 258, 258))
    assert white < 0.1 * metric_q(torch.rand(1, 3, 1, 258).expand(-1, -1, 258, -1))
    with pytest.raises(ValueError, match=r"images must have at least 10×10 pixels, got \(12, 9\)"):
        metric_q(torch.rand(1, 3, 12, 9))


def test_noise_level(photographs):
    x = photographs[:2].double()
    y = luma(x)[:, 0].numpy()
    details = (y[:, :-1, :-1] - y[:, :-1, 1:] - y[:, 1:, :-1] + y[:, 1:, 1:]) / 2
    np.testing.assert_allclose(noise_level(x), np.median(np.abs(details), axis=(1, 2)) / 0.6745, rtol=1e-3)
    for std in (0.02, 0.05):  # of luma
        grey = 0.5 + std * torch.randn(1, 1, 200, 200, generator=torch.Generator().manual_seed(0))
        assert noise_level(grey.expand(-1, 3, -1, -1)).item() == pytest.approx(std, rel=0.02)
