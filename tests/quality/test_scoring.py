import pickle

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dsd import DSDLoss, StyleLoss, VGG19Lite, create_metric, list_metrics
from dsd.data.images import load_image, save_image
from dsd.quality.metrics import METRICS, NO_REFERENCE
from dsd.quality.scoring import MetricSet

DEEP = [name for name in METRICS if METRICS[name].layers]


@pytest.fixture(scope="module")
def network():
    return VGG19Lite(("relu2_1", "relu2_2", "relu3_1"))


@pytest.fixture
def pair():
    x = torch.rand(2, 3, 192, 176)
    return (x + 0.1 * torch.randn_like(x)).clamp(0, 1), x


@pytest.mark.parametrize("name", [name for name in METRICS if "lpips" not in name])
def test_one_score_per_sample_and_the_reference_is_the_best(name, pair):
    if name == "contextual":
        pair = tuple(image[..., :32, :32] for image in pair)
    score = create_metric(name, "lite", device="cpu")
    distorted, reference = pair
    with torch.inference_mode():
        values, best = score(distorted, reference), score(reference, reference)
    assert values.shape == (2,)
    assert ((best > values) if score.higher_is_better else (best < values)).all()
    low, high = score.range
    assert (torch.cat([values, best]) >= low).all()
    assert (torch.cat([values, best]) <= high + 1e-6).all()
    assert score.reference


def test_several_are_what_each_is_alone_and_the_network_runs_once_a_scale(network, pair, monkeypatch):
    names = [*(name for name in DEEP if name != "contextual"), "psnr"]
    pair = tuple(image[:1, :, :64, :48] for image in pair)
    alone = {name: create_metric(name, network)(*pair) for name in names}
    metrics = MetricSet(names, network)
    passes = []
    activations = VGG19Lite.activations

    def recorded(self, x, layers):
        passes.append(tuple(x.shape[2:]))
        return activations(self, x, layers)

    monkeypatch.setattr(VGG19Lite, "activations", recorded)
    together = metrics(*pair)
    assert list(together) == names
    for name in names:
        assert torch.equal(together[name], alone[name])
    assert sorted(passes) == 2 * [(16, 12)] + 2 * [(32, 24)] + 2 * [(64, 48)]


def test_takes_paths(tmp_path, network, pair):
    for name, image in zip("xy", pair, strict=True):
        save_image(image[0], tmp_path / f"{name}.png")
    score = create_metric("style", network)
    x, y = (load_image(tmp_path / f"{name}.png")[None] for name in "xy")
    assert torch.equal(score(tmp_path / "x.png", str(tmp_path / "y.png")), score(x, y))
    assert torch.equal(score(x, tmp_path / "y.png"), score(x, y))


def test_layers_and_alphas_can_be_changed(network, pair):
    x, y = (image[..., :48, :48] for image in pair)
    changed = MetricSet(["dsd", "dsd4", "style", "psnr"], "lite", layers=["relu1_2"], alphas=(3, 4), device="cpu")(x, y)
    one = VGG19Lite(("relu1_2",))
    torch.testing.assert_close(changed["dsd"], DSDLoss(one, (3, 4), reduction="none")(x, y))
    torch.testing.assert_close(changed["style"], StyleLoss(one, reduction="none")(x, y))  # what its name says
    torch.testing.assert_close(changed["dsd4"], DSDLoss(one, (4,), reduction="none")(x, y))


@pytest.mark.parametrize("name", ["dsd", "psnr"])
def test_works_where_it_is(name, device):
    """Tensors say cuda:0 where cuda was asked for."""
    score = create_metric(name, "lite", device=device)
    x, y = torch.rand(2, 1, 3, 32, 32, device=device)
    assert score(x, y).device.type == device


@pytest.mark.parametrize("backbone", ["alexnet", "squeezenet"])
def test_a_network_without_a_measures_layers_takes_all_its_own(backbone):
    score = create_metric("dsd", backbone, weights="random", device="cpu")
    (loss,) = score.metrics.losses.values()
    assert tuple(loss.layer_weights) == tuple(loss.backbone.strides)


def test_can_be_pickled(network):
    pair = torch.rand(2, 1, 3, 32, 32)
    for name in ("psnr", "ssim", "dsd"):
        score = create_metric(name, network)
        assert torch.equal(pickle.loads(pickle.dumps(score))(*pair), score(*pair))


def test_every_name_is_listed():
    assert list_metrics() == [*METRICS, *NO_REFERENCE]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda _: create_metric("ssmi"), "unknown metric ssmi; valid ones: dsd, "),
        (lambda _: create_metric(None), "unknown metric None; valid ones: dsd, "),
        (lambda _: create_metric("dsd", "vgg11"), "unknown backbone 'vgg11'; valid ones: vgg19, lite, alexnet"),
        (lambda _: create_metric("dsd", "lite", layers=["relu5_1"]), "unknown layer 'relu5_1' for lite"),
        (lambda n: create_metric("dsd", n, layers=["relu1_2"]), "layer_weights has relu1_2, the backbone relu2_1"),
        (lambda _: create_metric("psnr", layers=["relu1_2"]), "none of psnr has layers"),
        (lambda _: create_metric("dsd", layers=np.zeros(2)), r"layers must be a sequence of layer names, got array"),
        (lambda _: create_metric("dsd", layers="relu1_2"), "layers must be a sequence of layer names, got 'relu1_2'"),
        (lambda n: create_metric("perceptual", n, alphas=[2]), "none of perceptual has alphas"),
        (lambda n: create_metric("dsd", n, alphas=[1]), "alpha must be above 1"),
        (lambda n: create_metric("dsd", n, alphas=[]), r"alphas must be a sequence of at least one .* got \[\]"),
        (
            lambda n: create_metric("dsd", n)(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 40)),
            "same size, got 32×32 and 32×40",
        ),
        (
            lambda n: create_metric("dsd", n)(torch.rand(2, 3, 32, 32), torch.rand(1, 3, 32, 32)),
            "batch size, got 2 and 1",
        ),
        (
            lambda n: create_metric("dsd", n)(torch.rand(1, 3, 32, 32) * 255, torch.rand(1, 3, 32, 32)),
            r"distorted must",
        ),
    ],
)
def test_refuses(network, call, message):
    with pytest.raises(ValueError, match=message):
        call(network)


def test_refuses_what_is_no_image(network):
    with pytest.raises(TypeError, match=r"reference must be a torch.Tensor"):
        create_metric("dsd", network)(torch.rand(1, 3, 32, 32), np.zeros((1, 3, 32, 32)))


def test_psnr_and_ssim_are_scikit_images(pair):
    x, y = (image.permute(0, 2, 3, 1).double().numpy() for image in pair)
    scores = MetricSet(["psnr", "ssim"], device="cpu")(*pair)
    for index in range(2):
        psnr = peak_signal_noise_ratio(y[index], x[index], data_range=1)
        np.testing.assert_allclose(scores["psnr"][index], psnr, rtol=1e-4)
        ssim = structural_similarity(
            y[index],
            x[index],
            data_range=1,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        np.testing.assert_allclose(scores["ssim"][index], ssim, atol=2e-3)


def test_ms_ssim_names_the_smallest_size():
    with pytest.raises(ValueError, match="at least 176×176"):
        create_metric("ms-ssim", device="cpu")(torch.rand(1, 3, 175, 200), torch.rand(1, 3, 175, 200))
    x = torch.rand(1, 3, 176, 176)
    assert create_metric("ms-ssim", device="cpu")(x, x) == 1


def test_what_a_measure_lacks_can_be_noted_and_the_others_computed(network, pair, monkeypatch):
    small, names = tuple(image[..., :5, :6] for image in pair), ["dsd", "style", "ms-ssim", "psnr"]
    metrics = MetricSet(names, network)
    with pytest.raises(ValueError, match="MS-SSIM"):
        metrics(*small)
    failed = {}
    values = metrics(*small, failed)
    assert list(values) == ["style", "psnr"]
    for name, value in values.items():
        assert torch.equal(value, create_metric(name, network)(*small))
    assert failed.keys() == {"dsd", "ms-ssim"}
    assert "too small for these layers at 1/2" in failed["dsd"]
    failed = {}
    assert list(metrics(*pair, failed)) == names
    assert not failed


def test_memory_that_a_measure_lacks_is_noted_and_bugs_are_not(network, pair):
    def out_of_memory(x, y):
        raise RuntimeError("can't allocate memory")

    def bug(x, y):
        raise KeyError("bug")

    metrics = MetricSet(["style", "psnr"], network)
    metrics.functions["psnr"] = out_of_memory
    failed = {}
    assert list(metrics(*pair, failed)) == ["style"]
    assert failed == {"psnr": "can't allocate memory"}
    metrics.functions["psnr"] = bug
    with pytest.raises(KeyError, match="bug"):
        metrics(*pair, failed)


def test_a_network_with_more_layers_is_used_with_the_measures_own(pair, network):
    pair = tuple(image[..., :32, :32] for image in pair)
    for name in ("dsd", "contextual"):
        assert torch.equal(create_metric(name, VGG19Lite())(*pair), create_metric(name, "lite", device="cpu")(*pair))
    expected = DSDLoss(network, layer_weights={"relu3_1": 1}, reduction="none")(*pair)
    torch.testing.assert_close(create_metric("dsd", network, layers=["relu3_1"])(*pair), expected)
    two = VGG19Lite(("relu1_2", "relu2_1"))  # has not all of the measure's layers
    torch.testing.assert_close(create_metric("dsd", two)(*pair), DSDLoss(two, reduction="none")(*pair))
