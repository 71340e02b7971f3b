import numpy as np
import pytest
import torch
from PIL import Image

from dsd import downscale, dsd_norm
from dsd.checkpoint import load_checkpoint
from dsd.data.images import find_images, load_image
from dsd.noref import crops as module
from dsd.noref.crops import Batches, Crops
from dsd.noref.regressor import LAYERS


@pytest.fixture
def paths(photographs):
    return find_images(photographs)


def make(paths, *, alpha=2, side=16, each=4, seed=0):
    return Crops(paths, alpha, side=side, each=each, seed=seed, quiet=True)


def all_of(crops):
    return torch.stack([crops[index] for index in range(len(crops))])


def places(crop, image):
    """Where an image holds a crop: top, left, mirrored."""
    crop, image = ((255 * x).round().byte().numpy() for x in (crop, image))
    windows = np.lib.stride_tricks.sliding_window_view(image, crop.shape)[0]
    return [
        (int(top), int(left), mirrored)
        for mirrored, candidate in enumerate((crop, crop[:, :, ::-1]))
        for top, left in np.argwhere((windows == candidate).all(axis=(2, 3, 4)))
    ]


def test_crops_are_the_same_whenever_asked_for_and_differ_by_seed(paths):
    crops, again = make(paths), make(paths)
    assert len(crops) == 12
    torch.rand(5)
    backwards = [again[index] for index in reversed(range(12))]
    for index in range(12):
        assert torch.equal(crops[index], backwards[11 - index])
    assert (all_of(make(paths, seed=1)) != all_of(crops)).flatten(1).any(dim=1).all()


def test_a_crop_is_a_part_of_its_photograph(paths):
    """Anywhere in it, half of them mirrored."""
    crops = make(paths, each=60)
    found = []
    for index in range(len(crops)):
        crop = crops[index]
        assert crop.shape == (3, 32, 32)
        found.append(places(crop, load_image(paths[index // 60])))
    assert all(len(where) == 1 for where in found)
    tops, lefts, mirrored = map(np.array, zip(*(where[0] for where in found), strict=True))
    assert (tops.min(), tops.max(), lefts.min(), lefts.max()) == (0, 50 - 32, 0, 60 - 32)
    assert 0.38 < mirrored.mean() < 0.62  # of 180, 3 deviations
    assert len({where[0] for where in found}) > 150


def test_a_photograph_of_a_crops_size_is_enough_and_a_smaller_one_is_named(tmp_path):
    for height in (32, 31):
        Image.fromarray(np.zeros((height, 40, 3), np.uint8)).save(tmp_path / f"{height}.png")
    assert make([tmp_path / "32.png"])[0].shape == (3, 32, 32)
    message = r"31\.png has 40×31 pixels: crops of 16×16 pixels at alpha 2 need at least 32×32"
    with pytest.raises(ValueError, match=message):
        make([tmp_path / "32.png", tmp_path / "31.png"])


@pytest.mark.parametrize("alpha", [2, 1.5])
def test_inputs_are_the_crops_downscaled(paths, alpha):
    crops = make(paths, alpha=alpha)
    inputs = crops.inputs()
    assert inputs.shape == (12, 3, 16, 16)
    torch.testing.assert_close(inputs, downscale(all_of(crops), alpha))


def test_targets_are_the_crops_norms(paths, network, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 5)  # the last part is smaller
    crops = make(paths)
    targets = crops.targets(network, tmp_path / "targets.pt", {})
    norms = dsd_norm(all_of(crops), network, (2,))
    assert targets.shape == (12, 4)
    for column, layer in enumerate(LAYERS):
        torch.testing.assert_close(targets[:, column], norms[layer, 2], rtol=1e-5, atol=0)


def test_targets_go_on_from_their_checkpoint(paths, network, tmp_path, monkeypatch):
    """To the bit; what is in the checkpoint is not computed again."""
    monkeypatch.setattr(module, "AT_ONCE", 2)
    monkeypatch.setattr(module, "EVERY", 2)
    settings, checkpoint, sizes = {"seed": 0}, tmp_path / "targets.pt", []

    def interrupted(x, *arguments):
        sizes.append(len(x))
        if len(sizes) == 4:
            raise KeyboardInterrupt
        return dsd_norm(x, *arguments)

    whole = make(paths, each=3).targets(network, tmp_path / "whole.pt", settings)
    monkeypatch.setattr(module, "dsd_norm", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(paths, each=3).targets(network, checkpoint, settings)
    assert len(load_checkpoint(checkpoint, settings)["targets"]) == 2
    resumed = make(paths, each=3).targets(network, checkpoint, settings)
    assert torch.equal(resumed, whole)
    assert sizes == [2, 2, 2, 2, 2, 2, 1]
    assert torch.equal(make(paths, each=3).targets(network, checkpoint, settings), whole)
    assert len(sizes) == 7  # a complete one is all there is to do
    with pytest.raises(ValueError, match=r"targets\.pt is of another run: seed is 0 there and 1 here"):
        make(paths, each=3).targets(network, checkpoint, {"seed": 1})
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"targets\.pt is damaged"):
        make(paths, each=3).targets(network, checkpoint, settings)


def numbered(**changed):
    """Batches of a pool in which item k is k."""
    numbers = torch.arange(50.0)
    options = {"size": 8, "steps": 6, "seed": 0, **changed}
    return Batches(numbers[:, None, None, None].expand(50, 3, 2, 2), numbers[:, None].expand(50, 4), **options)


def test_batches_are_the_same_whenever_asked_for():
    batches, again = numbered(), numbered()
    assert len(batches) == 6
    torch.rand(3)
    drawn = [batches[k] for k in range(6)]
    for k in reversed(range(6)):
        x, norms = again[k]
        assert x.shape == (8, 3, 2, 2)
        assert norms.shape == (8, 4)
        assert torch.equal(x[:, 0, 0, 0], norms[:, 0])  # targets are those of their inputs
        assert torch.equal(x, drawn[k][0])
    assert len({tuple(norms[:, 0].tolist()) for _, norms in drawn}) == 6
    assert not torch.equal(numbered(seed=1)[0][1], drawn[0][1])


def test_every_process_has_batches_of_its_own():
    drawn = [numbered(rank=rank, count=2)[k][1] for k in range(3) for rank in range(2)]
    assert len({tuple(norms[:, 0].tolist()) for norms in drawn}) == 6


def test_batches_come_from_the_whole_pool():
    seen = {number for k in range(100) for number in numbered(steps=100)[k][1][:, 0].tolist()}
    assert seen == set(range(50))
