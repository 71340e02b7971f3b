import pytest
import torch

from dsd.distil.batches import SHAPES, Batches
from dsd.distil.images import training_images


@pytest.fixture
def paths(root):
    return training_images()


def test_batches_are_the_same_whenever_asked_for(paths):
    a, b, other = Batches(paths, 8, seed=1), Batches(paths, 8, seed=1), Batches(paths, 8, seed=2)
    assert len(a) == 8
    assert torch.equal(a[3], b[3])
    assert not torch.equal(a[2], b[0])
    assert not torch.equal(a[3], other[3])
    for k, (count, side) in enumerate(SHAPES):
        assert a[k].shape == (count, 3, side, side)
        assert 0 <= a[k].min() <= a[k].max() <= 1


def test_every_process_has_batches_of_its_own(paths):
    """Of one shape in each step; none of two steps and processes is the same."""
    of_step = [[Batches(paths, 8, seed=0, rank=rank, count=2)[k] for rank in range(2)] for k in (0, 2)]
    assert of_step[0][0].shape == of_step[0][1].shape
    batches = [batch for step in of_step for batch in step]
    assert not any(torch.equal(a, b) for i, a in enumerate(batches) for b in batches[:i])
    assert torch.equal(batches[0], Batches(paths, 8, seed=0)[0])
