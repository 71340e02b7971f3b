from pathlib import Path

import pytest

from dsd.paths import data_root, find_folder


def test_data_root(tmp_path, monkeypatch):
    monkeypatch.delenv("DSD_DATA", raising=False)
    assert data_root() == Path(__file__).parents[1] / "data"
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    assert data_root() == tmp_path


def test_data_root_where_there_is_no_repository(tmp_path, monkeypatch):
    monkeypatch.delenv("DSD_DATA", raising=False)
    monkeypatch.setattr("dsd.paths.__file__", str(tmp_path / "site-packages" / "dsd" / "paths.py"))
    assert data_root() == Path("data")


def test_folders_are_found_by_path_and_under_the_data_root(tmp_path, monkeypatch):
    (tmp_path / "set").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    assert find_folder("set") == tmp_path / "set"
    assert find_folder(tmp_path / "set") == tmp_path / "set"
    for name in ("nowhere", "file"):
        with pytest.raises(FileNotFoundError, match=rf"no folder {name}: looked at {name} and .*{name} .*README\.md"):
            find_folder(name)
