import pytest
import torch
from PIL import Image

from dsd.data.images import load_image
from dsd.learned.batches import Batches, Measured, Patches
from dsd.learned.triplets import load_triplets
from tests.learned.samples import write_rated


@pytest.fixture
def triplets(tmp_path):
    return load_triplets(write_rated(tmp_path / "set")).judgements


def test_what_was_measured_is_taken_by_number():
    channels = torch.arange(12.0).view(4, 3)
    first, second, share = Measured(channels, [0, 1], [2, 3], [0.1, 0.9]).take(torch.tensor([1, 0]), None)
    assert torch.equal(first, channels[[1, 0]])
    assert torch.equal(second, channels[[3, 2]])
    assert share.tolist() == pytest.approx([0.9, 0.1])


def test_crops_of_a_triplet_are_of_one_place(triplets):
    first, second, reference, share = Patches(triplets, 16).take(torch.tensor([0, 7]), torch.Generator())
    assert first.shape == second.shape == reference.shape == (2, 3, 16, 16)
    whole = load_image(triplets[7].reference)
    places = [
        (y, x) for y in range(25) for x in range(33) if torch.equal(whole[:, y : y + 16, x : x + 16], reference[1])
    ]
    ((y, x),) = places
    assert torch.equal(load_image(triplets[7].images[0])[:, y : y + 16, x : x + 16], first[1])
    assert torch.equal(load_image(triplets[7].images[1])[:, y : y + 16, x : x + 16], second[1])
    assert share[1] == pytest.approx(triplets[7].share)


def test_a_batch_follows_from_seed_step_and_process(triplets):
    def of(seed, rank=0, count=1):
        return Batches(Patches(triplets, 8), size=4, steps=6, seed=seed, rank=rank, count=count)

    assert len(of(0)) == 6
    assert torch.equal(of(0)[3][0], of(0)[3][0])
    assert torch.equal(of(0, 1, 2)[1][0], of(0)[3][0])
    for other in (of(0)[2], of(1)[3]):
        assert not torch.equal(other[0], of(0)[3][0])


def test_refuses_images_that_are_too_small_or_of_other_sizes(triplets):
    with pytest.raises(ValueError, match="size of its reference, 48×40, and at least 41×41 pixels; got 48×40"):
        Patches(triplets, 41).take(torch.tensor([0]), torch.Generator())
    Image.new("RGB", (40, 40)).save(triplets[0].images[1])
    with pytest.raises(ValueError, match=r"0_20.png must have the size of its reference, 48×40.* got 40×40"):
        Patches(triplets, 8).take(torch.tensor([0]), torch.Generator())
