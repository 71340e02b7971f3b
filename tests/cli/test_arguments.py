import os
from argparse import Namespace
from typing import get_args

import pytest

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.cli.arguments import (
    PRECISIONS,
    check_file,
    check_network,
    check_out,
    pixels,
    split_alphas,
    split_names,
)
from dsd.cli.parsers import command_line


def test_splits_at_commas():
    assert split_names("relu2_1, relu3_1", "--layers") == ["relu2_1", "relu3_1"]
    assert split_alphas("2,4.5") == [2, 4.5]


@pytest.mark.parametrize(("text", "number"), [("224", 224), ("none", None), ("0", None)])
def test_pixels(text, number):
    assert pixels(text) == number


@pytest.mark.parametrize("text", ["", "relu2_1,", " , relu2_1"])
def test_refuses_empty_names(text):
    with pytest.raises(ValueError, match=f"--layers must be names separated by commas, got {text!r}"):
        split_names(text, "--layers")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2,two", "--alphas must be numbers separated by commas, got '2,two'"),
        ("", "--alphas must be numbers separated by commas, got ''"),
        ("0.5", "alpha must be a finite number of at least 1, got 0.5"),
        ("2,nan", "alpha must be a finite number of at least 1, got nan"),
        ("inf", "alpha must be a finite number of at least 1, got inf"),
        ("2,4,2", "alphas must all be different, got 2,4,2"),
    ],
)
def test_refuses_what_is_no_scaling_factor(text, message):
    with pytest.raises(ValueError, match=message):
        split_alphas(text)


def network(**changed):
    return Namespace(**{"backbone": "lite", "weights": "auto", "precision": "float32", "device": "auto", **changed})


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"backbone": "vgg11"}, ValueError, "unknown backbone 'vgg11'; valid ones: vgg19, lite"),
        ({"precision": "half"}, ValueError, "precision must be one of float32, bfloat16; got 'half'"),
        ({"device": "tpu:0"}, ValueError, "device must be auto, cpu, cuda or mps, got 'tpu:0'"),
        ({"weights": "nowhere.pth"}, FileNotFoundError, "no weight file at nowhere.pth"),
    ],
)
def test_refuses_a_network_that_cannot_be_in_the_librarys_words(changed, error, message):
    check_network(network())
    check_network(network(device="cuda:1", weights="random", precision="bfloat16"))
    for refuse in (check_network, lambda options: load_backbone(**vars(options))):
        with pytest.raises(error, match=message):
            refuse(network(**changed))


def test_knows_every_precision():
    assert get_args(Precision) == PRECISIONS


def test_refuses_a_path_without_a_file(tmp_path):
    (tmp_path / "a").touch()
    check_file(tmp_path / "a")
    with pytest.raises(FileNotFoundError, match="no file"):
        check_file(tmp_path)


def test_refuses_a_place_where_no_file_can_be(tmp_path):
    check_out(tmp_path / "new" / "folder" / "file")
    (tmp_path / "file").touch()
    check_out(tmp_path / "file")  # it is replaced
    with pytest.raises(ValueError, match=r"OUT must be a file, got the folder /"):
        check_out(tmp_path, "OUT")
    with pytest.raises(ValueError, match=r"--out: cannot write .*/file/new/a, .*/file is no folder"):
        check_out(tmp_path / "file" / "new" / "a")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_refuses_a_folder_that_is_closed(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match=r"--out: cannot write .*/a, the folder .* does not allow it"):
        check_out(tmp_path / "a")


def test_commands_are_called_by_their_whole_name():
    options = command_line().parse_args(["data", "convert", "live", "folder"])
    assert (options.command, options.interrupted) == ("dsd data convert live", "interrupted")
