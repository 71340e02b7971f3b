import json
import pickle

import pytest
import torch

from dsd import VGG19Lite, create_metric, list_metrics, load_image
from dsd.backbones.lite import SHA256
from dsd.data.images import save_image
from dsd.noref.regressor import LAYERS
from dsd.quality.accumulated import ImageMetric
from dsd.quality.metrics import METRICS, NO_REFERENCE
from dsd.quality.no_reference import NoReferenceSet
from dsd.quality.scoring import MetricSet
from tests.noref.samples import add_brightness, ship_untrained


@pytest.fixture(scope="module")
def network():
    return VGG19Lite(LAYERS)


@pytest.fixture(autouse=True)
def _measures(tmp_path, monkeypatch):
    """Q_DSD with ψ that need not be trained, and brightness."""
    ship_untrained(tmp_path, monkeypatch)
    add_brightness(monkeypatch)


def test_several_are_what_each_is_alone(network):
    x = torch.rand(2, 3, 40, 36)
    names = ["q_dsd4", "brightness", "q_dsd"]
    together = NoReferenceSet(names, network)(x)
    assert list(together) == names  # in their order
    for name in names:
        assert together[name].shape == (2,)
        assert torch.equal(together[name], create_metric(name, network)(x))


def test_a_backbone_by_name_is_loaded_once_and_only_if_needed(monkeypatch):
    loaded, load = [], NoReferenceSet.__init__.__globals__["load_measured"]

    def recorded(*arguments, **options):
        loaded.append(arguments)
        return load(*arguments, **options)

    monkeypatch.setattr("dsd.quality.no_reference.load_measured", recorded)
    x = torch.rand(1, 3, 32, 32)
    metrics = NoReferenceSet(["q_dsd", "q_dsd4"], "lite", device="cpu")
    assert metrics(x).keys() == {"q_dsd", "q_dsd4"}
    assert len(loaded) == 1
    assert metrics.measures["q_dsd"].backbone is metrics.measures["q_dsd4"].backbone
    assert torch.equal(NoReferenceSet(["brightness"], "vgg19", device="cpu")(x)["brightness"], x.mean()[None])
    assert len(loaded) == 1


def test_a_name_given_twice_is_one(network):
    metrics = NoReferenceSet(["q_dsd", "brightness", "q_dsd"], network)
    assert metrics.names == ("q_dsd", "brightness")
    assert list(metrics(torch.rand(1, 3, 32, 32))) == ["q_dsd", "brightness"]


def test_a_batch_is_what_its_images_are(network):
    x = torch.rand(3, 3, 32, 40)
    metrics = NoReferenceSet(["q_dsd", "q_dsd4"], network)
    together, apart = metrics(x), [metrics(image[None]) for image in x]
    for name, values in together.items():
        torch.testing.assert_close(values, torch.cat([one[name] for one in apart]), rtol=1e-5, atol=1e-6)


def test_takes_paths(network, tmp_path):
    save_image(torch.rand(3, 32, 30), tmp_path / "x.png")
    x = load_image(tmp_path / "x.png")[None]
    metrics = NoReferenceSet(["q_dsd", "brightness"], network)
    for path in (tmp_path / "x.png", str(tmp_path / "x.png")):
        for name, value in metrics(path).items():
            assert torch.equal(value, metrics(x)[name])
    assert torch.equal(create_metric("q_dsd", network)(tmp_path / "x.png"), metrics(x)["q_dsd"])


def test_what_a_measure_lacks_can_be_noted_and_the_others_computed(network):
    """Alpha 4 needs 13 pixels, alpha 2 needs 7, brightness 12."""
    names = ["q_dsd4", "q_dsd", "brightness"]
    metrics, small = NoReferenceSet(names, network), torch.rand(1, 3, 8, 20)
    with pytest.raises(ValueError, match=r"too small for these layers at 1/4 of its size: .* is 13×13|12×12"):
        metrics(small)
    failed = {}
    values = metrics(small, failed)
    assert list(values) == ["q_dsd"]
    assert torch.equal(values["q_dsd"], create_metric("q_dsd", network)(small))
    assert failed.keys() == {"q_dsd4", "brightness"}
    assert "too small for these layers at 1/4 of its size: the smallest image that works is 13×13" in failed["q_dsd4"]
    assert failed["brightness"] == "brightness needs images of 12×12 pixels"
    failed = {}
    assert list(metrics(torch.rand(1, 3, 13, 13), failed)) == names
    assert not failed


def test_memory_that_a_measure_lacks_is_noted_and_bugs_are_not(network, monkeypatch):
    def out_of_memory(*_):
        raise RuntimeError("can't allocate memory")

    def bug(*_):
        raise KeyError("bug")

    metrics, x, failed = NoReferenceSet(["q_dsd", "brightness"], network), torch.rand(1, 3, 32, 32), {}
    monkeypatch.setattr(metrics.measures["brightness"], "forward", out_of_memory)
    assert list(metrics(x, failed)) == ["q_dsd"]
    assert failed == {"brightness": "can't allocate memory"}
    monkeypatch.setattr(metrics.measures["brightness"], "forward", bug)
    with pytest.raises(KeyError, match="bug"):
        metrics(x, failed)


def test_no_image_batch_is_an_error_even_where_reasons_are_noted(network):
    failed = {}
    with pytest.raises(ValueError, match=r"images must have values in \[0, 1\]"):
        NoReferenceSet(["q_dsd", "brightness"], network)(torch.rand(1, 3, 32, 32) * 255, failed)
    assert not failed


def test_says_how_scores_came_about(network):
    provenance = NoReferenceSet(["q_dsd", "brightness", "q_dsd4"], network).provenance()
    assert json.loads(json.dumps(provenance)) == provenance
    measures = provenance["measures"]
    assert list(measures) == ["q_dsd", "brightness", "q_dsd4"]
    assert measures["brightness"] == {"of": "all pixels"}
    for name, alpha in (("q_dsd", 2), ("q_dsd4", 4)):
        assert measures[name]["alpha"] == alpha
        assert measures[name]["weights_sha256"] == SHA256
        assert measures[name]["regressor"] == f"psi-lite-alpha{alpha}.safetensors"
        assert measures[name]["layers"] == list(LAYERS)
    assert measures["q_dsd"]["regressor_sha256"] != measures["q_dsd4"]["regressor_sha256"]


def test_stays_frozen_and_can_be_pickled(network):
    x = torch.rand(1, 3, 32, 32)
    metrics = NoReferenceSet(["q_dsd"], network)
    before = metrics(x)["q_dsd"]
    assert torch.equal(metrics.train()(x)["q_dsd"], before)
    assert torch.equal(pickle.loads(pickle.dumps(metrics))(x)["q_dsd"], before)


@pytest.mark.parametrize("name", ["q_dsd", "brightness"])
def test_works_where_it_is(name, device):
    score = create_metric(name, "lite", device=device)
    assert score.metrics.device.type == device
    assert score(torch.rand(1, 3, 32, 32, device=device)).device.type == device


def test_names_of_both_kinds_are_apart():
    assert not METRICS.keys() & NO_REFERENCE.keys()
    assert list_metrics() == [*METRICS, *NO_REFERENCE]
    assert [*NO_REFERENCE][:2] == ["q_dsd", "q_dsd4"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: NoReferenceSet(["q_dsd", "quality"], n), "unknown metric quality; valid ones: dsd, .*, q_dsd, "),
        (lambda n: NoReferenceSet([None], n), "unknown metric None; valid ones: dsd, "),
        (
            lambda n: NoReferenceSet(["q_dsd", "psnr", "dsd"], n),
            "psnr, dsd takes a reference; with these images only q_dsd, q_dsd4, .*, brightness can be used",
        ),
        (
            lambda n: MetricSet(["psnr", "q_dsd"], n),
            "q_dsd takes no reference; with these images only dsd, .*, lpips-vgg can be used",
        ),
        (lambda n: create_metric("q_dsd", n, layers=LAYERS), "q_dsd has no choice of layers or alphas, got layers="),
        (lambda n: create_metric("brightness", alphas=[2]), r"brightness has no choice of .*, alphas=\[2\]"),
        (lambda n: create_metric("q_dsd", n, weights="random"), "weights and precision are those of the network that"),
        (lambda n: create_metric("q_dsd", n, precision="bfloat16"), "weights and precision are those of the network"),
        (lambda n: create_metric("q_dsd", "lite", weights="random"), "weights_sha256 was .*, is random"),
        (lambda n: create_metric("q_dsd", "lite", device="tpu"), "device must be auto, cpu, cuda or mps, got 'tpu'"),
        (lambda n: create_metric("q_dsd", "vgg11"), "unknown backbone 'vgg11'; valid ones"),
        (lambda n: create_metric("q_dsd", VGG19Lite(("relu2_1",))), "this one lacks relu1_2, relu2_2, relu3_1"),
        (lambda n: create_metric("q_dsd", n)(torch.rand(1, 3, 6, 6)), "too small for these layers at 1/2 of its size"),
        (lambda n: create_metric("q_dsd", n)(torch.rand(3, 32, 32)), r"images must have shape \(N, 3, H, W\)"),
    ],
)
def test_refuses(network, call, message):
    with pytest.raises(ValueError, match=message):
        call(network)


def test_no_names_are_no_values(network):
    """As of measures with a reference."""
    assert NoReferenceSet([], network)(torch.rand(1, 3, 32, 32)) == MetricSet([], network)(*torch.rand(2, 1, 3, 32, 32))


def test_refuses_a_reference_too_many_or_missing(network):
    x = torch.rand(1, 3, 32, 32)
    with pytest.raises(TypeError, match="q_dsd takes no reference, got 1"):
        create_metric("q_dsd", network)(x, x)
    with pytest.raises(TypeError, match="psnr takes a reference, got 0"):
        create_metric("psnr", device="cpu")(x)
    with pytest.raises(TypeError, match="psnr takes a reference, got 2"):
        create_metric("psnr", device="cpu")(x, x, x)
    with pytest.raises(TypeError, match=r"images must be a torch\.Tensor"):
        create_metric("q_dsd", network)(x.numpy())


def test_a_measure_says_what_it_is(network):
    score = create_metric("q_dsd", network)
    assert (score.name, score.higher_is_better, score.range) == ("q_dsd", False, (0, torch.inf))
    assert "NeurIPS 2021" in score.reference
    assert create_metric("brightness", device="cpu").range == (0, 1)


def test_accumulates(network):
    x = torch.rand(3, 3, 32, 32)
    metric = ImageMetric("q_dsd", network)
    metric.update(x[:2])
    metric.update(x[2:], None)
    torch.testing.assert_close(metric.compute(), create_metric("q_dsd", network)(x).double().mean())
    with pytest.raises(TypeError, match="q_dsd takes no reference, got 1"):
        metric.update(x, x)
