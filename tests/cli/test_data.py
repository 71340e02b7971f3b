import pytest

from dsd.cli import main


def test_refuses_a_damaged_model(tmp_path, capsys):
    (tmp_path / "a.caffemodel").write_text("<!DOCTYPE html>")
    assert main(["data", "convert", "vgg19", str(tmp_path / "a.caffemodel"), str(tmp_path / "out.pth")]) == 2
    assert capsys.readouterr().err.startswith("dsd data convert vgg19: ")
    assert not (tmp_path / "out.pth").exists()


def test_refuses_a_folder_that_is_not_live(tmp_path, capsys):
    assert main(["data", "convert", "live", str(tmp_path)]) == 2
    assert "no dmos_realigned.mat in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("function", "command"),
    [("convert_vgg19", ["vgg19", "a.caffemodel", "out.pth"]), ("convert_live", ["live", "folder"])],
)
def test_prints_what_was_written(tmp_path, monkeypatch, capsys, function, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.caffemodel").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr(f"dsd.data.{function}.{function}", lambda *paths: paths[-1])
    assert main(["data", "convert", *command]) == 0
    assert capsys.readouterr().out == f"{command[-1]}\n"


def test_refuses_a_folder_where_a_file_is_expected(tmp_path, capsys):
    (tmp_path / "a.caffemodel").touch()
    assert main(["data", "convert", "vgg19", str(tmp_path / "a.caffemodel"), str(tmp_path)]) == 2
    assert f"OUT must be a file, got the folder {tmp_path}" in capsys.readouterr().err
