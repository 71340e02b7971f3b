from pathlib import Path

import pytest
import torch
from PIL import Image

from dsd.data.images import load_image
from dsd.data.restoration_sets import PairedFiles, div2k, folder_of_pairs, gopro, levin, reds, results_of, sr_set
from dsd.paths import data_root
from tests.data.samples import save

ROOT = data_root()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """An empty data root."""
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    return tmp_path


def write(root, *paths, size=(8, 8)):
    for path in paths:
        save(root / path, Image.new("RGB", size))


def names(pairs, root):
    return {
        name: tuple(path and path.relative_to(root).as_posix() for path in both) for name, both in pairs.items.items()
    }


def test_set5_and_set14(root):
    write(root, "sr/set5/bird.png", "sr/set5/baby.png", "sr/set14/comic.bmp")
    pairs = sr_set("set5")
    assert (pairs.name, pairs.scale) == ("Set5", 4)
    assert names(pairs, root) == {"baby": (None, "sr/set5/baby.png"), "bird": (None, "sr/set5/bird.png")}
    assert names(sr_set("set14"), root) == {"comic": (None, "sr/set14/comic.bmp")}


def test_bsd100(root):
    write(root, "sr/bsd100/lr_x4/3096.png", "bsds500/val/3096.jpg")
    pairs = sr_set("bsd100")
    assert (pairs.name, pairs.scale) == ("BSD100", 4)
    assert names(pairs, root) == {"3096": ("sr/bsd100/lr_x4/3096.png", "bsds500/val/3096.jpg")}


def test_results(root):
    write(root, "sr/bsd100/results/vdsr/3096.webp", "sr/bsd100/results/enhancenet/3096.png")
    assert results_of("vdsr") == {"3096": root / "sr/bsd100/results/vdsr/3096.webp"}
    with pytest.raises(FileNotFoundError, match=r"no results of edsr in .*results: there are enhancenet, vdsr"):
        results_of("edsr")


def test_div2k(root):
    write(root, "DIV2K/DIV2K_train_HR/0001.png", "DIV2K/DIV2K_train_LR_bicubic/X4/0001x4.png")
    write(root, "DIV2K/DIV2K_valid_HR/0801.png", "DIV2K/DIV2K_valid_LR_bicubic/X4/0801x4.png")
    pairs = div2k("DIV2K")
    assert (pairs.name, pairs.scale) == ("DIV2K train", 4)
    assert names(pairs, root / "DIV2K") == {"0001": ("DIV2K_train_LR_bicubic/X4/0001x4.png", "DIV2K_train_HR/0001.png")}
    assert list(div2k(root / "DIV2K", "valid").items) == ["0801"]


def test_reds(root):
    for part in ("train", "val"):
        for frame in ("000/00000000", "000/00000001", "001/00000000"):
            write(root, f"REDS/{part}_sharp/{frame}.png", f"REDS/{part}_blur/{frame}.png")
    pairs = reds("REDS", "val")
    assert (pairs.name, pairs.scale) == ("REDS val", 1)
    assert list(pairs.items) == ["000/00000000", "000/00000001", "001/00000000"]
    assert names(pairs, root / "REDS")["001/00000000"] == (
        "val_blur/001/00000000.png",
        "val_sharp/001/00000000.png",
    )
    assert len(reds(root / "REDS").items) == 3


def test_gopro(root):
    write(root, *(f"deblur/gopro/{name}.png" for name in ("Flower_blur1", "Flower_sharp1", "A_blur2", "A_sharp2")))
    assert names(gopro(), root) == {
        "A_2": ("deblur/gopro/A_blur2.png", "deblur/gopro/A_sharp2.png"),
        "Flower_1": ("deblur/gopro/Flower_blur1.png", "deblur/gopro/Flower_sharp1.png"),
    }
    (root / "deblur/gopro/A_sharp2.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 images have no clean partner in .*gopro: A_2"):
        gopro()
    for name in ("Flower_blur1", "A_blur2"):
        (root / f"deblur/gopro/{name}.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"no degraded image in .*gopro"):
        gopro()


def test_levin(root):
    write(root, "deblur/levin/im1_kernel1_img.png", "deblur/levin/im1_kernel2_img.png")
    write(root, "deblur/levin/gt/im1.png", "deblur/levin/gt/im2.png", "deblur/levin/gt/kernel1.png")
    pairs = levin()
    assert pairs.scale == 1
    assert names(pairs, root / "deblur/levin") == {
        "im1_kernel1": ("im1_kernel1_img.png", "gt/im1.png"),
        "im1_kernel2": ("im1_kernel2_img.png", "gt/im1.png"),
    }
    write(root, "deblur/levin/im3_kernel1_img.png")
    with pytest.raises(FileNotFoundError, match=r"1 images have no clean partner in .*gt: im3"):
        levin()


def test_any_two_folders(tmp_path):
    write(tmp_path, "low/a.png", "low/b/c.png", "high/a.jpg", "high/b/c.png")
    pairs = folder_of_pairs(tmp_path / "low", tmp_path / "high", 2)
    assert (pairs.name, pairs.scale) == ("low", 2)
    assert names(pairs, tmp_path) == {"a": ("low/a.png", "high/a.jpg"), "b/c": ("low/b/c.png", "high/b/c.png")}


def test_images_without_partner_are_listed(tmp_path):
    write(tmp_path, "low/a.png", "high/a.png", *(f"high/{name}.png" for name in "bcde"))
    with pytest.raises(FileNotFoundError, match=r"4 images have no degraded partner in .*low: b, c, d, …"):
        folder_of_pairs(tmp_path / "low", tmp_path / "high")
    with pytest.raises(FileNotFoundError, match=r"4 images have no clean partner in .*low: b, c, d, …"):
        folder_of_pairs(tmp_path / "high", tmp_path / "low")
    write(tmp_path, "low/a.jpg")
    with pytest.raises(ValueError, match=r"two images in .*low are named a: a\.jpg and a\.png"):
        folder_of_pairs(tmp_path / "low", tmp_path / "high")


def test_missing_and_empty_folders(root):
    for make, folder in (
        (lambda: sr_set("set5"), "sr/set5"),
        (lambda: sr_set("bsd100"), "sr/bsd100/lr_x4"),
        (lambda: results_of("vdsr"), "sr/bsd100/results"),
        (lambda: div2k("DIV2K"), "DIV2K"),
        (lambda: reds("REDS"), "REDS"),
        (gopro, "deblur/gopro"),
        (levin, "deblur/levin"),
        (lambda: folder_of_pairs("low", "high"), "low"),
    ):
        with pytest.raises(FileNotFoundError, match=f"no folder {folder}"):
            make()
    (root / "sr/set5").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"no image in .*sr/set5"):
        sr_set("set5")
    (root / "DIV2K").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no folder .*DIV2K_train_LR_bicubic/X4"):
        div2k("DIV2K")


def test_words_that_are_no_choice():
    with pytest.raises(ValueError, match="name must be one of set5, set14, bsd100; got 'urban100'"):
        sr_set("urban100")
    with pytest.raises(ValueError, match="part must be one of train, valid; got 'val'"):
        div2k("x", "val")
    with pytest.raises(ValueError, match="part must be one of train, val; got 'test'"):
        reds("x", "test")


def test_load_cuts_to_multiples_and_refuses_other_sizes(tmp_path):
    write(tmp_path, "high/a.png", size=(11, 9))
    write(tmp_path, "low/a.png", size=(2, 2))
    pairs = folder_of_pairs(tmp_path / "low", tmp_path / "high", 4)
    degraded, clean = pairs.load("a")
    assert degraded.shape == (3, 2, 2)
    assert torch.equal(clean, load_image(tmp_path / "high/a.png")[:, :8, :8])
    alone = PairedFiles("x", {"a": (None, tmp_path / "high/a.png")}, 4)
    assert alone.load("a")[0] is None
    assert alone.load("a")[1].shape == (3, 8, 8)
    message = r"low/a\.png is 2×2 pixels, but .*high/a\.png at 1/2 of its size is 4×5"
    with pytest.raises(ValueError, match=message):
        folder_of_pairs(tmp_path / "low", tmp_path / "high", 2).load("a")
    with pytest.raises(KeyError, match="b"):
        pairs.load("b")


@pytest.mark.parametrize(
    ("folder", "make", "count"),
    [
        ("sr/set5", lambda: sr_set("set5"), 5),
        ("sr/set14", lambda: sr_set("set14"), 13),
        ("sr/bsd100/lr_x4", lambda: sr_set("bsd100"), 100),
        ("deblur/gopro", gopro, 2),
        ("deblur/levin", levin, 32),
    ],
)
def test_real_files_correspond(folder, make, count):
    if not (ROOT / folder).is_dir():
        pytest.skip(f"no {folder} in {ROOT}")
    pairs = make()
    assert len(pairs.items) == count
    for name, (degraded, clean) in pairs.items.items():
        assert isinstance(clean, Path)
        if degraded is not None:
            with Image.open(degraded) as low, Image.open(clean) as high:
                assert low.size == tuple(side // pairs.scale for side in high.size), name
    pairs.load(next(iter(pairs.items)))


@pytest.mark.skipif(not (ROOT / "sr/bsd100/results").is_dir(), reason=f"no sr/bsd100/results in {ROOT}")
@pytest.mark.parametrize("method", ["enhancenet", "vdsr"])
def test_real_results_have_the_size_of_the_clean_image(method):
    pairs = sr_set("bsd100")
    results = results_of(method)
    assert len(results) == 13
    for name, path in results.items():
        assert load_image(path).shape == pairs.load(name)[1].shape
