import pytest
import torch

from dsd.data.traditional import KINDS, TRADITIONAL, distort
from dsd.data.views import Photographs


@pytest.fixture(scope="module")
def photographs():
    names = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"]
    return list(Photographs.from_names(names, resize=128, crop=64))


def test_there_are_twenty_in_five_groups():
    assert [len(kinds) for kinds in TRADITIONAL.values()] == [4, 6, 2, 7, 1]
    assert len(KINDS) == 20


@pytest.mark.parametrize("kind", KINDS)
def test_strength_0_is_the_image_itself(kind, photographs):
    assert torch.equal(distort(photographs[0], [kind], 0, seed=3), photographs[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_weak_one_changes_little(kind, photographs):
    change = (distort(photographs[0], [kind], 0.01, seed=3) - photographs[0]).square().mean().sqrt()
    assert change < 0.03


@pytest.mark.parametrize("kind", KINDS)
def test_error_rises_with_strength(kind, photographs):
    """On the mean over photographs: a shifted texture may come back to itself."""
    errors = [
        sum((distort(x, [kind], strength, seed) - x).square().mean().item() for seed, x in enumerate(photographs))
        for strength in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert errors == sorted(errors)
    assert len(set(errors)) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_images_and_follow_the_seed(kind, photographs):
    x = photographs[2]
    once, again = (distort(x, [kind], 1, seed=5) for _ in range(2))
    assert torch.equal(once, again)
    assert once.shape == x.shape
    assert once.dtype == x.dtype
    assert 0 <= once.min() <= once.max() <= 1
    others = [distort(x, [kind], 1, seed) for seed in range(6)]
    random = kind not in ("Gaussian blur", "bilateral filter", "JPEG")
    assert any(not torch.equal(others[0], other) for other in others) == random


@pytest.mark.parametrize("kind", KINDS)
def test_oblong_and_smallest_images(kind):
    for shape in ((3, 13, 13), (3, 40, 24)):
        assert distort(torch.rand(shape), [kind], 1).shape == shape


def test_a_sequence_is_one_after_the_other(photographs):
    x = photographs[1]
    first = distort(x, ["white noise"], 0.5, seed=7)
    assert torch.equal(distort(x, ["white noise", "JPEG"], 0.5, seed=7), distort(first, ["JPEG"], 0.5))


@pytest.mark.parametrize(
    ("kind", "exponent"),
    [("uniform noise", 0), ("white noise", 0), ("pink noise", -1), ("blue noise", 1)],
)
def test_noises_have_their_spectra(kind, exponent):
    grey = torch.full((3, 128, 128), 0.5)
    noise = distort(grey, [kind], 0.5, seed=1) - grey
    assert noise.std().item() == pytest.approx(0.1, rel=0.03)
    power = torch.fft.fft2(noise).abs().square().mean(dim=0)
    frequency = torch.hypot(*torch.meshgrid(torch.fft.fftfreq(128), torch.fft.fftfreq(128), indexing="ij"))
    low, high = (power[(frequency > f / 1.3) & (frequency < f * 1.3)].mean().log2() for f in (1 / 16, 1 / 4))
    assert (high - low).item() / 2 == pytest.approx(exponent, abs=0.15)


def test_colored_noise_is_between_brown_and_violet():
    grey = torch.full((3, 64, 64), 0.5)
    neighbours = [
        (noise := distort(grey, ["colored noise"], 0.2, seed) - grey).diff(dim=2).std().item() / noise.std().item()
        for seed in range(60)
    ]
    assert min(neighbours) < 0.85  # white: √2
    assert max(neighbours) > 1.6


def test_shift_moves_by_8_pixels():
    x = torch.zeros(3, 64, 64)
    x[:, 30:34, 30:34] = 1
    moved = distort(x, ["shift"], 1, seed=4)
    rows, columns = (torch.arange(64.0) @ moved[0].sum(dim=dim) / moved[0].sum() - 31.5 for dim in (1, 0))
    assert torch.hypot(rows, columns).item() == pytest.approx(8, abs=0.01)


def test_saturation_keeps_luma_and_grey():
    grey = torch.rand(1, 32, 32).expand(3, -1, -1)
    torch.testing.assert_close(distort(grey, ["saturation"], 1, seed=2), grey)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.rand(3, 12, 20), ["JPEG"], 0.5), r"13×13 pixels, got \(3, 12, 20\)"),
        ((torch.rand(3, 20, 41), ["JPEG"], 0.5), r"longer than twice its width, got \(3, 20, 41\)"),
        ((torch.rand(1, 20, 20), ["JPEG"], 0.5), "shape"),
        ((torch.rand(3, 20, 20), ["fog"], 0.5), "kinds must be one of lightness shift, .*; got 'fog'"),
        ((torch.rand(3, 20, 20), "JPEG", 0.5), "kinds must be a list of names .*; got 'JPEG'"),
        ((torch.rand(3, 20, 20), [], 0.5), "kinds must be a list of names"),
        ((torch.rand(3, 20, 20), ["JPEG"], 1.5), "strength must be a number from 0 to 1, got 1.5"),
        ((torch.rand(3, 20, 20), ["JPEG"], float("nan")), "strength must be a number from 0 to 1, got nan"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        distort(*arguments)


def test_no_tensor():
    with pytest.raises(TypeError, match=r"must be a torch.Tensor"):
        distort([1, 2], ["JPEG"], 0.5)
