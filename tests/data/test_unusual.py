import random

import pytest
import torch

from dsd.data.unusual import page, write_unusual
from dsd.data.views import Photographs
from dsd.resize import downscale


@pytest.fixture(scope="module")
def photographs():
    return Photographs.from_folder("embedded", resize=64, crop=48, count=3)


@pytest.fixture(scope="module")
def kinds(photographs, tmp_path_factory):
    return write_unusual(photographs, tmp_path_factory.mktemp("unusual"), small=24, count=10, seed=0)


def in_order(views):
    return torch.stack([views[k] for k in sorted(range(len(views)), key=lambda k: views.views[k].path)])


def test_small(kinds, photographs):
    assert len(kinds["small"]) == 3  # no more photographs
    for x, photograph in zip(kinds["small"], photographs, strict=True):
        assert x.shape == (3, 24, 24)
        assert (x - downscale(photograph[None], 2)[0]).abs().mean() < 0.06


def test_flat(kinds):
    flat = in_order(kinds["flat colours"])
    assert flat.shape == (10, 3, 48, 48)
    assert (flat == flat[:, :, :1, :1]).all()
    colours = [tuple(colour) for colour in flat[:, :, 0, 0].tolist()]
    assert len(set(colours)) == 10
    assert {value for colour in colours[:8] for value in colour} == {0, 1}  # the corners of the RGB cube
    assert colours[8] == pytest.approx([0.5] * 3, abs=1 / 255)
    assert 0 < min(colours[9]) < max(colours[9]) < 1
    noise = 255 * (in_order(kinds["nearly flat"])[9] - flat[9])
    assert noise.mean().abs() < 1
    assert noise.std() == pytest.approx(2, rel=0.1)


def test_saturated(kinds, photographs):
    saturated = in_order(kinds["saturated"])
    for x, photograph in zip(saturated, photographs, strict=True):
        expected = (0.5 + 4 * (photograph - 0.5)).clamp(0, 1)
        assert (x - expected).abs().max() <= 1.01 / 255


def test_pages(kinds):
    pages = in_order(kinds["pages"])
    assert pages.shape == (10, 3, 48, 48)
    for x in pages:
        assert (x == 1).float().mean() > 0.2  # paper
        assert (x < 0.7).float().mean() > 0.01  # ink
    assert len({x.numpy().tobytes() for x in pages}) == 10


def test_seeded(kinds, photographs, tmp_path):
    again = write_unusual(photographs, tmp_path / "same", small=24, count=10, seed=0)
    other = write_unusual(photographs, tmp_path / "other", small=24, count=10, seed=1)
    for kind, views in kinds.items():
        assert torch.equal(in_order(again[kind]), in_order(views))
        assert torch.equal(in_order(other[kind]), in_order(views)) == (kind in ("small", "saturated"))


@pytest.mark.parametrize("kind", ["text", "chart", "lines"])
def test_page(kind):
    assert page(kind, 40, random.Random(0)).shape == (3, 40, 40)


def test_count(photographs, tmp_path):
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        write_unusual(photographs, tmp_path, small=24, count=0, seed=0)
