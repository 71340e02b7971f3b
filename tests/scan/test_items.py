import pytest

from dsd.scan.collection import scan
from dsd.scan.items import find_items
from tests.scan.samples import SETTINGS, rows, save_tar


def test_lists_what_looks_like_an_image_sorted(tmp_path):
    for name in ("b.png", "a/c.JPG", "a/.hidden.png", ".folder/d.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link.gif").symlink_to("nowhere")
    root, items = find_items(tmp_path)
    assert root == tmp_path.resolve()
    assert [item.path for item in items] == ["a/c.JPG", "b.png", "link.gif"]


def test_tars_where_a_folder_has_no_images(good, tmp_path):
    save_tar(tmp_path / "b.tar", good / "other")
    save_tar(tmp_path / "a.tar", good / "n01440764")
    _, items = find_items(tmp_path)
    names = [f"a.tar/{item.path}" for item in find_items(good / "n01440764")[1]]
    assert [item.path for item in items] == names + [f"b.tar/{item.path}" for item in find_items(good / "other")[1]]
    first = items[0]
    with (tmp_path / first.tar).open("rb") as file:
        file.seek(first.offset)
        assert file.read(first.size) == (good / "n01440764" / first.path.removeprefix("a.tar/")).read_bytes()


def test_refuses_what_has_no_images(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        find_items(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"no image in .*also in \.tar files"):
        find_items(tmp_path)


def test_damaged_tars(good, tmp_path):
    """Wherever a tar ends too early, what is before that is scored and a row tells."""
    whole = save_tar(tmp_path / "whole.tar", good).read_bytes()
    items = find_items(tmp_path / "whole.tar")[1]
    (tmp_path / "whole.tar").unlink()
    tenth = items[9]
    cuts = {
        "in an image": tenth.offset + tenth.size // 2,
        "in a header": tenth.offset - 100,
        "before a header": tenth.offset - 512,
        "at once": 0,
    }
    for name, end in cuts.items():
        (tmp_path / f"{name}.tar").write_bytes(whole[:end])
    (tmp_path / "page.tar").write_text("<!DOCTYPE html><title>404 Not Found</title>")
    failed = scan(tmp_path, tmp_path / "scores.parquet", SETTINGS, workers=0).to_pylist()
    assert [row["path"] for row in failed] == [
        "at once.tar",
        "before a header.tar",
        "in a header.tar",
        f"in an image.tar/{tenth.path.removeprefix('whole.tar/')}",
        "in an image.tar",
        "page.tar",
    ]
    assert "truncated" in failed[3]["error"]
    assert all(row["error"].startswith("not all of it could be read") for row in failed if row is not failed[3])
    assert len(rows(tmp_path / "scores.parquet")) == 9 + 9 + 10 + len(failed) - 1
