"""Test sets: those that come along, and real ones where the data root has them."""

import pytest
import torch
from PIL import Image

from dsd.data.images import embedded_photographs, load_image
from dsd.paths import data_root
from dsd.restore.degrade import low_resolution
from dsd.restore.testing import MIDDLE, SETS, pairs_of
from tests.data.samples import save

ROOT = data_root()
FOLDERS = {
    "Set5": ("sr/set5", 4, 5),
    "Set14": ("sr/set14", 4, 13),
    "BSD100": ("sr/bsd100/lr_x4", 4, 100),
    "BSDS shaken": ("bsds500/val", 1, 100),
    "BSDS noisy": ("bsds500/val", 1, 100),
    "GoPro": ("deblur/gopro", 1, 2),
    "Levin": ("deblur/levin", 1, 32),
}


def of_8_bits(x):
    return torch.allclose(255 * x, (255 * x).round(), atol=1e-3) and 0 <= x.min() <= x.max() <= 1


def check(pair, scale):
    assert pair.clean.shape == (3, *(scale * side for side in pair.degraded.shape[1:]))
    assert pair.path.is_file()
    assert of_8_bits(pair.degraded)


def test_names():
    assert set(SETS) == {*FOLDERS, "embedded", "embedded shaken", "embedded noisy", "REDS"}
    with pytest.raises(ValueError, match=r"the test set must be one of Set5, Set14, .*; got 'Urban100'"):
        pairs_of("Urban100")


@pytest.mark.parametrize(("name", "scale"), [("embedded", 4), ("embedded shaken", 1), ("embedded noisy", 1)])
def test_embedded(name, scale):
    pairs = list(pairs_of(name))
    assert [pair.path for pair in pairs] == embedded_photographs()
    assert [pair.image for pair in pairs] == [path.stem for path in embedded_photographs()]
    for pair in pairs:
        check(pair, scale)
        assert pair.clean.shape == (3, MIDDLE, MIDDLE)
        whole = load_image(pair.path)
        top, left = ((length - MIDDLE) // 2 for length in whole.shape[1:])
        assert torch.equal(pair.clean, whole[:, top : top + MIDDLE, left : left + MIDDLE])
        if scale == 4:
            assert torch.equal(pair.degraded, low_resolution(pair.clean[None], 4, "matlab-8bit")[0])


@pytest.mark.parametrize("name", ["embedded shaken", "embedded noisy"])
def test_each_image_is_degraded_in_a_way_of_its_own_always_the_same(name):
    first, again = (list(pairs_of(name, 2)) for _ in range(2))
    for pair, same in zip(first, again, strict=True):
        assert torch.equal(pair.degraded, same.degraded)
        assert (pair.degraded - pair.clean).abs().mean() > 0.01
    assert not torch.equal(*(pair.degraded - pair.clean for pair in first))


@pytest.mark.parametrize("count", [0, 1, 3, 99])
def test_the_first_images(count, monkeypatch):
    asked = []
    monkeypatch.setitem(SETS, "embedded", lambda: (asked.append(number) or number for number in range(10)))
    assert list(pairs_of("embedded", count)) == list(range(min(count, 10)))
    assert len(asked) == min(count, 10)  # no more is made than is wanted


@pytest.mark.parametrize("name", FOLDERS)
def test_real_sets(name):
    folder, scale, count = FOLDERS[name]
    if not (ROOT / folder).is_dir():
        pytest.skip(f"no {folder} in {ROOT}")
    first = list(pairs_of(name, 2))
    assert len(first) == 2
    for pair in first:
        check(pair, scale)
        assert of_8_bits(pair.clean)
    if count <= 13:
        assert sum(1 for _ in pairs_of(name)) == count


def test_bsd100_has_its_published_inputs():
    if not (ROOT / "sr/bsd100/lr_x4").is_dir():
        pytest.skip(f"no sr/bsd100/lr_x4 in {ROOT}")
    for pair in pairs_of("BSD100", 3):
        assert torch.equal(pair.degraded, load_image(ROOT / "sr/bsd100/lr_x4" / f"{pair.image}.png"))
        assert torch.allclose(pair.degraded, low_resolution(pair.clean[None], 4, "selfexsr")[0], atol=1e-6)


def test_levins_images_are_brought_to_srgb():
    if not (ROOT / "deblur/levin").is_dir():
        pytest.skip(f"no deblur/levin in {ROOT}")
    names = [pair.image for pair in pairs_of("Levin")]
    assert len(names) == 32
    (pair,) = pairs_of("Levin", 1)
    linear = load_image(ROOT / "deblur/levin" / f"{pair.image}_img.png")
    assert pair.degraded.mean() > linear.mean()
    assert (pair.degraded[0] == pair.degraded[1]).all()  # grey


def test_every_30th_image_of_reds(tmp_path, monkeypatch):
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    for kind, value in (("blur", 10), ("sharp", 20)):
        for video in ("000", "001"):
            for frame in range(20):
                grey = Image.new("RGB", (8, 8), (value + frame,) * 3)
                save(tmp_path / f"reds/val_{kind}/{video}/{frame:08}.png", grey)
    pairs = list(pairs_of("REDS"))
    assert [pair.image for pair in pairs] == ["000/00000000", "001/00000010"]
    assert [(255 * pair.degraded.mean()).round() for pair in pairs] == [10, 20]
    assert [(255 * pair.clean.mean()).round() for pair in pairs] == [20, 30]
