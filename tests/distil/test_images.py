from pathlib import Path

import pytest

from dsd.distil.images import held_out, training_images


def test_what_is_measured_on_is_not_learnt_from(root):
    paths = training_images()
    assert {path.parent.name for path in paths} == {"train", "test", "imagenet-sample", "n00000001", "n00000002"}
    assert len(paths) == 2 + 2 + 4
    assert not held_out([path for path in paths if "imagenet" in str(path) and "0003" in str(path)])


def test_every_third_class_is_held_out():
    names = [f"n0000000{k}_{n}.JPEG" for k in range(5) for n in "ab"]
    for paths in ([Path("sample", name) for name in names], [Path("net", *name.split("_")) for name in names]):
        assert held_out(paths) == [paths[0], paths[1], paths[6], paths[7]]


def test_names_the_file_without_a_class():
    with pytest.raises(ValueError, match=r"b/c\.JPEG has no WordNet number \(n01440764\)"):
        held_out([Path("a/n01440764/c.JPEG"), Path("b/c.JPEG")])


def test_names_the_data_set_that_is_missing(root):
    (root / "imagenette160").rename(root / "elsewhere")
    with pytest.raises(FileNotFoundError, match="imagenette160"):
        training_images()
