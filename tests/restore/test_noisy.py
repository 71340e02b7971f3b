import numpy as np
import pytest
import torch
from PIL import Image

from dsd.restore.noisy import Noisy, with_noise
from dsd.restore.pairs import Batches, Pairs


def rng(seed=0):
    return np.random.default_rng(seed)


def test_aligned_pairs_differ_by_noise(paths):
    pairs: Pairs = Noisy(paths, noise_std=0.05, quiet=True)
    x, y = pairs.crop(0, 36, rng())
    assert (x - y).std().item() == pytest.approx(0.05, rel=0.05)
    assert (x - y).mean().item() == pytest.approx(0, abs=0.005)
    assert torch.equal((x * 255).round() / 255, x)


def test_clean_crops_lie_as_far_away_as_said(tmp_path):
    rows, columns = np.mgrid[:40, :36].astype(np.uint8)
    Image.fromarray(np.stack([rows, columns, rows], axis=2)).save(tmp_path / "x.png")  # pixels say where they are
    pairs = Noisy([tmp_path / "x.png"], noise_std=0, misaligned=3, quiet=True)
    random, ways = rng(), []
    for _ in range(100):
        x, y = ((255 * crop[:2]).round() for crop in pairs.crop(0, 8, random))
        way = (y - x).flatten(1)
        assert torch.equal(way, way[:, :1].expand_as(way))
        ways.append(way[:, 0].int().tolist())
    assert {way for pair in ways for way in pair} == set(range(-3, 4))
    assert np.abs(np.mean(ways, axis=0)).max() < 1
    assert len({tuple(way) for way in ways}) > 20  # both directions, each by itself


def test_one_margin_is_one_set_of_noisy_places(tmp_path):
    rows, columns = np.mgrid[:40, :36].astype(np.uint8)
    Image.fromarray(np.stack([rows, columns, rows], axis=2)).save(tmp_path / "x.png")
    sources = [Noisy([tmp_path / "x.png"], noise_std=0, misaligned=far, margin=9, quiet=True) for far in (0, 2, 9)]
    places = set()
    for seed in range(200):
        (x, y), *others = (source.crop(0, 8, rng(seed)) for source in sources)
        assert torch.equal(x, y)
        for far, (noisy, clean) in zip((2, 9), others, strict=True):
            assert torch.equal(noisy, x)
            assert (255 * (clean - noisy)[:2]).round().abs().max() <= far
        places.add((255 * x[0, 0, 0]).round().int().item())
    assert places == set(range(9, 40 - 9 - 8 + 1))


def test_a_pair_follows_from_its_generator(paths):
    pairs = Noisy(paths, misaligned=2, quiet=True)
    for a, b in zip(pairs.crop(0, 16, rng(3)), pairs.crop(0, 16, rng(3)), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(pairs.crop(0, 16, rng(3))[0], pairs.crop(0, 16, rng(4))[0])


def test_batches_take_it(paths):
    batch = Batches(Noisy(paths, misaligned=10, quiet=True), side=16, size=3, steps=1, seed=0)[0]
    assert batch.degraded.shape == batch.clean.shape == (3, 3, 16, 16)
    assert batch.degraded.dtype == torch.float32


def test_noise_is_cut_to_the_range_of_8_bits():
    assert with_noise(torch.full((3, 20, 20), 0.5), 5, rng()).aminmax() == (0, 1)
    x = torch.full((3, 2, 2), 100.4 / 255)
    assert with_noise(x, 0, rng()).unique().tolist() == pytest.approx([100 / 255])


def test_errors(paths):
    message = r"0\.png is 40×36 pixels: a crop of 29×29 with a margin of 4 for the misalignment needs 37×37"
    with pytest.raises(ValueError, match=message):
        Noisy(paths, misaligned=4, quiet=True).check(29)
    Noisy(paths, misaligned=4, quiet=True).check(28)
    with pytest.raises(ValueError, match="noise_std must be a finite number of at least 0, got -1"):
        Noisy(paths, noise_std=-1)
    with pytest.raises(ValueError, match=r"misaligned must be an integer of at least 0, got 0\.5"):
        Noisy(paths, misaligned=0.5)
    with pytest.raises(ValueError, match="margin must be an integer of at least 4, got 3"):
        Noisy(paths, misaligned=4, margin=3)
    with pytest.raises(ValueError, match="paths must hold at least one photograph"):
        Noisy([])
