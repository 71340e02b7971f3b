import hashlib
import json
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open

from dsd import VGG19, create_metric, downscale, dsd_norm, load_image
from dsd.backbones.lite import SHA256, TEACHER_SHA256, VGG19Lite
from dsd.data.images import find_image
from dsd.noref.q_dsd import QDSD, Expectation, load_measures, shipped
from dsd.noref.regressor import LAYERS, load_regressor
from tests.noref.samples import save_regressor


def expected(x, network, regressor_file, alpha=2, tops=(0,), lefts=(0,), side=None):
    """Σ |ψ(y↓α) − ‖DSD_α(y)‖₁| by image and layer, with ψ and norms apart, and of each window alone."""
    regressor, _ = load_regressor(regressor_file)
    norms, predicted = [], []
    for top in tops:
        for left in lefts:
            window = x[:, :, top:, left:] if side is None else x[:, :, top : top + side, left : left + side]
            by_layer = dsd_norm(window, network, (alpha,))
            norms.append(np.stack([by_layer[layer, alpha].double().numpy() for layer in LAYERS], axis=1))
            with torch.inference_mode():
                predicted.append([regressor(downscale(image[None], alpha))[0].double().numpy() for image in window])
    return np.abs(np.mean(predicted, axis=0) - np.mean(norms, axis=0))


def test_is_eq_5_summed_over_layers(metric, network, regressor_file):
    """Of images of one window."""
    x = torch.rand(3, 3, 30, 27) * torch.tensor([1, 0.5, 0.1])[:, None, None, None]
    by_layer = expected(x, network, regressor_file)
    np.testing.assert_allclose(metric(x), by_layer.sum(axis=1), rtol=1e-5)
    expectation = metric.expectation(x)
    assert expectation.norms.shape == expectation.predicted.shape == (3, 4)
    np.testing.assert_allclose(expectation.q_dsd, by_layer, rtol=1e-4, atol=1e-7)
    assert (by_layer > 1e-3).all()


WINDOWS = {  # of 32 pixels, by the side of the image: as few as cover it, evenly spaced
    32: (0,),
    33: (0, 1),
    64: (0, 32),
    70: (0, 19, 38),
    101: (0, 23, 46, 69),
}


@pytest.mark.parametrize(("height", "width"), [(70, 33), (32, 101), (64, 70)])
def test_both_are_means_over_windows(metric, network, regressor_file, height, width):
    x = torch.rand(2, 3, height, width) * torch.linspace(0.2, 1, width)
    by_layer = expected(x, network, regressor_file, tops=WINDOWS[height], lefts=WINDOWS[width], side=32)
    np.testing.assert_allclose(metric.expectation(x).q_dsd, by_layer, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(metric(x), by_layer.sum(axis=1), rtol=1e-5)


def test_a_narrow_image_has_windows_along_its_length(metric, network, regressor_file):
    x = torch.rand(1, 3, 20, 64)
    by_layer = [expected(part, network, regressor_file) for part in x.split(32, dim=3)]
    expectation = metric.expectation(x)
    parts = [metric.expectation(part) for part in x.split(32, dim=3)]
    for name in ("norms", "predicted"):
        mean = sum(getattr(part, name) for part in parts) / 2
        torch.testing.assert_close(getattr(expectation, name), mean, rtol=1e-5, atol=1e-7)
    for part, one in zip(parts, by_layer, strict=True):
        np.testing.assert_allclose(part.q_dsd, one, rtol=1e-4, atol=1e-7)


def test_the_window_can_be_chosen(network, regressor_file):
    x = torch.rand(2, 3, 66, 45)
    whole, chosen = (QDSD(network, regressor=regressor_file, window=window) for window in (None, 24))
    assert (whole.window, chosen.window) == (None, 24)
    np.testing.assert_allclose(whole(x), expected(x, network, regressor_file).sum(axis=1), rtol=1e-5)
    by_layer = expected(x, network, regressor_file, tops=(0, 21, 42), lefts=(0, 21), side=24)
    np.testing.assert_allclose(chosen(x), by_layer.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("window", [6, 0, -1, 32.0, "whole", True])
def test_a_window_has_two_scales(network, regressor_file, window):
    assert QDSD(network, regressor=regressor_file, window=7).smallest == 7
    with pytest.raises(ValueError, match=f"window must be an integer of at least 7, got {window!r}"):
        QDSD(network, regressor=regressor_file, window=window)


def test_the_network_sees_windows_only(metric, monkeypatch):
    seen, activations = [], VGG19Lite.activations

    def recorded(self, x, layers):
        seen.append(tuple(x.shape))
        return activations(self, x, layers)

    monkeypatch.setattr(VGG19Lite, "activations", recorded)
    metric(torch.rand(1, 3, 64, 101))
    assert {shape[2:] for shape in seen} == {(32, 32), (16, 16)}
    assert max(shape[0] for shape in seen) <= 4  # a row of them
    assert sum(shape[0] for shape in seen) == 2 * 2 * 4


def test_deviations_are_logarithms_of_ratios(metric):
    x = torch.rand(2, 3, 32, 32)
    found = metric.expectation(x)
    norms, predicted = (np.maximum(values.numpy(), 1e-4) for values in (found.norms, found.predicted))
    expected = np.log(norms / predicted)
    np.testing.assert_allclose(found.deviation, expected, rtol=1e-5, atol=1e-6)
    dark = Expectation(torch.tensor([[0.0, 0.2]]), torch.tensor([[0.1, -0.1]]))
    np.testing.assert_allclose(dark.deviation, np.log([[1e-4 / 0.1, 0.2 / 1e-4]]), rtol=1e-5)


def test_alpha_4_too(network, tmp_path):
    path = save_regressor(tmp_path / "psi.safetensors", alpha=4)
    x = torch.rand(2, 3, 65, 30)
    metric = QDSD(network, 4, regressor=path)
    assert (metric.window, metric.smallest) == (64, 13)
    below = x[:, :, :64], x[:, :, 1:]
    mean = [sum(getattr(metric.expectation(y), name) for y in below) / 2 for name in ("predicted", "norms")]
    torch.testing.assert_close(metric(x), (mean[0] - mean[1]).abs().sum(dim=1), rtol=1e-5, atol=0)
    np.testing.assert_allclose(metric(below[1]), expected(below[1], network, path, 4).sum(axis=1), rtol=1e-5)


def test_vgg19_too(tmp_path):
    network = VGG19(LAYERS, weights="random")
    path = save_regressor(tmp_path / "psi.safetensors", backbone="vgg19", weights_sha256="random")
    x = torch.rand(1, 3, 30, 30)
    np.testing.assert_allclose(QDSD(network, regressor=path)(x), expected(x, network, path).sum(axis=1), rtol=1e-5)


def test_a_network_with_more_layers_will_do(metric, regressor_file):
    x = torch.rand(1, 3, 32, 32)
    more = QDSD(VGG19Lite(), regressor=regressor_file)
    torch.testing.assert_close(more(x), metric(x))


def test_a_batch_is_what_its_images_are(metric):
    x = torch.rand(3, 3, 33, 40)
    torch.testing.assert_close(metric(x), torch.cat([metric(image[None]) for image in x]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_other_types_are_as_float32(metric, dtype):
    x = torch.rand(1, 3, 32, 32).to(dtype)
    torch.testing.assert_close(metric(x).float(), metric(x.float()), rtol=1e-5, atol=0)


def test_autocast_changes_nothing(metric):
    x = torch.rand(1, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(metric(x), metric(x.clone()))
        inside = metric(x)
    assert torch.equal(inside, metric(x))


def test_works_on_every_device(device, regressor_file, metric):
    x = torch.rand(2, 3, 32, 32)
    there = QDSD("lite", regressor=regressor_file, device=device)
    assert there.regressor.mean.device.type == device
    torch.testing.assert_close(there(x.to(device)).cpu(), metric(x), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_the_gradient_is_finite_in_the_hard_cases(metric, value):
    x = torch.full((1, 3, 32, 40), value, requires_grad=True)
    metric(x).sum().backward()
    assert x.grad.isfinite().all()
    x.grad = None
    metric.expectation(x).deviation.sum().backward()
    assert x.grad.isfinite().all()


def test_the_gradient_leads_down(metric):
    x = torch.rand(1, 3, 32, 32).mul(0.8).add(0.1).requires_grad_(True)
    before = metric(x)
    (gradient,) = torch.autograd.grad(before.sum(), x)
    step = 1e-3 * gradient / gradient.abs().max()
    assert metric((x - step).detach()) < before < metric((x + step).detach())


def test_stays_frozen(network, regressor_file):
    metric = QDSD(network, regressor=regressor_file)
    x = torch.rand(1, 3, 32, 32)
    before = metric(x)
    assert metric.train() is metric
    torch.nn.ModuleDict({"quality": metric}).train()
    assert not any(module.training for module in metric.modules())
    assert not any(parameter.requires_grad for parameter in metric.parameters())
    assert torch.equal(metric(x), before)


def test_can_be_pickled(metric):
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(pickle.loads(pickle.dumps(metric))(x), metric(x))


def test_says_what_it_is(metric, regressor_file):
    digest = hashlib.sha256(regressor_file.read_bytes()).hexdigest()
    provenance = metric.provenance()
    assert json.loads(json.dumps(provenance)) == provenance
    assert provenance == {
        "backbone": "lite",
        "weights": "vgg19-lite.safetensors",
        "weights_sha256": SHA256,
        "precision": "float32",
        "padding": "zeros",
        "alpha": 2,
        "window": 32,
        "layers": list(LAYERS),
        "regressor": "psi.safetensors",
        "regressor_sha256": digest,
    }


@pytest.mark.parametrize(
    ("known", "differences"),
    [
        ({"weights_sha256": "0" * 64}, f"weights_sha256 was {'0' * 64}, is {SHA256}"),
        ({"backbone": "vgg19"}, "backbone was vgg19, is lite"),
        ({"alpha": 4}, "alpha was 4, is 2"),
        ({"padding": "reflect"}, "padding was reflect, is zeros"),
        ({"padding": "replicate"}, "padding was replicate, is zeros"),
        ({"alpha": 4, "backbone": "vgg19"}, "backbone was vgg19, is lite; alpha was 4, is 2"),
    ],
)
def test_refuses_a_regressor_of_something_else(network, tmp_path, known, differences):
    path = save_regressor(tmp_path / "psi.safetensors", **known)
    with pytest.raises(ValueError, match=rf"^psi\.safetensors was trained for something else: {differences}.*\. `dsd "):
        QDSD(network, regressor=path)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda path: QDSD(VGG19Lite(LAYERS, padding="reflect"), regressor=path),
            ValueError,
            "padding was zeros, is reflect. `dsd train noref` makes one for other weights",
        ),
        (lambda path: QDSD(VGG19Lite(LAYERS, "random"), regressor=path), ValueError, "weights_sha256 was .*is random"),
        (
            lambda path: QDSD(VGG19Lite(("relu2_1", "relu4_1")), regressor=path),
            ValueError,
            "needs a network with relu1_2, relu2_1, relu2_2, relu3_1; this one lacks relu1_2, relu2_2, relu3_1",
        ),
        (lambda path: QDSD("vgg11", regressor=path), ValueError, "unknown backbone 'vgg11'; valid ones"),
        (lambda path: QDSD("lite", regressor=path, device="tpu"), ValueError, "device must be auto, cpu, cuda or mps"),
        (lambda path: QDSD("lite", 0.5, regressor=path), ValueError, "alpha must be a finite number of at least 1"),
        (lambda path: QDSD("lite", "2", regressor=path), ValueError, "alpha must be a finite number of at least 1"),
        (lambda path: QDSD("lite", regressor=path.with_name("no")), FileNotFoundError, "no weight file at .*no"),
    ],
)
def test_refuses(regressor_file, call, error, message):
    with pytest.raises(error, match=message):
        call(regressor_file)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((1, 3, 32, 32)), TypeError, "x must be a torch.Tensor of shape"),
        (torch.rand(3, 32, 32), ValueError, r"x must have shape \(N, 3, H, W\)"),
        (torch.rand(1, 3, 32, 32) + 1, ValueError, r"x must have values in \[0, 1\]"),
        (torch.full((1, 3, 32, 32), torch.nan), ValueError, "x must have values .* and no NaN"),
        (torch.rand(1, 3, 6, 9), ValueError, "x is 6×9 pixels, too small for these layers at 1/2 .*: .* is 7×7"),
        (torch.rand(0, 3, 32, 32), ValueError, "x must hold at least one image"),
    ],
)
def test_refuses_what_is_no_image_batch(metric, x, error, message):
    with pytest.raises(error, match=message):
        metric(x)


def test_without_a_regressor_it_says_which_there_are(tmp_path, monkeypatch):
    for name in ("psi-vgg19-alpha4.safetensors", "psi-lite-alpha2.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.setattr("dsd.noref.q_dsd.__file__", str(tmp_path / "q_dsd.py"))
    with pytest.raises(ValueError, match=r"psi-vgg19-alpha4.safetensors is damaged: install dsd again"):
        shipped("vgg19", 4.0)
    message = "no regressor for lite at alpha 2.5; there are psi-lite-alpha2, psi-vgg19-alpha4. `dsd train noref` makes"
    with pytest.raises(FileNotFoundError, match=message):
        QDSD("lite", 2.5)


# What the package brings.

WEIGHTS = {"vgg19": TEACHER_SHA256, "lite": SHA256}


@pytest.mark.parametrize("alpha", [2, 4])
@pytest.mark.parametrize("network", WEIGHTS)
def test_the_shipped_regressors_are_small_and_of_the_networks_weights(network, alpha):
    path = shipped(network, alpha)
    assert path.stat().st_size <= 4e6
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert (about["backbone"], about["weights_sha256"], about["alpha"]) == (network, WEIGHTS[network], alpha)
    regressor, _ = load_regressor(path)
    assert (regressor.deviation > 0).all()


@pytest.mark.parametrize("name", ["q_dsd", "q_dsd4"])
def test_lite_works_offline(no_weights, name):
    metric = create_metric(name, "lite", device="cpu")
    values = metric(torch.rand(2, 3, 64, 64))
    assert values.isfinite().all()
    assert (values > 0).all()


@pytest.mark.parametrize("name", ["astronaut.png", "coffee.png"])
def test_what_is_strongly_blurred_or_noisy_is_less_as_expected_than_the_photograph(name):
    x = load_image(find_image(name))[None, :, :384, :384]
    blurred = F.avg_pool2d(F.pad(x, (4, 4, 4, 4), "replicate"), 9, 1)
    noisy = (x + 0.2 * torch.randn_like(x)).clamp(0, 1)
    metric = create_metric("q_dsd4", "lite", device="cpu")
    with torch.inference_mode():
        itself, *worse = (metric(image).item() for image in (x, blurred, noisy))
    assert itself < min(worse), (itself, worse)


def test_vgg19_takes_the_weights_that_the_regressor_is_of(tmp_path, monkeypatch):
    """Not torchvision's, which are looked for first elsewhere; nothing is downloaded."""
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "vgg19-dcbb9e9d.pth").touch()
    with pytest.raises(FileNotFoundError, match=r"trained for vgg19-oxford-features.pth(.|\n)*--backbone lite"):
        QDSD()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"backbone": None}, TypeError, "backbone must be a network or the name of one, got None"),
        ({"backbone": "lite", "regressor": None}, TypeError, "regressor must be 'auto' or a file, got None"),
        ({"backbone": "lite", "alpha": 1}, ValueError, "alpha must be above 1"),
    ],
)
def test_refuses_what_it_is_not_made_of(arguments, error, message):
    with pytest.raises(error, match=message):
        QDSD(**arguments)


def test_a_regressor_for_each_alpha_or_none(network, regressor_file):
    with pytest.raises(ValueError, match="regressors must be a file for each of 2 alphas, or none; got 1"):
        load_measures(network, [2, 4], [regressor_file])
    assert [measure.alpha for measure in load_measures(network, [2], [regressor_file])] == [2]
