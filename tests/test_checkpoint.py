import hashlib
import os
import random

import numpy as np
import pytest
import torch

from dsd.checkpoint import _FORMAT, load_checkpoint, save_checkpoint

SETTINGS = {"steps": 3, "alphas": (1, 2), "start": None}


@pytest.fixture
def path(tmp_path):
    state = {"step": 2, "losses": [0.5, 0.25], "snapshots": {0: torch.rand(3, 4)}, "x": torch.rand(2, 3).bfloat16()}
    save_checkpoint(tmp_path / "checkpoint.pt", state, SETTINGS)
    return tmp_path / "checkpoint.pt"


def test_gives_back_what_was_saved(tmp_path, device):
    x = torch.rand(3, 4, dtype=torch.float64)
    save_checkpoint(tmp_path / "a.pt", {"x": x, "nested": [{1: "one"}, None, 0.1]}, {"seed": 0})
    state = load_checkpoint(tmp_path / "a.pt", {"seed": 0}, device)
    assert torch.equal(state.pop("x"), x.to(device))
    assert state == {"nested": [{1: "one"}, None, 0.1]}


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_anywhere_is_noticed(path, seed):
    content = bytearray(path.read_bytes())
    content[random.Random(seed).randrange(len(content))] ^= 1 << seed % 8
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.pt is (not a checkpoint.*or is )?damaged"):
        load_checkpoint(path, SETTINGS)


@pytest.mark.parametrize("place", [0, len(_FORMAT) - 1, len(_FORMAT), len(_FORMAT) + 31, -1])
def test_a_flipped_bit_in_the_head_and_at_the_end_is_noticed(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint\.pt is .*damaged"):
        load_checkpoint(path, SETTINGS)


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.5, 0.999])
def test_a_cut_file_is_noticed(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"checkpoint\.pt is .*remove it to begin again"):
        load_checkpoint(path, SETTINGS)


def test_a_file_that_goes_on_is_noticed(path):
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="is damaged"):
        load_checkpoint(path, SETTINGS)


def test_a_foreign_file_is_noticed(tmp_path):
    torch.save({"settings": SETTINGS, "step": 1}, tmp_path / "foreign.pt")
    with pytest.raises(ValueError, match=r"foreign\.pt is not a checkpoint of this version of dsd"):
        load_checkpoint(tmp_path / "foreign.pt", SETTINGS)


def test_a_whole_file_that_pytorch_cannot_read_is_named(tmp_path):
    path, content = tmp_path / "newer.pt", b"of a format to come"
    path.write_bytes(_FORMAT + hashlib.sha256(content).digest() + content)
    with pytest.raises(ValueError, match=r"newer\.pt cannot be read by PyTorch"):
        load_checkpoint(path, SETTINGS)


def test_another_run_is_refused_with_what_differs(path):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        load_checkpoint(path, {"steps": 4, "alphas": (1, 2), "rate": 0.1})
    assert "checkpoint.pt is of another run: steps is 3 there and 4 here" in str(caught.value)
    assert "start is None there and 'not set' here; rate is 'not set' there and 0.1 here." in str(caught.value)
    assert "alphas" not in str(caught.value)


def test_settings_that_could_not_be_read_again_are_not_written(path):
    before = path.read_bytes()
    with pytest.raises(TypeError, match=r"rate must be a plain value, .* got np\.float64\(0\.5\)"):
        save_checkpoint(path, {"step": 3}, {"rate": np.float64(0.5)})
    assert path.read_bytes() == before


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.pt"):
        load_checkpoint(tmp_path / "none.pt", SETTINGS)


def test_a_full_disk_leaves_the_old_one(path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(path, {"step": 3}, SETTINGS)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["checkpoint.pt"]
