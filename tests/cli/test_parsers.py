import pytest

from dsd.cli.parsers import check_backbone, check_file, command_line, pixels, split_alphas, split_names


def test_splits_at_commas():
    assert split_names("relu2_1, relu3_1") == ["relu2_1", "relu3_1"]
    assert split_alphas("2,4.5") == [2, 4.5]
    with pytest.raises(ValueError, match="--alphas must be numbers separated by commas, got 2,two"):
        split_alphas("2,two")


@pytest.mark.parametrize(("text", "number"), [("224", 224), ("none", None), ("0", None)])
def test_pixels(text, number):
    assert pixels(text) == number


def test_refuses_an_unknown_backbone():
    check_backbone("lite")
    with pytest.raises(ValueError, match="unknown backbone 'vgg11'; valid ones: vgg19, lite"):
        check_backbone("vgg11")


def test_refuses_a_path_without_a_file(tmp_path):
    (tmp_path / "a").touch()
    check_file(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="no file"):
        check_file(tmp_path)


def test_commands_are_called_by_their_whole_name():
    options = command_line().parse_args(["data", "convert", "live", "folder"])
    assert (options.command, options.interrupted) == ("dsd data convert live", "interrupted")
