import io
import os
import tarfile
from itertools import islice

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


def test_links_between_folders_give_each_image_once(tmp_path):
    """To the folder itself, twice; to the one above; to each other; to a folder elsewhere, which is followed."""
    root = tmp_path / "photos"
    for name in ("photos/a.png", "photos/below/b.png", "elsewhere/c.png", "beside.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (root / "loop").symlink_to(".")
    (root / "below" / "loop").symlink_to("..")
    (root / "up").symlink_to(tmp_path)
    (root / "x").symlink_to("y")
    (root / "y").symlink_to("x")
    (root / "elsewhere").symlink_to("../elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    assert [item.path for item in find_items(root)[1]] == ["a.png", "below/b.png", "elsewhere/c.png"]


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
    assert failed[3]["error"].startswith("cannot use in an image.tar/")
    assert all(row["error"].startswith("not all of it could be read") for row in failed if row is not failed[3])
    assert len(rows(tmp_path / "scores.parquet")) == 9 + 9 + 10 + len(failed) - 1


def member(name, type_=tarfile.REGTYPE, size=512, content=bytes(512), **fields):
    """The bytes of a member of a tar, whatever its header says of its size."""
    info = tarfile.TarInfo(name)
    info.type = type_
    for field, value in fields.items():
        setattr(info, field, value)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = (size + (size < 0) * 256**12 | (size >= 0) << 95).to_bytes(12, "big")  # in base 256
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content


END = bytes(1024)


def test_members_that_are_not_read(tmp_path):
    """Nothing outside of the tar is reached, and nothing is left out without a word."""
    reasons = {
        "../up.png": "its path leads upwards (..)",
        "a/../../up.png": "its path leads upwards (..)",
        "hard.png": "it is a hard link to a.png; links are not followed",
        "soft.png": "it is a symbolic link to /etc/passwd; links are not followed",
        "folder.png": "it is no file",
        "pipe.png": "it is no file",
        "large.png": f"it has {2**30 + 512} bytes, at most {2**30} are read",
    }
    with (tmp_path / "a.tar").open("wb") as file:
        file.write(member("a.png") + member("../up.png") + member("a/../../up.png"))
        file.write(member("hard.png", tarfile.LNKTYPE, 0, b"", linkname="a.png"))
        file.write(member("soft.png", tarfile.SYMTYPE, 0, b"", linkname="/etc/passwd"))
        file.write(member("folder.png", tarfile.DIRTYPE, 0, b"") + member("pipe.png", tarfile.FIFOTYPE, 0, b""))
        file.write(member(".hidden.png") + member("./b.png") + member(".hidden/c.png") + member("notes.txt"))
        file.write(member("large.png", size=2**30 + 512, content=b""))
        file.seek(2**30 + 512, 1)
        file.write(END)
    _, items = find_items(tmp_path / "a.tar")
    assert {item.path: item.reason for item in items} == {
        "a.tar/a.png": None,
        "a.tar/b.png": None,
        **{f"a.tar/{name}": reason for name, reason in reasons.items()},
    }


def test_members_with_holes(tmp_path):
    """Their content is not in one piece: what lies at its place would be read as something else."""
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.png")
        info.size, info.pax_headers = 9, {"GNU.sparse.map": "0,9", "GNU.sparse.size": "5000"}
        archive.addfile(info, io.BytesIO(bytes(9)))
    (item,) = find_items(tmp_path / "a.tar")[1]
    assert item.reason == "it is stored with holes (sparse)"


@pytest.mark.parametrize("size", [-512, -1024, 2**20 + 1, 2**62, 2**90])
@pytest.mark.parametrize("type_", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_headers_that_lie(tmp_path, size, type_):
    """tarfile alone would go round and round, raise errors of its own, or ask for all memory."""
    (tmp_path / "a.tar").write_bytes(member("a.png") + member("b.png", type_, size) + member("c.png") + END)
    items = list(islice(find_items(tmp_path / "a.tar")[1], 5))
    assert items[0].path == "a.tar/a.png"
    assert items[-1].path == "a.tar"
    assert items[-1].reason.startswith("not all of it could be read: ")


def test_numbers_that_are_none(tmp_path):
    info = tarfile.TarInfo("a.png")
    info.pax_headers = {"GNU.sparse.map": "0,x", "GNU.sparse.size": "5000"}
    (tmp_path / "a.tar").write_bytes(info.tobuf(tarfile.PAX_FORMAT) + END)
    (item,) = find_items(tmp_path / "a.tar")[1]
    assert item.reason.startswith("not all of it could be read: invalid literal for int()")


def test_what_is_called_tar_and_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.tar")
    (tmp_path / "link.tar").symlink_to("nowhere")
    reason = "not all of it could be read: it is no file"
    assert [(item.path, item.reason) for item in find_items(tmp_path)[1]] == [
        ("link.tar", reason),
        ("pipe.tar", reason),
    ]
