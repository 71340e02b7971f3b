import os

import pytest

from dsd.data.files import walk


def below(folder):
    return [path.relative_to(folder).as_posix() for path in walk(folder)]


def place(folder, *names):
    """Empty files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_files_and_folders_in_order_without_hidden_ones(tmp_path):
    place(tmp_path, "b/2.png", "b/1.png", "a.png", "c/d/3.png", ".hidden/4.png", "b/.5.png", "x.jpg/6.png")
    assert below(tmp_path) == ["a.png", "b", "c", "x.jpg", "b/1.png", "b/2.png", "c/d", "c/d/3.png", "x.jpg/6.png"]


@pytest.mark.parametrize("loops", [["loop"], ["loop", "again"], ["a/deep/loop", "loop"]])
def test_links_back_to_the_folder_add_themselves_only(tmp_path, loops):
    place(tmp_path, "1.png", "a/deep/2.png")
    for loop in loops:
        (tmp_path / loop).symlink_to(tmp_path)
    assert sorted(below(tmp_path)) == sorted(["1.png", "a", "a/deep", "a/deep/2.png", *loops])


def test_folders_that_link_to_each_other_come_once(tmp_path):
    place(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "b").symlink_to("../b")
    (tmp_path / "b" / "a").symlink_to("../a")
    assert below(tmp_path) == ["a", "b", "a/1.png", "a/b", "b/2.png", "b/a"]


def test_a_link_to_a_folder_above_is_passed_over(tmp_path):
    place(tmp_path, "elsewhere/1.png", "photos/2.png")
    (tmp_path / "photos" / "up").symlink_to(tmp_path)
    assert below(tmp_path / "photos") == ["2.png", "up"]


def test_real_folders_come_before_links_to_them(tmp_path):
    place(tmp_path, "z/1.png")
    (tmp_path / "a").symlink_to("z")
    assert below(tmp_path) == ["a", "z", "z/1.png"]


def test_a_folder_elsewhere_comes_once_with_all_in_it(tmp_path):
    place(tmp_path, "elsewhere/part/1.png", "elsewhere/2.png", "photos/3.png")
    for link, target in {"a": "elsewhere/part", "b": "elsewhere", "c": "elsewhere"}.items():
        (tmp_path / "photos" / link).symlink_to(tmp_path / target)
    assert below(tmp_path / "photos") == ["3.png", "a", "b", "c", "a/1.png", "b/2.png", "b/part"]


def test_links_that_lead_nowhere_are_listed(tmp_path):
    (tmp_path / "gone.png").symlink_to("nowhere")
    (tmp_path / "self.png").symlink_to("self.png")
    assert below(tmp_path) == ["gone.png", "self.png"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may list every folder")
def test_a_locked_folder_does_not_vanish(tmp_path):
    place(tmp_path, "1.png", "locked/2.png")
    (tmp_path / "locked").chmod(0)
    try:
        with pytest.raises(PermissionError, match="locked"):
            below(tmp_path)
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_a_folder_that_cannot_be_listed_does_not_vanish(tmp_path, monkeypatch):
    place(tmp_path, "1.png", "broken/2.png")
    scandir = os.scandir

    def failing(folder):
        if folder.name == "broken":
            raise OSError(5, "Input/output error", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(OSError, match=r"Input/output error: .*broken"):
        below(tmp_path)
