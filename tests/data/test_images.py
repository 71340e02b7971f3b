import numpy as np
import pytest
import torch
from PIL import Image

from dsd.data import Photographs, data_root, embedded_photographs, find_folder, find_images, load_image

GRADIENT = np.arange(12 * 20 * 3, dtype=np.uint8).reshape(12, 20, 3)


def save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


@pytest.fixture
def picture(tmp_path):
    return save(tmp_path / "picture.png", Image.fromarray(GRADIENT))


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


def test_missing_image():
    with pytest.raises(FileNotFoundError, match=r"no image at nowhere\.png"):
        load_image("nowhere.png")


def test_huge_images_are_refused_not_warned_about(tmp_path, picture, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(ValueError, match=r"cannot use .*picture.png: .*exceeds limit"):
        load_image(picture)


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


def test_folders_are_found_by_path_and_under_the_data_root(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    assert data_root() == tmp_path
    assert find_folder("set") == tmp_path / "set"
    assert find_folder(tmp_path / "set") == tmp_path / "set"


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


def imagenet_layout(root, classes=3, each=4):
    generator = np.random.default_rng(0)
    for label in range(classes):
        for number in range(each):
            pixels = generator.integers(0, 255, (40, 50, 3), dtype=np.uint8)
            save(root / f"n0000000{label}" / f"ILSVRC2012_val_{number:08}.JPEG", Image.fromarray(pixels), format="JPEG")
    return root


def test_class_folders_are_classes(tmp_path):
    photographs = Photographs.from_folder(imagenet_layout(tmp_path / "val"), resize=32, crop=24)
    assert len(photographs) == 12
    assert photographs.grouping == "class"
    assert {view.group for view in photographs.views} == {"n00000000", "n00000001", "n00000002"}
    assert photographs[0].shape == (3, 24, 24)


def test_crops_of_a_flat_folder_are_grouped_by_photograph(tmp_path):
    flat = imagenet_layout(tmp_path, classes=1) / "n00000000"
    photographs = Photographs.from_folder(flat, resize=None, crop=16, count=6, crops=3)
    assert photographs.grouping == "photograph"
    groups = [view.group for view in photographs.views]
    assert sorted(groups) == sorted(groups[:2] * 3)  # two photographs, in turn
    assert len({view.position for view in photographs.views}) == 6


def test_same_seed_same_views(tmp_path):
    folder = imagenet_layout(tmp_path)

    def views(seed):
        return Photographs.from_folder(folder, count=5, crops=2, seed=seed).views

    assert views(1) == views(1) != views(2)


def test_central_crop_is_torchvisions(picture):
    from torchvision.transforms.v2 import functional as transforms

    photographs = Photographs.from_folder(picture.parent, resize=9, crop=8)
    expected = transforms.center_crop(transforms.resize(load_image(picture), [9], antialias=True), [8])
    torch.testing.assert_close(photographs[0], expected)


def test_crop_must_fit(picture):
    with pytest.raises(ValueError, match="crop must not exceed resize, got crop=9 and resize=8"):
        Photographs.from_folder(picture.parent, resize=8, crop=9)
    with pytest.raises(ValueError, match=r"picture.png is 12×20 pixels, smaller than the crop of 13"):
        Photographs.from_folder(picture.parent, resize=None, crop=13)[0]


def test_description_depends_on_the_files_not_on_their_order(tmp_path):
    folder = imagenet_layout(tmp_path / "imagenet" / "val")
    one, other = (Photographs.from_folder(folder, seed=seed).describe() for seed in (0, 1))
    assert one == other
    assert one["dataset"] == "imagenet/val"
    assert one["count"] == 12
    assert one["files_sha256"] != Photographs.from_folder(folder, count=5).describe()["files_sha256"]


def test_images_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    (tmp_path / "mine").mkdir()
    Image.fromarray(np.full((50, 60, 3), 255, np.uint8)).save(tmp_path / "mine" / "white.png")
    pair = Photographs.from_names(["mine/white.png", "coffee.png"])
    assert [tuple(pair[k].shape) for k in range(2)] == [(3, 50, 50)] * 2
    assert pair[0].min() == 1
    assert pair.name == "white.png and coffee.png"
    assert Photographs.from_names(["coffee.png"], resize=40)[0].shape == (3, 40, 40)
    corner = Photographs.from_names(["coffee.png"], crop=8, position=(1, 0))[0]
    assert torch.equal(corner, load_image(embedded_photographs()[4])[:, -8:, :8])
    with pytest.raises(
        FileNotFoundError, match=r"no image nowhere\.png: looked at nowhere\.png, .* and astronaut\.png"
    ):
        Photographs.from_names(["nowhere.png"])
