import hashlib
import os

import pytest

from dsd.scan.items import Item, find_items
from dsd.scan.stamps import Stamp, WrittenError, full_stamp, open_item, quick_stamp
from tests.scan.samples import save_good, save_tar


def test_of_a_file(tmp_path):
    (tmp_path / "a.png").write_bytes(b"content")
    os.utime(tmp_path / "a.png", ns=(0, 1234567890123456789))
    expected = Stamp(7, 1234567890123456789, hashlib.sha256(b"content").hexdigest())
    assert full_stamp(tmp_path, Item("a.png")) == expected
    assert quick_stamp(tmp_path, Item("a.png")) == (*expected[:2], None)
    with open_item(tmp_path, Item("a.png")) as (path, stamp):
        assert (path, stamp) == (tmp_path / "a.png", expected)


def test_of_a_member_of_a_tar(tmp_path, monkeypatch):
    monkeypatch.setattr("dsd.scan.stamps.CHUNK", 1000)
    folder = save_good(tmp_path / "good", 2)
    save_tar(tmp_path / "a.tar", folder)
    for item in find_items(tmp_path / "a.tar")[1]:
        content = (folder / item.path.removeprefix("a.tar/")).read_bytes()
        time = (tmp_path / "a.tar").stat().st_mtime_ns
        expected = Stamp(len(content), time, hashlib.sha256(content).hexdigest())
        assert full_stamp(tmp_path, item) == expected
        with open_item(tmp_path, item) as (path, stamp):
            assert stamp == expected
            assert path.read_bytes() == content
        assert not path.exists()


def test_of_what_cannot_be_read(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to("nowhere")
    (tmp_path / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "a.png").touch()
    for item in (*map(Item, ["folder.png", "link.png", "loop.png", "pipe.png"]), Item("a.png", reason="a link")):
        assert full_stamp(tmp_path, item) == quick_stamp(tmp_path, item) == Stamp()


@pytest.mark.parametrize("error", [None, ValueError("it has no end marker")])
def test_what_is_written_to_while_it_is_read(tmp_path, error):
    """Also if it cannot be read for that reason."""
    (tmp_path / "a.png").write_bytes(b"content")

    def read():
        with open_item(tmp_path, Item("a.png")) as (path, _):
            path.write_bytes(b"other content")
            if error:
                raise error

    with pytest.raises(WrittenError, match="it was written to while it was read"):
        read()
