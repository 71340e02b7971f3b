import json
from hashlib import sha256

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dsd.backbones import load_backbone
from dsd.learned import train
from dsd.learned.batches import Measured
from dsd.learned.ranking import Learner
from dsd.learned.train import Fitting, fit, train_distance
from dsd.quality.learned import load_distance, make_distance
from dsd.quality.lpips import LPIPS
from dsd.quality.scoring import MetricSet, create_metric
from dsd.training import Process
from tests.learned.samples import write_rated

LITE = {"backbone": "lite", "layers": ["relu1_2"], "device": "cpu"}
SHORT = Fitting(steps=3, batch=4, rate=1e-3)


@pytest.fixture
def ratings(tmp_path):
    return write_rated(tmp_path / "set")


@pytest.fixture
def pair():
    return torch.rand(2, 1, 3, 32, 32).unbind()


def planted(count=300):
    """Triplets where people heed the first five channels of 64 alone."""
    channels = torch.rand(2 * count, 64, generator=torch.Generator().manual_seed(0))
    first, second = range(count), range(count, 2 * count)
    seen = channels[:, :5].sum(dim=1)
    return Measured(channels, first, second, (seen[:count] > seen[count:]).float().tolist())


def fitted(out, triplets, fitting):
    """The weights of 64 channels that :func:`fit` finds."""
    learner = Learner({"relu1_2": 64}, lambda batch: batch[:2], dropout=fitting.dropout, seed=fitting.seed)
    fit(out, learner, triplets, fitting, {}, Process("cpu"))
    return learner.heads()


def test_finds_the_channels_that_people_heed(tmp_path):
    heads = fitted(tmp_path, planted(), Fitting(steps=300, rate=1e-2, dropout=0))
    assert (heads >= 0).all()
    assert heads[:5].mean() > 5 * heads[5:].mean()


def test_with_random_answers_it_finds_none(tmp_path):
    triplets = planted()
    triplets.share = triplets.share[torch.randperm(len(triplets))]
    heads = fitted(tmp_path, triplets, Fitting(steps=300, rate=1e-2, dropout=0))
    assert heads[:5].mean() < 3 * heads[5:].mean()


def test_stopped_it_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "EVERY", 2)
    fitting = Fitting(steps=6, batch=8)
    whole = fitted(tmp_path / "whole", planted(), fitting)
    clamp, steps = train.Learner.clamp, []

    def stopped(self):
        steps.append(1)
        if len(steps) == 4:
            raise KeyboardInterrupt
        clamp(self)

    monkeypatch.setattr(train.Learner, "clamp", stopped)
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "parts", planted(), fitting)
    parts = fitted(tmp_path / "parts", planted(), fitting)
    assert torch.equal(parts, whole)
    with pytest.raises(ValueError, match="is of another run"):
        fitted(tmp_path / "parts", planted(), Fitting(steps=6, batch=9))


@pytest.mark.parametrize("measure", ["lpips", "dsd"])
def test_what_was_learned_is_read_again(measure, ratings, tmp_path, pair):
    alpha = {"alpha": 4} if measure == "dsd" else {}
    path = train_distance(tmp_path / "run", [ratings], measure=measure, **alpha, fitting=SHORT, **LITE)
    distance, about = load_distance(path, device="cpu")
    heads = load_file(path)["heads"]
    expected = make_distance(measure, load_backbone("lite", ["relu1_2"], device="cpu"), heads, alpha=4)(*pair)
    assert torch.equal(distance(*pair), expected)
    assert (about["variant"], about["measure"], about["steps"], about["triplets"]) == ("lin", measure, 3, 12)
    assert not any(parameter.requires_grad for parameter in distance.parameters())


def test_it_is_a_measure_by_its_file(ratings, tmp_path, pair):
    path = train_distance(tmp_path / "run", [ratings], fitting=SHORT, **LITE)
    metrics = MetricSet(["psnr", str(path)], device="cpu")
    values, expected = metrics(*pair), load_distance(path, device="cpu")[0](*pair)
    assert list(values) == ["psnr", str(path)]
    assert torch.equal(values[str(path)], expected)
    metric = create_metric(str(path), device="cpu")
    assert torch.equal(metric(*pair), expected)
    assert not metric.higher_is_better
    about = metrics.provenance()["measures"][str(path)]
    assert (about["variant"], about["sha256"]) == ("lin", sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("name", ["alphas", "layers"])
def test_its_file_says_its_layers_and_alphas(name, tmp_path):
    with pytest.raises(ValueError, match=f"none of x.safetensors has {name}"):
        create_metric("x.safetensors", **{name: (4,) if name == "alphas" else ("relu1_1",)})


@pytest.mark.parametrize("variant", ["tune", "scratch"])
def test_the_network_learns_too(variant, ratings, tmp_path, pair):
    options = LITE if variant == "tune" else {**LITE, "weights": "random-1"}
    path = train_distance(tmp_path / "run", [ratings], variant=variant, side=32, fitting=SHORT, **options)
    distance, about = load_distance(path, device="cpu")
    weights = "random-1" if variant == "scratch" else "auto"
    before = LPIPS(load_backbone("lite", ["relu1_2"], weights, device="cpu"), load_file(path)["heads"])
    assert about["variant"] == variant
    assert not torch.equal(distance(*pair), before(*pair))
    torch.testing.assert_close(distance(*pair), before(*pair), rtol=0.5, atol=0)
    assert not any(parameter.requires_grad for parameter in distance.parameters())
    assert distance.backbone.provenance()["weights"] == "distance.safetensors"


def test_weights_of_the_network_must_be_those_it_learned_with(ratings, tmp_path):
    path = train_distance(tmp_path / "run", [ratings], fitting=SHORT, **LITE)
    with pytest.raises(
        ValueError, match=r"distance.safetensors belongs to weights of lite with SHA-256 .*; got random"
    ):
        load_distance(path, "random", device="cpu")


def test_refuses_other_files(tmp_path):
    save_file({"heads": torch.ones(3)}, tmp_path / "other.safetensors", {"about": json.dumps({"alpha": 2})})
    with pytest.raises(ValueError, match="has no weights of channels: no file of `dsd train lpips`"):
        load_distance(tmp_path / "other.safetensors")
    with pytest.raises(FileNotFoundError, match="no weight file at"):
        load_distance(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"measure": "ssim"}, "measure must be one of lpips, dsd; got 'ssim'"),
        ({"variant": "all"}, "variant must be one of lin, tune, scratch; got 'all'"),
        ({"weights": "random"}, "weights must be random for scratch and only for it, got random for lin"),
        ({"variant": "scratch", "weights": "a.pth"}, "weights must be random for scratch and only for it, got a.pth"),
        ({"images": []}, "images must be a sequence of at least one data set"),
        ({"side": 0, "variant": "tune"}, "side must be an integer of at least 1"),
        ({"side": 32}, "side is of tune and scratch alone, which learn from crops; got side=32 for lin"),
        ({"alpha": 4}, "alpha is of dsd alone, got alpha=4 for lpips"),
    ],
)
def test_refuses_what_cannot_be(changed, message, tmp_path):
    options = {"images": ["a.csv"], **LITE, **changed}
    with pytest.raises(ValueError, match=message):
        train_distance(tmp_path / "run", options.pop("images"), **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"steps": 0}, "steps must be an integer of at least 1"),
        ({"batch": 0}, "batch must be an integer of at least 1"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"rate": 0}, "rate must be above 0, got 0"),
        ({"dropout": 1}, "dropout must be below 1, got 1"),
    ],
)
def test_refuses_fittings_that_cannot_be(changed, message):
    with pytest.raises(ValueError, match=message):
        Fitting(**changed)


def test_a_loss_that_is_not_finite_stops_it(tmp_path):
    triplets = planted()
    triplets.channels[:] = np.inf
    with pytest.raises(FloatingPointError, match="ranking is nan at step 1"):
        fitted(tmp_path, triplets, SHORT)
