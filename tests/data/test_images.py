import os

import numpy as np
import pytest
import torch
from PIL import Image

from dsd.data.images import (
    EMBEDDED,
    embedded_photographs,
    find_image,
    find_images,
    from_pil,
    load_image,
    luma,
    save_image,
    to_uint8,
)
from tests.data.samples import GRADIENT, save


def test_loads_rgb(picture):
    image = load_image(picture)
    assert image.dtype == torch.float32
    np.testing.assert_allclose(image, GRADIENT.transpose(2, 0, 1) / 255, atol=1e-7)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_converts_other_modes_as_a_viewer_would(tmp_path, mode):
    image = Image.fromarray(GRADIENT).convert(mode)
    path = save(tmp_path / "x.tif", image)
    np.testing.assert_allclose(load_image(path), np.asarray(image.convert("RGB")).transpose(2, 0, 1) / 255, atol=1e-7)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_over_white(tmp_path, mode):
    image = Image.fromarray(GRADIENT).convert(mode)
    image.putalpha(0)
    assert load_image(save(tmp_path / "x.png", image)).min() == 1


def test_16_bit_grey_keeps_its_precision(tmp_path):
    values = np.linspace(0, 65535, 60).astype(np.uint16).reshape(6, 10)
    loaded = load_image(save(tmp_path / "x.png", Image.fromarray(values)))
    assert loaded.shape == (3, 6, 10)
    np.testing.assert_allclose(loaded[1], values / 65535, atol=1e-6)


def test_phone_pictures_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90°
    path = save(tmp_path / "x.jpg", Image.fromarray(GRADIENT), exif=exif, quality=95)
    assert load_image(path).shape == (3, 20, 12)


def broken(tmp_path):
    """Files that no viewer can show, or that are no single picture: {name: path}."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    files = {"empty.png": b"", "text.jpg": b"not an image"}
    for name in ("cut.png", "cut.jpg", "cut.tif"):
        whole = save(tmp_path / name, image).read_bytes()
        files[name] = whole[: len(whole) // 2]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name in ("moving.gif", "moving.png", "pages.tif"):
        save(tmp_path / name, image, save_all=True, append_images=[image.rotate(90), image.rotate(180)])
    save(tmp_path / "float.tif", Image.fromarray(np.ones((4, 4), np.float32)))
    save(tmp_path / "int32.tif", Image.fromarray(np.ones((4, 4), np.int32)))
    return sorted(tmp_path.iterdir())


def test_errors_name_the_file(tmp_path):
    paths = broken(tmp_path)
    assert len(paths) == 10
    for path in paths:
        with pytest.raises(ValueError, match=rf"cannot use .*{path.name}: "):
            load_image(path)


def test_what_decoders_raise_names_the_file(picture, monkeypatch):
    def fail(_):
        raise KeyError

    monkeypatch.setattr("dsd.data.images.read_pixels", fail)
    with pytest.raises(ValueError, match=r"cannot use .*picture\.png: KeyError"):
        load_image(picture)


def test_missing_image():
    with pytest.raises(TypeError, match="path must be a string or a Path, got bytes"):
        load_image(b"nowhere.png")
    with pytest.raises(FileNotFoundError, match=r"no image at nowhere\.png"):
        load_image("nowhere.png")


def test_finds_images_in_order_and_skips_hidden_ones(tmp_path):
    for name in ("b/2.PNG", "b/1.jpg", "a.jpeg", ".hidden/3.png", ".4.png"):
        save(tmp_path / name, Image.fromarray(GRADIENT))
    (tmp_path / "notes.txt").touch()
    assert [str(path.relative_to(tmp_path)) for path in find_images(tmp_path)] == ["a.jpeg", "b/1.jpg", "b/2.PNG"]


def test_follows_links_and_skips_what_only_looks_like_an_image(tmp_path):
    save(tmp_path / "elsewhere" / "1.png", Image.fromarray(GRADIENT))
    (tmp_path / "set" / "folder.png").mkdir(parents=True)
    (tmp_path / "set" / "broken.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "set" / "class").symlink_to(tmp_path / "elsewhere")
    assert find_images(tmp_path / "set") == [tmp_path / "set" / "class" / "1.png"]


def test_links_in_circles_add_no_image_and_a_locked_folder_does_not_vanish(tmp_path, picture, monkeypatch):
    for loop in ("loop", "again"):
        (tmp_path / loop).symlink_to(tmp_path)
    assert find_images(tmp_path) == [picture]
    (tmp_path / "broken").mkdir()
    monkeypatch.setattr(os, "scandir", failing_scandir)
    with pytest.raises(OSError, match=r"Input/output error: .*broken"):
        find_images(tmp_path)


def failing_scandir(folder, scandir=os.scandir):
    if folder.name == "broken":
        raise OSError(5, "Input/output error", str(folder))
    return scandir(folder)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder nowhere: looked at nowhere and .*nowhere"):
        find_images("nowhere")
    with pytest.raises(FileNotFoundError, match=r"no image in .*: looked for .bmp, .*webp"):
        find_images(tmp_path)


def test_embedded_photographs_are_all_there():
    images = [load_image(path) for path in embedded_photographs()]
    assert len(images) == 10
    assert all(min(image.shape[1:]) >= 300 for image in images)
    assert sum(bool((image[0] != image[1]).any()) for image in images) == 5


def test_images_are_found_by_path_under_the_data_root_and_as_embedded_ones(tmp_path, picture, monkeypatch):
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    assert find_image(picture) == picture
    assert find_image("picture.png") == picture
    assert [find_image(name) for name in EMBEDDED] == embedded_photographs()
    monkeypatch.chdir(save(tmp_path / "here" / "coffee.png", Image.fromarray(GRADIENT)).parent)
    assert find_image("coffee.png").absolute() == tmp_path / "here" / "coffee.png"
    for name in ("nowhere.png", tmp_path / "here"):
        with pytest.raises(FileNotFoundError, match=rf"no image .*{name}: looked at .* and astronaut\.png, .*rocket"):
            find_image(name)


def test_embedded_photographs_without_scikit_image(monkeypatch):
    monkeypatch.setattr("dsd.data.images.find_spec", lambda _: None)
    for find in (embedded_photographs, lambda: find_image("coffee.png")):
        with pytest.raises(ModuleNotFoundError, match="pip install scikit-image"):
            find()


def test_all_values_of_8_bits_survive(tmp_path):
    values = np.arange(256 * 3, dtype=np.uint8).reshape(16, 16, 3)
    x = from_pil(Image.fromarray(values))
    np.testing.assert_array_equal(to_uint8(x), values)
    save_image(x, tmp_path / "x.png")
    assert torch.equal(load_image(tmp_path / "x.png"), x)


def test_saves_what_torchvision_would(tmp_path):
    from torchvision.transforms.v2 import functional as transforms

    x = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
    save_image(x, tmp_path / "ours.png")
    transforms.to_pil_image(x).save(tmp_path / "theirs.png")
    assert (tmp_path / "ours.png").read_bytes() == (tmp_path / "theirs.png").read_bytes()


@pytest.mark.parametrize("x", [torch.full((3, 4, 4), 1.1), torch.zeros(1, 4, 4), torch.zeros(3, 4, 4).byte()])
def test_saves_images_only(tmp_path, x):
    with pytest.raises(ValueError, match="x must "):
        save_image(x, tmp_path / "x.png")
    with pytest.raises(ValueError, match="unknown file extension"):
        save_image(torch.zeros(3, 4, 4), tmp_path / "x.unknown")
    assert not list(tmp_path.iterdir())


def test_luma():
    x = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    expected = np.einsum("nchw,c->nhw", x, [0.299, 0.587, 0.114])
    np.testing.assert_allclose(luma(x)[:, 0], expected, atol=1e-6)
