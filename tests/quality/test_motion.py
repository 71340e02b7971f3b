import re

import numpy as np
import pytest
import torch

from dsd.data.frames import Frames
from dsd.data.warp import places
from dsd.quality.motion import motion_error

SIDE = 24


def shift_of(pixels):
    """Origins of frames that show what was so many pixels to the right."""
    return places(SIDE, SIDE) + torch.tensor([float(pixels), 0])[:, None, None]


def test_is_its_definition():
    """In NumPy, of a motion by whole pixels: those that come from outside the frame do not count."""
    before, after = torch.rand(2, 3, SIDE, SIDE, dtype=torch.float64)
    a, b = before.numpy(), after.numpy()
    expected = np.abs(b[..., :-2] - a[..., 2:]).mean() / np.abs(b[..., :-2] - a[..., :-2]).mean()
    assert motion_error(before, after, shift_of(2).double()) == pytest.approx(expected, rel=1e-6)


def test_of_frames_that_move_as_told_is_0():
    wide = torch.rand(3, SIDE, SIDE + 3)
    assert motion_error(wide[..., :-3], wide[..., 3:], shift_of(3)) == pytest.approx(0, abs=1e-5)


def test_of_what_moves_the_other_way_is_above_1():
    x, _ = places(SIDE, SIDE + 8)
    wave = (0.5 + 0.4 * (2 * torch.pi * x / 16).sin()).expand(3, -1, -1)
    frames = [wave[..., 4 + step :][..., :SIDE] for step in (0, 2)]
    assert motion_error(*frames, shift_of(2)) == pytest.approx(0, abs=1e-5)
    assert motion_error(*frames, shift_of(-2)) > 1.5


def test_of_a_walk_and_its_inverted_colours_is_the_same():
    frames = Frames(torch.rand(3, 48, 48), side=32, count=2, seed=0)
    before, after = frames.images()
    error = motion_error(before, after, frames.origins(1))
    assert error < 0.9
    assert motion_error(1 - before, 1 - after, frames.origins(1)) == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize("moved", [shift_of(2), places(SIDE, SIDE)])
def test_of_a_picture_at_rest(moved):
    """It did not move: no number where it should have moved; none either where nothing moves."""
    picture = torch.rand(3, SIDE, SIDE)
    error = motion_error(picture, picture, moved)
    assert not np.isfinite(error)


@pytest.mark.parametrize(
    ("before", "origins", "message"),
    [
        (torch.rand(3, 8, 9), places(8, 8), "before must be like after, (3, 8, 8); got (3, 8, 9)"),
        (torch.rand(3, 8, 8), places(8, 9), "origins must be (2, 8, 8), got (2, 8, 9)"),
        (torch.rand(3, 8, 8), places(8, 8) + 100, "no pixel was in the frame before"),
    ],
)
def test_refuses(before, origins, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        motion_error(before, torch.rand(3, 8, 8), origins)
