from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dsd.data.images import embedded_photographs, load_image
from dsd.data.views import Photographs, View, crop_square, resize_short_side
from tests.data.samples import save


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


@pytest.mark.parametrize("shape", [(12, 20), (61, 47), (40, 40), (9, 90), (300, 401)])
@pytest.mark.parametrize("pixels", [7, 9, 40, 200])
def test_resized_to_the_last_bit_as_by_torchvision(tmp_path, shape, pixels):
    from torchvision.transforms.v2 import functional as transforms

    values = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    x = load_image(save(tmp_path / "x.png", Image.fromarray(values)))
    for image in (x, x.contiguous()):  # as read, a pixel's colours are side by side in memory
        resized = resize_short_side(image, pixels)
        expected = transforms.resize(image, [pixels], antialias=True).clamp(0, 1)
        assert torch.equal(resized, expected)
        assert resized.stride() == expected.stride()


def test_central_crop_is_torchvisions(picture):
    from torchvision.transforms.v2 import functional as transforms

    for side in (1, 4, 7, 12):
        assert torch.equal(crop_square(load_image(picture), side), transforms.center_crop(load_image(picture), [side]))


def test_long_images_are_not_resized_to_enormous_ones(tmp_path, monkeypatch):
    monkeypatch.setattr("dsd.data.views.MAX_PIXELS", 1000)
    assert resize_short_side(torch.zeros(3, 2, 20), 10).shape == (3, 10, 100)
    with pytest.raises(ValueError, match="it is 2×22 pixels, too long to be resized to 10 on the short side"):
        resize_short_side(torch.zeros(3, 2, 22), 10)
    path = save(tmp_path / "long.png", Image.new("RGB", (2, 22)))
    with pytest.raises(ValueError, match=r"long\.png is 22×2 pixels, too long to be resized to 10"):
        Photographs.from_folder(path.parent, resize=10, crop=10)[0]


def test_crop_is_where_it_is_asked_for():
    x = torch.arange(5 * 7.0).expand(3, -1).reshape(3, 5, 7)
    assert torch.equal(crop_square(x, 3, (1, 0)), x[:, 2:, :3])
    assert torch.equal(crop_square(x, 5, (0.3, 0.75)), x[:, :, 2:])  # 1.5 is rounded to 2
    with pytest.raises(ValueError, match="the photograph is 5×7 pixels, smaller than the crop of 6"):
        crop_square(x, 6, name="the photograph")


def test_crop_must_fit(picture):
    with pytest.raises(ValueError, match="crop must not exceed resize, got crop=9 and resize=8"):
        Photographs.from_folder(picture.parent, resize=8, crop=9)
    with pytest.raises(ValueError, match=r"picture.png is 12×20 pixels, smaller than the crop of 13"):
        Photographs.from_folder(picture.parent, resize=None, crop=13)[0]


def test_provenance_depends_on_the_files_not_on_their_order(tmp_path):
    folder = imagenet_layout(tmp_path / "imagenet" / "val")
    one, other = (Photographs.from_folder(folder, seed=seed).provenance() for seed in (0, 1))
    assert one == other
    assert one["dataset"] == "imagenet/val"
    assert one["count"] == 12
    assert one["files_sha256"] != Photographs.from_folder(folder, count=5).provenance()["files_sha256"]


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


def groups(letters):
    """Views, none of whose files is there, of one group for each letter."""
    return Photographs([View(Path(f"{k}.png"), letter) for k, letter in enumerate(letters)], "letters")


@pytest.mark.parametrize(
    ("letters", "same_group", "expected"),
    [
        ("aabb", True, [(0, 1), (2, 3)]),
        ("abab", True, [(0, 2), (1, 3)]),
        ("abab", False, [(0, 1), (2, 3)]),
        ("aabbc", False, [(0, 2), (1, 3)]),
        ("abcaabb", True, [(0, 3), (1, 5)]),
    ],
)
def test_pairs(letters, same_group, expected):
    assert groups(letters).pairs(same_group=same_group) == expected


def test_pairs_of_photographs_that_lie_twice_in_the_list():
    view = View(Path("x.png"), "x")
    assert Photographs([view] * 4, "the same").pairs(same_group=True) == [(0, 1), (2, 3)]


def test_too_few_pairs(tmp_path):
    with pytest.raises(ValueError, match="letters has 1 pairs of the same photograph, at least 2 are needed"):
        groups("aabc").pairs(same_group=True)
    with pytest.raises(ValueError, match="letters has 0 pairs of two photographs, at least 2 are needed"):
        groups("aaaa").pairs(same_group=False)
    classes = Photographs.from_folder(imagenet_layout(tmp_path, classes=2, each=1), resize=None, crop=8)
    with pytest.raises(ValueError, match=r"has 0 pairs of the same class, .* class folders of several images"):
        classes.pairs(same_group=True)
    with pytest.raises(ValueError, match="has 1 pairs of two classes, "):
        classes.pairs(same_group=False)


def test_subset_and_other_views(tmp_path):
    photographs = Photographs.from_folder(imagenet_layout(tmp_path), resize=32, crop=24)
    subset = photographs.subset([5, 2, 2])
    assert subset.views == [photographs.views[k] for k in (5, 2, 2)]
    assert torch.equal(subset[0], photographs[5])
    others = photographs.other_views(seed=0)
    assert [view.path for view in others.views] == [view.path for view in photographs.views]
    assert len({view.position for view in others.views}) == 12
    assert others.views == photographs.other_views(seed=0).views
    kept = ("dataset", "grouping", "resize", "crop")
    for one in (subset, others):
        assert [one.provenance()[key] for key in kept] == [photographs.provenance()[key] for key in kept]
