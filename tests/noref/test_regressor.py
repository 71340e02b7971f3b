import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from dsd.noref.regressor import LAYERS, SLOPE, WIDTHS, Regressor, load_regressor, parameters_of
from tests.noref.samples import save_regressor


def test_has_the_authors_size():
    network = Regressor()
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_520_244
    assert LAYERS == ("relu1_2", "relu2_1", "relu2_2", "relu3_1")
    assert network(torch.rand(2, 3, 40, 60)).shape == (2, 4)


def test_each_stage_but_the_first_halves():
    x, sizes = torch.rand(1, 32, 80, 50), []
    for stage in Regressor().eval().stages:
        x = stage(x)
        sizes.append(tuple(x.shape[1:]))
    assert sizes == [(32, 80, 50), (32, 40, 25), (64, 20, 13), (64, 10, 7), (128, 5, 4), (128, 3, 2)]
    assert tuple(size[0] for size in sizes) == WIDTHS


def test_residuals_begin_at_zero():
    """Then a stage is its shortcuts, in training too: leaky ReLU of x times squeeze-and-excitation, twice."""
    network = Regressor()
    last = [block[-1] for stage in network.stages for block in stage.blocks]
    assert len(last) == 12
    assert all(isinstance(norm, nn.BatchNorm2d) and not norm.weight.any() and not norm.bias.any() for norm in last)
    for stage in network.stages[:2]:  # of stride 1, and of 2
        x = torch.randn(2, 32, 9, 8)
        with torch.inference_mode():
            found = stage(x).numpy()
        w1, b1, w2, b2 = (parameter.detach().numpy() for parameter in stage.excite.parameters())
        expected = x.numpy()
        for k in range(2):
            mean = expected.mean(axis=(2, 3)) @ w1.T + b1 if k or stage is network.stages[0] else None
            if mean is None:  # the first shortcut of the second stage is a convolution of every other position
                weight = stage.project.weight.detach().numpy()[:, :, 0, 0]
                expected = np.einsum("oc,nchw->nohw", weight, expected[:, :, ::2, ::2])
                mean = expected.mean(axis=(2, 3)) @ w1.T + b1
            mean = np.where(mean > 0, mean, SLOPE * mean)
            expected = expected * (1 / (1 + np.exp(-(mean @ w2.T + b2))))[:, :, None, None]
            expected = np.where(expected > 0, expected, SLOPE * expected)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_predicts_in_the_targets_units():
    network = Regressor().eval()
    x = torch.rand(2, 3, 20, 20)
    standardised = network.standardised(x)
    assert torch.equal(network(x), standardised)
    network.mean.copy_(torch.arange(4.0))
    network.deviation.copy_(torch.tensor([1.0, 10.0, 0.1, 5.0]))
    torch.testing.assert_close(network(x), network.mean + network.deviation * standardised)


def test_a_batch_is_what_its_images_are(regressor_file):
    network, _ = load_regressor(regressor_file)
    x = torch.rand(3, 3, 33, 27)
    torch.testing.assert_close(network(x), torch.cat([network(image[None]) for image in x]), rtol=1e-5, atol=1e-7)
    assert network(x[:, :, :1, :1]).isfinite().all()


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ("image.png", TypeError, "x must be a torch.Tensor of shape"),
        (torch.rand(3, 20, 20), ValueError, r"x must have shape \(N, 3, H, W\), got \(3, 20, 20\)"),
        (torch.rand(1, 1, 20, 20), ValueError, r"x must have shape \(N, 3, H, W\)"),
        (torch.zeros(1, 3, 20, 20, dtype=torch.uint8), ValueError, "x must be a float tensor"),
        (torch.rand(1, 3, 20, 20, device="meta"), ValueError, "x is on meta, the network on cpu"),
    ],
)
def test_refuses_what_is_no_image_batch(x, error, message):
    with pytest.raises(error, match=message):
        Regressor()(x)


def test_overshooting_values_are_taken():
    """A cubic downscales a little beyond [0, 1]."""
    assert Regressor().eval()(torch.full((1, 3, 20, 20), 1.1)).isfinite().all()


def test_a_file_is_small_and_loads_frozen(tmp_path):
    path = save_regressor(tmp_path / "psi.safetensors", steps=7)
    assert path.stat().st_size <= 4e6
    assert {value.dtype for value in load_file(path).values()} == {torch.float16, torch.float32}
    network, about = load_regressor(str(path))
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert (about["backbone"], about["alpha"], about["steps"]) == ("lite", 2, 7)
    assert about["regressor"] == "psi.safetensors"
    assert len(about["regressor_sha256"]) == 64
    for name, value in parameters_of(network).items():
        assert value.dtype == torch.float32
        if value.ndim < 2:  # statistics are exact
            assert torch.equal(value, load_file(path)[name])
    assert {"mean", "deviation", "stem.1.running_mean", "stem.1.running_var"} <= parameters_of(network).keys()


def test_a_written_network_is_what_it_was(tmp_path):
    from dsd.noref.train import write

    torch.manual_seed(1)
    network = Regressor().eval()
    write(network, tmp_path / "psi.safetensors", KNOWN)
    x = torch.rand(2, 3, 24, 24)
    loaded, about = load_regressor(tmp_path / "psi.safetensors")
    assert set(about) == {*KNOWN, "regressor", "regressor_sha256"}
    torch.testing.assert_close(loaded(x), network(x), rtol=2e-3, atol=2e-3)  # weights of 11 bits
    write(loaded, tmp_path / "again.safetensors", KNOWN)  # which lose nothing more
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "psi.safetensors").read_bytes()


def write_state(path, change, metadata):
    state = {key: value.detach().clone() for key, value in parameters_of(Regressor()).items()}
    change(state)
    save_file(state, path, metadata)


KNOWN = {"alpha": 2, "backbone": "lite", "weights_sha256": "0" * 64, "side": 16}
ABOUT = {"about": json.dumps(KNOWN)}


@pytest.mark.parametrize(
    ("change", "metadata", "message"),
    [
        (lambda state: None, None, "does not say of which alpha, backbone, side, weights_sha256 it is"),
        (lambda state: None, {"format": "pt"}, "does not say of which alpha, backbone, side, weights_sha256 it is"),
        (lambda state: None, {"about": "alpha 2"}, "is not a readable weight file"),
        (lambda state: None, {"about": "[2]"}, "(is not a readable weight file|does not say)"),
        (lambda state: None, {"about": '{"alpha": 2}'}, "does not say of which backbone, side, weights_sha256 it is"),
        (lambda state: state.pop("mean"), ABOUT, "lacks mean"),
        (lambda state: state.update(tail=torch.ones(1)), ABOUT, "is not a regressor: it holds tail"),
        (lambda state: state.update(mean=torch.ones(5)), ABOUT, r"has mean of shape \(5,\), regressor has \(4,\)"),
        (lambda state: state["deviation"].fill_(torch.nan), ABOUT, "has NaN or infinite values in deviation"),
    ],
)
def test_refuses_a_file_that_is_none_of_it(tmp_path, change, metadata, message):
    write_state(tmp_path / "psi.safetensors", change, metadata)
    with pytest.raises(ValueError, match=rf"psi\.safetensors {message}"):
        load_regressor(tmp_path / "psi.safetensors")


def test_refuses_what_is_damaged_or_not_there(tmp_path, regressor_file):
    with pytest.raises(FileNotFoundError, match=r"no weight file at .*nowhere\.safetensors"):
        load_regressor(tmp_path / "nowhere.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(regressor_file.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"cut\.safetensors is not a readable weight file"):
        load_regressor(tmp_path / "cut.safetensors")
    torch.save(dict(parameters_of(Regressor())), tmp_path / "psi.pth")
    with pytest.raises(ValueError, match=r"psi\.pth is not a readable weight file"):
        load_regressor(tmp_path / "psi.pth")
