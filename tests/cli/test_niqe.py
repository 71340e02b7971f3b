"""`dsd niqe fit`."""

import pytest
import torch

from dsd.cli import main
from dsd.data.images import save_image
from dsd.quality.niqe import NIQE


@pytest.fixture
def folder(tmp_path):
    """Two images with 40 blocks, all about equally sharp."""
    (root := tmp_path / "photographs").mkdir()
    for name in "ab":
        save_image(torch.rand(3, 390, 490), root / f"{name}.png")
    return root


def test_writes_a_model(folder, tmp_path, capsys):
    out = tmp_path / "new" / "own.safetensors"
    assert main(["niqe", "fit", str(folder), "--out", str(out), "--grey=y", "--not-rounded", "--border=1"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert NIQE(out, grey="y", rounded=False, border=1)(torch.rand(1, 3, 200, 200)).isfinite()


def test_names_what_it_cannot_use(folder, tmp_path, capsys):
    (folder / "broken\x1b.png").write_bytes(b"no image")
    save_image(torch.rand(3, 50, 50), folder / "small.png")
    out = tmp_path / "own.safetensors"
    assert main(["niqe", "fit", str(folder), "--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert r"failed: broken\x1b.png: cannot use" in printed.err
    assert "failed: small.png: x is 50×50 pixels, too small for one of NIQE's blocks" in printed.err
    assert printed.out == f"{out}\n"
    assert NIQE(out)(torch.rand(1, 3, 200, 200)).isfinite()


def test_refuses(folder, tmp_path, capsys):
    out = tmp_path / "own.safetensors"
    (folder / "b.png").unlink()
    for options, message in (
        ([], "more than 36 sharp blocks of 96×96 pixels, got 20: add images"),
        ([f"--out={tmp_path / 'own.pth'}"], "--out must end in .safetensors, got"),
        ([f"--out={folder}"], "--out must be a file, got the folder"),
        (["--border=-1"], "--border must be at least 0, got -1"),
    ):
        assert main(["niqe", "fit", str(folder), "--out", str(out), *options]) == 2
        assert message in capsys.readouterr().err
    assert main(["niqe", "fit", str(tmp_path / "nowhere"), "--out", str(out)]) == 2
    assert "no folder" in capsys.readouterr().err
    assert not out.exists()


def test_a_model_knows_its_settings(folder, tmp_path):
    out = tmp_path / "own.safetensors"
    assert main(["niqe", "fit", str(folder), "--out", str(out), "--grey=y", "--border=1"]) == 0
    with pytest.raises(ValueError, match=r"own.safetensors was fitted with grey='y', border=1: give the same"):
        NIQE(out)
