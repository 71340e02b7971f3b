"""Runs that are trained and tested once; what is kept of them, and when it is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from dsd import downscale
from dsd.data.images import load_image
from dsd.resize import enlarge
from dsd.restore import runs as module
from dsd.restore import testing
from dsd.restore.config_files import parse_config
from dsd.restore.model import save_model
from dsd.restore.networks import SRResNet
from dsd.restore.runs import crop_of, model_scores, run_scores, with_loss, with_loss_alone

SETS = {"tiny": 2}


@pytest.fixture(autouse=True)
def _tiny(monkeypatch, photographs):
    """A test set of small images."""

    def pairs():
        for path in sorted(photographs.iterdir()):
            clean = load_image(path)[:, :64, :64]
            yield testing.Pair(path.stem, downscale(clean[None], 4)[0].clamp(0, 1), clean, path)

    monkeypatch.setattr(testing, "SETS", {"tiny": pairs})
    monkeypatch.setattr(module, "CROPS", {"tiny/1": (4, 8, 20, 30)})


@pytest.fixture
def config(photographs):
    return parse_config(
        {
            "losses": {"rec": {"weight": 1}},
            "network": {"blocks": 1},
            "data": {"images": [str(photographs)], "side": 32, "batch": 2},
            "steps": 2,
        }
    )


def test_a_run_is_trained_once_and_then_its_table(tmp_path, config, monkeypatch):
    table = run_scores(config, tmp_path / "run", SETS, device="cpu")
    assert list(table.image) == [0, 1]
    assert {"set", "psnr_y", "ssim_rgb_authors", "niqe", "grid", "grid_clean"} <= set(table)
    assert crop_of(tmp_path / "run", "tiny", "1").shape == (3, 20, 30)
    for name in ("model.safetensors", "checkpoint.pt"):
        (tmp_path / "run" / name).unlink()
    monkeypatch.setattr(module, "train_restorer", None)
    pd.testing.assert_frame_equal(run_scores(config, tmp_path / "run", SETS), table)


def test_a_run_of_other_settings_is_refused(tmp_path, config, monkeypatch):
    run_scores(config, tmp_path / "run", SETS, device="cpu")
    with pytest.raises(ValueError, match=r"is of a run with other settings, see .*config\.yaml: remove it"):
        run_scores(with_loss(config, "none", seed=1), tmp_path / "run", SETS)
    for sets in ({**SETS, "other": None}, {"tiny": 1}):
        with pytest.raises(ValueError, match="is of a run with other settings"):
            run_scores(config, tmp_path / "run", sets)
    path = tmp_path / "run" / "config.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "tested on" not in line))
    with pytest.raises(ValueError, match=r"was not tested on other: remove .*scores\.csv to test it again$"):
        run_scores(config, tmp_path / "run", {**SETS, "other": None})
    (tmp_path / "run" / "model.safetensors").unlink()
    monkeypatch.setattr(module, "CROPS", {"tiny/0": (0, 0, 9, 9)})
    with pytest.raises(
        ValueError, match=r"has no close-up of tiny/0: remove .* its model is gone, so it would be trained again"
    ):
        run_scores(config, tmp_path / "run", SETS)


def test_settings_that_came_later_are_at_their_defaults(tmp_path, config):
    table = run_scores(config, tmp_path / "run", SETS, device="cpu")
    path = tmp_path / "run" / "config.yaml"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("balance")))
    pd.testing.assert_frame_equal(run_scores(config, tmp_path / "run", SETS), table)


def test_bicubic_is_matlabs_and_measured(tmp_path, photographs):
    table = model_scores("", tmp_path / "bicubic", SETS)
    clean = load_image(photographs / "1.png")[:, :64, :64]
    expected = enlarge(downscale(clean[None], 4).clamp(0, 1), 4).clamp(0, 1)[0]
    found = crop_of(tmp_path / "bicubic", "tiny", "1")
    assert (found - expected[:, 4:24, 8:38]).abs().max() < 1.01 / 255
    weights = np.array([65.481, 128.553, 24.966])
    y = [np.tensordot(weights, image.numpy().astype(float), 1) for image in (expected, clean)]
    assert table.psnr_y_authors[1] == pytest.approx(10 * np.log10(255**2 / np.mean((y[0] - y[1]) ** 2)), abs=1e-3)


def test_a_model_that_changed_is_refused(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "model.safetensors"
    for blocks in (1, 2):
        save_model(SRResNet(blocks), path, {})
        if blocks == 1:
            model_scores(str(path), tmp_path / "run", SETS)
    with pytest.raises(ValueError, match="is of a run with other settings"):
        model_scores(str(path), tmp_path / "run", SETS)


def test_a_loss_takes_the_place_of_another():
    base = parse_config({"losses": {"rec": {"weight": 1}, "per": {"weight": 1}, "cx": {"weight": 3}}})
    none, dsd = with_loss(base, "none"), with_loss(base, "dsd", "relu2_1", seed=4, backbone="lite")
    assert list(none.losses) == ["rec", "per"]
    assert dsd.losses["dsd"] == {"weight": "balanced", "layers": ["relu2_1"], "backbone": "lite"}
    assert (none.seed, dsd.seed) == (0, 4)
    with pytest.raises(ValueError, match="there is no loss 'gan'"):
        with_loss(base, "gan", "relu2_1")


def test_one_loss_alone():
    base = parse_config({"losses": {"rec": {"weight": 1}, "per": {"weight": 1}}})
    assert with_loss_alone(base, "l1").losses == {"rec": {"weight": 1}}
    config = with_loss_alone(base, "dsd", "relu2_2", 3, "lite")
    assert config.losses == {"dsd": {"weight": 1, "layers": ["relu2_2"], "backbone": "lite"}}
    assert config.seed == 3
