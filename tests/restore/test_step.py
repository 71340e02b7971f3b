"""Losses of a run, their weights, cached targets, gradients."""

import pytest
import torch
import torch.nn.functional as F

from dsd import DSDLoss, LossSum, PerceptualLoss, VGG19Lite
from dsd.losses.base import Encoding
from dsd.restore.config_files import parse_config
from dsd.restore.networks import SRResNet
from dsd.restore.objective import objective
from dsd.restore.pairs import Aligned, Batches, Files
from dsd.restore.sources import training_sets
from dsd.restore.step import Step
from dsd.restore.targets import Targets

LOSSES = {
    "rec": {"weight": 2},
    "per": {"weight": 0.5, "layers": ["relu3_1"]},
    "dsd": {"weight": 3, "layers": {"relu2_1": 1, "relu2_2": 2}, "alphas": [2, 4]},
}


def config(**changes):
    return parse_config({"losses": LOSSES, "backbone": "lite", "network": {"blocks": 1}, **changes})


@pytest.fixture(scope="module")
def batches(photographs):
    given = config(data={"images": [str(photographs)]})
    pairs = Aligned(Files(training_sets(given)), 4, quiet=True)
    return Batches(pairs, side=32, size=4, steps=5, seed=0, each=6)


@pytest.fixture
def network():
    return SRResNet(1)


def test_objective_is_the_sum_by_hand(batches):
    """Eq. 6, from losses made here."""
    x, y = torch.rand(2, 2, 3, 32, 32)
    lite = VGG19Lite(("relu2_1", "relu2_2", "relu3_1"))
    expected = 2 * F.l1_loss(x, y)
    expected += 0.5 * PerceptualLoss(lite, layer_weights={"relu3_1": 1})(x, y)
    expected += 3 * DSDLoss(lite, (2, 4), layer_weights={"relu2_1": 1, "relu2_2": 2})(x, y)
    torch.testing.assert_close(objective(config(), "cpu")(x, y)[0], expected)


def test_objective_takes_a_loss_on_another_network():
    losses = LOSSES | {"dsd": {"weight": 1, "layers": ["relu2_2"], "backbone": "lite"}}
    given = parse_config({"losses": losses, "weights": "random"})
    terms = objective(given, "cpu")
    assert [loss.backbone.backbone_name for loss in list(terms.losses)[1:]] == ["vgg19", "lite"]
    assert terms(*torch.rand(2, 1, 3, 32, 32))[0].isfinite()


@pytest.mark.parametrize("name", ["cx", "pdl", "style", "mss", "dsd"])
def test_objective_has_every_distribution_loss_with_its_own_layers(name):
    given = parse_config({"losses": {name: {"weight": 1}}, "backbone": "lite"})
    (loss,) = objective(given, "cpu").losses
    assert tuple(loss.layer_weights) == ("relu2_1", "relu2_2", "relu3_1")


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({"dsd": {"weight": 1, "layers": ["relu9_1"]}}, "unknown layer 'relu9_1'"),
        ({"dsd": {"weight": 1, "layers": []}}, r"losses\.dsd\.layers must be a list of layers"),
        ({"dsd": {"weight": 1, "layers": "relu2_1"}}, r"losses\.dsd\.layers must be a list of layers"),
        ({"dsd": {"weight": 1, "alphas": [1]}}, r"losses\.dsd: "),
        ({"pdl": {"weight": 1, "p": 3}}, r"losses\.pdl: p must be 1 or 2"),
        ({"cx": {"weight": 1, "bandwidth": 0}}, r"losses\.cx: bandwidth"),
        ({"per": {"weight": 1, "backbone": "vgg11"}}, "vgg11"),
    ],
)
def test_objective_refuses(losses, message):
    with pytest.raises(ValueError, match=message):
        objective(parse_config({"losses": losses, "backbone": "lite"}), "cpu")


def test_terms_are_the_losses_times_their_weights(network, batches):
    given = config()
    losses = objective(given, "cpu")
    step, batch = Step(network, losses, None, given), batches[0]
    terms = step(batch, 1)
    _, plain = losses(network(batch.degraded), batch.clean)
    for weight, (name, value) in zip((2, 0.5, 3), plain.items(), strict=True):
        torch.testing.assert_close(terms[name], weight * value)


def test_kept_targets_change_nothing(network, batches):
    given = config()
    losses = objective(given, "cpu")
    kept = Step(network, losses, Targets(losses, batches, "cpu", quiet=True), given)
    fresh = Step(network, losses, None, given)
    for index in range(3):
        ours, theirs = kept(batches[index], 1), fresh(batches[index], 1)
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-6)


def test_kept_targets_are_the_encodings(batches):
    losses = objective(config(), "cpu")
    targets, batch = Targets(losses, batches, "cpu", quiet=True), batches[1]
    found, expected = targets.of(batch.places, batch.clean, losses.names), losses.encode(batch.clean)
    assert list(found) == list(expected)
    assert found["rec"] is batch.clean
    for name in ("per", "dsd"):
        assert isinstance(found[name], Encoding)
        assert found[name].by == expected[name].by
        for key, value in expected[name].items():
            torch.testing.assert_close(found[name][key], value, rtol=1e-4, atol=1e-6)


def test_balanced_terms_are_equal_on_average(network, batches):
    given = config(losses=LOSSES | {"dsd": {"weight": "balanced", "layers": ["relu2_2"]}}, balance=3)
    step = Step(network, objective(given, "cpu"), None, given)
    step.balance(batches)
    values = [step(batches[index], 1) for index in range(3)]
    per, dsd = (torch.stack([value[name] for value in values]).mean() for name in ("per", "dsd"))
    torch.testing.assert_close(dsd, per)
    torch.testing.assert_close(step.weights[:2], torch.tensor([2, 0.5]))
    assert step.state_dict()["weights"][2] == step.weights[2]


def test_a_loss_of_zero_cannot_be_balanced(network, batches):
    class Nothing(torch.nn.Module):
        def forward(self, x, y):
            return 0 * (x - y).sum()

    given = config(losses=LOSSES | {"dsd": {"weight": "balanced"}})
    losses = LossSum({"per": (1, torch.nn.L1Loss()), "dsd": (1, Nothing())})
    with pytest.raises(ValueError, match=r"losses\.dsd\.weight cannot be balanced: the loss is 0\.0 on average"):
        Step(network, losses, None, given).balance(batches)


def test_gradient_norms(network, batches):
    given, batch = config(), batches[0]
    losses = objective(given, "cpu")
    norms = Step(network, losses, None, given).gradient_norms(batch)
    restored = network(batch.degraded).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(2 * (restored - batch.clean).abs().mean(), restored)
    assert norms["rec"] == pytest.approx(gradient.norm().item(), rel=1e-5)
    assert list(norms) == ["rec", "per", "dsd"]
    assert all(norm > 0 for norm in norms.values())
    assert network.stem[0].weight.grad is None
