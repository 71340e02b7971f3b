import math
import re

import pytest
import torch

from dsd.data.frames import WIDE, Frames
from dsd.data.views import Photographs
from dsd.data.warp import places, sample

SIDE = 64
WIDE_SIDE = math.ceil(WIDE * SIDE)


@pytest.fixture(scope="module")
def photograph():
    return Photographs.from_names(["chelsea.png"], resize=WIDE_SIDE, crop=WIDE_SIDE)[0]


@pytest.fixture(scope="module")
def frames(photograph):
    return Frames(photograph, side=SIDE, count=12, seed=3)


def test_frames_are_views_of_the_photograph(frames, photograph):
    images = frames.images()
    assert images.shape == (12, 3, SIDE, SIDE)
    assert images.min() >= 0
    assert images.max() <= 1
    assert torch.equal(images[5], sample(photograph, frames.places(5)))


@pytest.mark.parametrize("seed", range(20))
def test_no_frame_leaves_the_photograph(photograph, seed):
    many = Frames(photograph, side=SIDE, count=40, seed=seed)
    assert max(many.places(index).abs().max().item() for index in range(40)) <= (WIDE_SIDE - 1) / 2


def test_a_view_by_hand(photograph):
    """At the middle of its range, and with the bend at phase 0, a frame is the photograph's centre, bent."""
    frames = Frames(photograph, side=SIDE, count=1, seed=0)
    frames.walk = torch.zeros(1, 6)
    x, y = places(SIDE, SIDE)
    bend = 0.02 * SIDE * torch.stack([(2 * torch.pi * y / SIDE).sin(), (2 * torch.pi * x / SIDE).sin()])
    torch.testing.assert_close(frames.places(0), torch.stack([x, y]) + bend)
    frames.walk[0, 0] = 0.5  # half way to the right
    torch.testing.assert_close(frames.places(0)[0], x + bend[0] + 0.05 * SIDE)


def test_origins_are_the_same_place_of_the_photograph(frames):
    """What frame 7 shows at p lies in frame 6 at the origin of p: the photograph's places agree."""
    origins = frames.origins(7)
    inside = (origins.abs() <= (SIDE - 1) / 2).all(dim=0)
    assert inside.float().mean() > 0.8
    shown_before = sample(torch.cat([frames.places(6), torch.zeros(1, SIDE, SIDE)]), origins)[:2]
    torch.testing.assert_close(shown_before[:, inside], frames.places(7)[:, inside], rtol=0, atol=0.02)


def test_moved_frames_explain_the_next(frames):
    images = frames.images()
    for index in range(1, 12):
        origins = frames.origins(index)
        inside = (origins.abs() <= (SIDE - 1) / 2).all(dim=0)
        moved, still = (
            (images[index] - before)[:, inside].abs().mean()
            for before in (sample(images[index - 1], origins), images[index - 1])
        )
        assert moved < 0.5 * still


def test_it_walks_in_small_steps(frames):
    """The seed is the walk; a longer one begins in the same way."""
    centres = torch.stack([frames.places(index).mean(dim=(1, 2)) for index in range(12)])
    steps = centres.diff(dim=0).norm(dim=1)
    assert 0.2 < steps.mean() < 4
    again, other = (Frames(frames.photograph, side=SIDE, count=20, seed=seed) for seed in (3, 4))
    assert torch.equal(again.places(11), frames.places(11))
    assert not torch.equal(other.places(11), frames.places(11))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": 80}, "photograph must be at least 112×112 pixels for frames of 80, got 90×90"),
        ({"side": 0}, "side must be an integer of at least 1"),
        ({"count": 0}, "count must be an integer of at least 1"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
    ],
)
def test_refuses(photograph, change, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Frames(photograph, **{"side": SIDE, "count": 3, "seed": 0} | change)


def test_the_first_frame_comes_from_none(frames):
    with pytest.raises(ValueError, match="index must be an integer of at least 1"):
        frames.origins(0)
