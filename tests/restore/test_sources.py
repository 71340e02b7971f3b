"""Which files a run learns from: small folders in each layout."""

import numpy as np
import pytest
import torch
from PIL import Image

from dsd.data.images import embedded_photographs, load_image
from dsd.restore.config_files import parse_config
from dsd.restore.degrade import low_resolution
from dsd.restore.noisy import Noisy
from dsd.restore.pairs import Aligned
from dsd.restore.shaken import Shaken
from dsd.restore.sources import make_pairs, training_sets, validation_pairs
from tests.data.samples import save

DEBLUR = {"task": "deblur", "network": {"blocks": 1, "scale": 1}}
DENOISE = DEBLUR | {"task": "denoise"}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty data root."""
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    return tmp_path


def write(root, *paths, size=(48, 40)):
    for number, path in enumerate(paths):
        pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        save(root / path, Image.fromarray(pixels))


def config_of(data=None, **values):
    return parse_config({"losses": {"rec": {"weight": 1}}, "data": {"side": 16, **(data or {})}, **values})


def crop_of(config, index=0):
    pairs, paths = make_pairs(config, quiet=True)
    return pairs, paths, pairs.crop(index, config.data.side, np.random.default_rng(0))


def test_folders_without_degraded_ones(root):
    write(root, "b/x.png", "b/sub/y.png", "a/z.png")
    pairs, paths, (x, y) = crop_of(config_of({"images": ["b", "a"]}))
    assert isinstance(pairs, Aligned)
    assert paths == [root / "b/sub/y.png", root / "b/x.png", root / "a/z.png"]
    assert len(pairs) == 3
    assert (x.shape, y.shape) == ((3, 4, 4), (3, 16, 16))


def test_low_resolution_ones_are_made_as_the_settings_say(root):
    write(root, "a/x.png")
    for like in ("matlab-8bit", "selfexsr"):
        pairs, *_ = crop_of(config_of({"images": ["a"], "like": like}))
        x, y = pairs.crop(0, 40, np.random.default_rng(0))
        whole = load_image(root / "a/x.png")
        low = low_resolution(whole[None], 4, like)[0]
        assert any(torch.allclose(x, low[:, :, left : left + 10]) for left in range(3))
        assert any(torch.allclose(y, whole[:, :, 4 * left : 4 * left + 40]) for left in range(3))


@pytest.mark.parametrize("keep", [True, False])
def test_degraded_folders(root, keep):
    write(root, "clean/x.png", "clean/y.png", "more/x.png")
    write(root, "low/x.png", "low/y.png", "most/x.png", size=(12, 10))
    data = {"images": ["clean", "more"], "degraded": ["low", "most"], "keep": keep}
    _, paths, (x, _) = crop_of(config_of(data), 2)
    expected = ["low/x.png", "clean/x.png", "low/y.png", "clean/y.png", "most/x.png", "more/x.png"]
    assert paths == [root / name for name in expected]
    low = load_image(root / "most/x.png")
    assert any(torch.allclose(x, low[:, i : i + 4, j : j + 4]) for i in range(7) for j in range(9))
    assert [one.name for one in training_sets(config_of(data))] == ["low", "most"]
    (root / "most/x.png").rename(root / "most/z.png")
    with pytest.raises(FileNotFoundError, match=r"1 images have no clean partner in .*more: z"):
        make_pairs(config_of(data), quiet=True)


def test_degraded_folders_of_deblurring_are_taken_as_they_are(root):
    for folder in ("sharp", "blurred"):
        write(root, f"{folder}/x.png")
    config = config_of({"images": ["sharp"], "degraded": ["blurred"]}, **DEBLUR)
    pairs, paths, (x, y) = crop_of(config)
    assert isinstance(pairs, Aligned)
    assert paths == [root / "blurred/x.png", root / "sharp/x.png"]
    assert torch.equal(x, y)  # they are the same file


def test_div2k(root):
    write(root, "DIV2K/DIV2K_train_HR/0001.png")
    write(root, "DIV2K/DIV2K_train_LR_bicubic/X4/0001x4.png", size=(12, 10))
    _, paths, (x, y) = crop_of(config_of({"images": ["DIV2K"], "layout": "div2k"}))
    assert [path.name for path in paths] == ["0001x4.png", "0001.png"]
    assert (x.shape, y.shape) == ((3, 4, 4), (3, 16, 16))


def test_reds(root):
    write(root, "REDS/train_sharp/000/00000000.png", "REDS/train_blur/000/00000000.png")
    config = config_of({"images": ["REDS"], "layout": "reds", "keep": False}, **DEBLUR)
    pairs, paths, (x, y) = crop_of(config)
    assert isinstance(pairs, Aligned)
    assert [path.parent.parent.name for path in paths] == ["train_blur", "train_sharp"]
    assert x.shape == y.shape == (3, 16, 16)


@pytest.mark.parametrize("task", [{}, DEBLUR])
def test_scikit_images_photographs(task):
    pairs, paths, (x, y) = crop_of(config_of({"images": ["embedded"]}, **task))
    assert paths == embedded_photographs()
    assert len(pairs) == 10
    assert isinstance(pairs, Shaken if task else Aligned)
    assert y.shape == (3, 16, 16)
    assert x.shape == (y.shape if task else (3, 4, 4))


def test_photographs_of_deblurring_are_shaken(root):
    write(root, "a/x.png")
    _, paths, (x, y) = crop_of(config_of({"images": ["a"]}, **DEBLUR))
    assert paths == [root / "a/x.png"]
    assert (x - y).abs().mean() > 0.05


def test_photographs_of_denoising_get_the_noise_and_the_way_that_the_settings_say(root):
    write(root, "a/x.png")
    data = {"images": ["a"], "noise_std": 0.02}
    pairs, paths, (x, y) = crop_of(config_of(data, **DENOISE))
    assert isinstance(pairs, Noisy)
    assert paths == [root / "a/x.png"]
    assert (x - y).abs().mean() < 0.02
    pairs, _, (x, y) = crop_of(config_of(data | {"misaligned": 4, "margin": 5}, **DENOISE))
    assert isinstance(pairs, Noisy)
    assert (pairs.misaligned, pairs.margin) == (4, 5)
    assert (x - y).abs().mean() > 0.1


def test_missing_folders(root):
    with pytest.raises(FileNotFoundError, match="no folder nowhere"):
        make_pairs(config_of({"images": ["nowhere"]}), quiet=True)
    (root / "empty").mkdir()
    for task in ({}, DEBLUR, DENOISE):
        with pytest.raises(FileNotFoundError, match=r"no image in .*empty"):
            make_pairs(config_of({"images": ["empty"]}, **task), quiet=True)


def test_validation_images_are_downscaled(root):
    write(root, "val/b.png", "val/a.png", "val/c.png", size=(50, 43))
    config = config_of(validation={"images": "val", "count": 2})
    triples = list(validation_pairs(config))
    assert [name for name, *_ in triples] == ["a", "b"]
    for name, degraded, clean in triples:
        assert torch.allclose(clean, load_image(root / f"val/{name}.png")[:, :40, :48])
        assert torch.allclose(degraded, low_resolution(clean[None], 4, "matlab-8bit")[0])
    assert len(list(validation_pairs(config_of(validation={"images": "val", "count": 9})))) == 3


@pytest.mark.parametrize("task", [DEBLUR, DENOISE])
def test_validation_images_are_degraded_the_same_each_time(root, task):
    write(root, "val/a.png", "val/b.png")
    config = config_of(validation={"images": "val"}, **task)
    first, again = (list(validation_pairs(config)) for _ in range(2))
    assert len(first) == 2
    for (name, x, y), (_, same, _) in zip(first, again, strict=True):
        assert torch.equal(x, same)
        assert torch.allclose(y, load_image(root / f"val/{name}.png"))
        assert torch.allclose((255 * x).round(), 255 * x, atol=1e-4)
        assert x.shape == y.shape
        assert (x - y).abs().mean() > 0.05
