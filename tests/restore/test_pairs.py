"""Crops against whole images that the tests make; batches against what they say they follow from."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from dsd.data.images import load_image
from dsd.data.restoration_sets import PairedFiles, folder_of_pairs
from dsd.restore.degrade import low_resolution
from dsd.restore.pairs import Aligned, Batch, Batches, Files

SCALE, SIDE = 4, 16


@pytest.fixture
def clean(tmp_path):
    """Two noisy images, the second of which is cut to 40×32."""
    pixels = np.random.default_rng(0).integers(0, 256, (2, 43, 34, 3), dtype=np.uint8)
    (tmp_path / "clean").mkdir()
    for number, image in enumerate(pixels):
        Image.fromarray(image[: 40 + 3 * number, : 32 + 2 * number]).save(tmp_path / "clean" / f"{number}.png")
    return sorted((tmp_path / "clean").glob("*.png"))


@pytest.fixture
def files(clean):
    return Files([PairedFiles("clean", {path.stem: (None, path) for path in clean}, SCALE)])


@pytest.fixture
def pairs(files):
    return Aligned(files, SCALE, quiet=True)


class Numbered:
    """Four photographs whose pixels say where they are: in the degraded ones, and in the middle of the clean ones."""

    def __len__(self):
        return 4

    def check(self, side):
        pass

    def crop(self, index, side, random):
        top, left = (int(random.integers(50)) for _ in range(2))
        y = (torch.arange(side) + left).repeat(3, side, 1) + 100 * index
        return (y[:, ::SCALE, ::SCALE] + top) / 1000, (y + top) / 1000


def batches(pairs, **options):
    return Batches(pairs, **{"side": SIDE, "size": 6, "steps": 5, "seed": 3, **options})


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("like", ["matlab-8bit", "selfexsr", "matlab"])
def test_low_resolution_images_are_made_where_there_are_none(clean, like):
    files = Files([PairedFiles("clean", {"a": (None, clean[1])}, SCALE)], like)
    degraded, whole = files[0]
    assert degraded.dtype == whole.dtype == torch.uint8
    expected = load_image(clean[1])[:, :40, :32]
    assert torch.equal(whole, (255 * expected).round().byte())
    low = low_resolution(expected[None], SCALE, like)[0]
    assert torch.equal(degraded, (255 * low).round().clamp(0, 255).byte())
    assert files.path(0) == clean[1]


def test_files_with_degraded_ones_are_read(clean, tmp_path):
    (tmp_path / "low").mkdir()
    low = np.random.default_rng(1).integers(0, 256, (2, 10, 8, 3), dtype=np.uint8)
    for path, pixels in zip(clean, low, strict=True):
        Image.fromarray(pixels).save(tmp_path / "low" / path.name)
    files = Files([folder_of_pairs(tmp_path / "low", tmp_path / "clean", SCALE)])
    assert len(files) == 2
    degraded, whole = files[1]
    assert torch.equal(degraded.permute(1, 2, 0), torch.from_numpy(low[1]))
    assert whole.shape == (3, 40, 32)
    x, y = Aligned(files, SCALE, quiet=True).crop(1, 32, rng())
    assert any(torch.equal(x, degraded[:, top : top + 8] / 255) for top in range(3))
    assert any(torch.equal(y, whole[:, top : top + 32] / 255) for top in (0, 4, 8))


def test_several_sets_are_one_after_the_other(clean):
    sets = [PairedFiles(path.stem, {path.stem: (None, path)}, SCALE) for path in reversed(clean)]
    files = Files(sets)
    assert [files.path(index) for index in range(len(files))] == clean[::-1]
    assert len(list(files)) == 2


def test_crops_are_aligned(files, pairs):
    """Both are cut out of the whole images, at the same place."""
    assert len(pairs) == 2
    seen = set()
    for seed in range(40):
        x, y = pairs.crop(1, SIDE, rng(seed))
        degraded, whole = (image / 255 for image in files[1])
        places = [
            (top, left)
            for top in range(10 - 4 + 1)
            for left in range(8 - 4 + 1)
            if torch.equal(x, degraded[:, top : top + 4, left : left + 4])
        ]
        ((top, left),) = places
        assert torch.equal(y, whole[:, 4 * top : 4 * top + SIDE, 4 * left : 4 * left + SIDE])
        seen.add((top, left))
    assert {top for top, _ in seen} == set(range(7))
    assert {left for _, left in seen} == set(range(5))


def test_a_crop_may_be_the_whole_image(pairs, files):
    x, y = pairs.crop(0, 32, rng())
    assert (x.shape, y.shape) == ((3, 8, 8), (3, 32, 32))
    assert x.dtype == y.dtype == torch.float32


def test_kept_or_read_again(files, pairs):
    again = Aligned(files, SCALE, keep=False)
    assert len(again) == len(pairs)
    for index in range(2):
        assert equal(pairs.crop(index, SIDE, rng(5)), again.crop(index, SIDE, rng(5)))


@pytest.mark.parametrize("keep", [True, False])
def test_an_image_that_is_too_small_is_named(files, keep):
    pairs = Aligned(files, SCALE, keep=keep, quiet=True)
    with pytest.raises(ValueError, match=r"clean/\d\.png is 4\d×3\d pixels: crops are 36×36"):
        batches(pairs, side=36)


def test_a_batch_is_of_pairs(pairs):
    batch = batches(pairs)[0]
    assert isinstance(batch, Batch)
    assert batch.degraded.shape == (6, 3, 4, 4)
    assert batch.clean.shape == (6, 3, SIDE, SIDE)
    assert batch.places.tolist() == [-1] * 6
    assert len(batches(pairs)) == 5


def test_both_are_mirrored_or_none():
    mirrored = []
    for step in range(20):
        for x, y in zip(*batches(Numbered())[step][:2], strict=True):
            turned = bool(y[0, 0, 0] > y[0, 0, -1])
            assert torch.equal(x, (y.flip(2)[:, ::SCALE, ::SCALE].flip(2) if turned else y[:, ::SCALE, ::SCALE]))
            mirrored.append(turned)
    assert 0.3 < np.mean(mirrored) < 0.7


@pytest.mark.parametrize("options", [{}, {"noise": True}, {"each": 3}, {"each": 3, "noise": True}])
def test_a_sample_follows_from_seed_step_and_number(options):
    """It does not matter what was asked before, how many there are, or which process asks."""
    whole = batches(Numbered(), **options)
    first = whole[2]
    whole[0]
    assert equal(first, whole[2])
    assert equal(first, batches(Numbered(), **options, steps=100)[2])
    smaller = batches(Numbered(), **options, size=4)[2]
    assert equal([part[:4] for part in first], smaller)
    ranks = [batches(Numbered(), **options, rank=rank, count=2)[2] for rank in range(2)]
    assert [len(part.clean) for part in ranks] == [3, 3]
    assert equal(first, [torch.cat(parts) for parts in zip(*ranks, strict=True)])


def test_steps_samples_and_seeds_differ():
    whole = batches(Numbered())
    crops = [crop for step in range(3) for crop in whole[step].clean]
    crops += list(batches(Numbered(), seed=4)[0].clean)
    assert len({tuple(crop.flatten().tolist()) for crop in crops}) > 20


def test_the_pool_is_fixed():
    """Crops of a pool are the same in all steps and runs of a seed, `each` of every photograph."""
    whole = batches(Numbered(), each=3, noise=True)
    assert whole.places == 12
    for step in range(5):
        batch = whole[step]
        for x, y, place in zip(*batch, strict=True):
            assert equal((x, y), whole.of_pool(int(place)))
            assert equal((x, y), batches(Numbered(), each=3, noise=True, size=2, steps=9).of_pool(int(place)))
    of = [int(1000 * batches(Numbered(), each=3).of_pool(place)[1].min()) // 100 for place in range(12)]
    assert of == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    drawn = torch.cat([batches(Numbered(), each=3, steps=40)[step].places for step in range(40)])
    assert set(drawn.tolist()) == set(range(12))
    assert batches(Numbered()).places == 0


def test_crops_of_the_pool_differ(pairs):
    whole = batches(pairs, each=4)
    crops = {tuple(whole.of_pool(place)[1].flatten().tolist()) for place in range(8)}
    assert len(crops) > 5


@pytest.mark.parametrize("each", [None, 4])
def test_noise_spreads_values_over_their_width(pairs, each):
    plain, noisy = (batches(pairs, each=each, noise=noise, size=20)[1] for noise in (False, True))
    for kind in ("degraded", "clean"):
        steps = 256 * getattr(noisy, kind) - 255 * getattr(plain, kind)
        assert steps.min() > -1e-3
        assert steps.max() < 1 + 1e-3
        assert steps.mean().item() == pytest.approx(0.5, abs=0.03)
        assert steps.std().item() == pytest.approx(12**-0.5, rel=0.1)
        assert getattr(noisy, kind).dtype == torch.float32
    assert torch.equal(plain.places, noisy.places)


@pytest.mark.parametrize("keep", [True, False])
def test_a_worker_loads_the_same(files, keep):
    whole = batches(Aligned(files, SCALE, keep=keep, quiet=True), steps=3)
    loaded = list(DataLoader(whole, batch_size=None, num_workers=1))
    assert len(loaded) == 3
    for step, batch in enumerate(loaded):
        assert isinstance(batch, Batch)
        assert equal(batch, whole[step])
