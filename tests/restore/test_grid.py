"""Grid energy: against NumPy, on noise, photographs and patterns."""

import numpy as np
import pytest
import torch

from dsd.data.images import embedded_photographs, load_image
from dsd.restore.grid import grid_energy


def pattern(amplitude, period=4, side=96, seed=0):
    """Noise, with every period-th column brighter."""
    x = 0.3 + 0.4 * torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(seed))
    return x + amplitude * (torch.arange(side) % period == 0)


def by_numpy(image, period):
    """Line by line, bin by bin."""
    luma = np.tensordot([0.299, 0.587, 0.114], image, 1)
    levels = []
    for lines in (luma, luma.T):
        length = lines.shape[1] - lines.shape[1] % period
        window = np.sin(np.pi * np.arange(length) / length) ** 2
        t = np.arange(length)

        def power(number, lines=lines, length=length, window=window, t=t):
            wave = np.exp(-2j * np.pi * number * t / length)
            return np.mean([abs(np.sum(window * line[:length] * wave)) ** 2 for line in lines])

        for k in range(1, period // 2 + 1):
            middle = k * length // period
            around = [power(middle + sign * step) for step in range(3, 9) for sign in (-1, 1)]
            levels.append(10 * np.log10(power(middle) / np.mean(around)))
    return np.mean(levels)


@pytest.mark.parametrize(
    ("size", "period"), [((50, 61), 4), ((64, 48), 4), ((50, 39), 3), ((60, 73), 5), ((49, 30), 2)]
)
def test_is_what_numpy_computes(size, period):
    x = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    assert grid_energy(x, period).item() == pytest.approx(by_numpy(x[0].double().numpy(), period), abs=1e-9)


def test_noise_has_none():
    x = torch.rand(4, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    energy = grid_energy(x)
    assert (energy.shape, energy.dtype) == ((4,), torch.float64)
    assert energy.abs().max() < 0.5


def test_photographs_have_hardly_any():
    energy = [grid_energy(load_image(path)[None]).item() for path in embedded_photographs()]
    assert np.abs(energy).max() < 1.5
    assert abs(np.mean(energy)) < 0.5


def test_rises_with_the_pattern():
    energy = torch.cat([grid_energy(pattern(amplitude)) for amplitude in (0, 0.02, 0.04, 0.08, 0.16)])
    assert (energy.diff() > 0).all()
    assert grid_energy(pattern(0.16, 5)).item() < 1  # of another period


def test_brightness_and_contrast_do_not_matter():
    x = pattern(0.1)
    assert grid_energy(0.5 * x).item() == pytest.approx(grid_energy(x).item(), abs=1e-4)
    assert grid_energy(x + 0.1).item() == pytest.approx(grid_energy(x).item(), abs=1e-4)


def test_rows_count_as_columns():
    x = pattern(0.1)[..., :70]
    assert grid_energy(x.mT).item() == pytest.approx(grid_energy(x).item(), abs=1e-9)


def test_a_batch_is_its_images():
    x = torch.cat([pattern(0.1), pattern(0)])
    assert torch.allclose(grid_energy(x), torch.cat([grid_energy(image[None]) for image in x]), atol=1e-9)


def test_a_constant_image_has_none():
    assert grid_energy(torch.full((1, 3, 48, 48), 0.3)).item() == pytest.approx(0, abs=1e-6)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"48"):
        grid_energy(torch.rand(1, 3, 47, 96))
    with pytest.raises(ValueError, match="period"):
        grid_energy(torch.rand(1, 3, 96, 96), 1)
    with pytest.raises(TypeError, match="x"):
        grid_energy(np.zeros((1, 3, 96, 96)))
