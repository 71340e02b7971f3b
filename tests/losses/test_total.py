import pytest
import torch
from torch import nn

from dsd import VGG19, DSDLoss, LossSum, MultiScaleStyleLoss, PDLLoss, PerceptualLoss, StyleLoss


@pytest.fixture(scope="module")
def network():
    return VGG19(("relu1_2", "relu2_1", "relu2_2"), weights="random").double()


@pytest.fixture
def terms(network):
    return {
        "rec": (0.5, nn.L1Loss()),
        "per": (1, PerceptualLoss(network, layer_weights={"relu2_2": 1})),
        "dsd": (100, DSDLoss(network, (2, 3), layer_weights={"relu1_2": 1, "relu2_1": 2})),
        "mss": (3, MultiScaleStyleLoss(network)),
        "pdl": (2, PDLLoss(network, layer_weights={"relu2_1": 1})),
    }


@pytest.fixture
def pair():
    return torch.rand(2, 2, 3, 24, 20, dtype=torch.float64)


def test_is_the_sum_of_its_terms_and_returns_them(terms, pair):
    total, values = LossSum(terms)(*pair)
    alone = {name: loss(*pair) for name, (_, loss) in terms.items()}
    assert list(values) == list(terms)
    for name, value in alone.items():
        torch.testing.assert_close(values[name], value, rtol=0, atol=0)
    torch.testing.assert_close(total, sum(weight * alone[name] for name, (weight, _) in terms.items()))


def test_gradients_are_those_of_the_sum(terms, pair):
    x, y = pair[0].requires_grad_(), pair[1]
    (together,) = torch.autograd.grad(LossSum(terms)(x, y)[0], x)
    alone = sum(weight * torch.autograd.grad(loss(x, y), x)[0] for weight, loss in terms.values())
    torch.testing.assert_close(together, alone)


def test_the_network_runs_once_for_each_image_and_scale_and_no_deeper_than_needed(terms, pair, monkeypatch):
    passes = []
    forward = VGG19.forward

    def recorded(self, x, reduce, layers):
        passes.append((tuple(x.shape[2:]), sorted(layers)))
        return forward(self, x, reduce, layers)

    monkeypatch.setattr(VGG19, "forward", recorded)
    LossSum(terms)(*pair)
    every = ["relu1_2", "relu2_1", "relu2_2"]
    assert sorted(passes) == sorted(
        2 * [((24, 20), every), ((12, 10), every), ((8, 7), ["relu1_2", "relu2_1"])]
    )  # MSS compares all layers at half size; the third scale is the DSD loss's alone


def test_terms_may_have_any_name(network, pair):
    assert list(LossSum({"items": (1, StyleLoss(network)), "a.b": (2, nn.L1Loss())})(*pair)[1]) == ["items", "a.b"]


def test_targets_are_encoded_once(terms, pair):
    x, y = pair
    loss = LossSum(terms)
    target = loss.encode(y)
    torch.testing.assert_close(loss(x, target)[0], loss(x, y)[0], rtol=0, atol=0)


def test_predictions_may_overshoot_and_hard_cases_have_finite_gradients(terms, network):
    for image in (torch.rand(1, 3, 24, 20) * 1.5 - 0.2, torch.zeros(1, 3, 24, 20), torch.full((1, 3, 24, 20), 0.5)):
        x = image.double().requires_grad_()
        LossSum(terms)(x, x.detach())[0].backward()
        assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        *(
            (lambda n, t=t: LossSum(t), f"terms must be a mapping of at least one name to .*, got {type(t).__name__}")
            for t in ({}, None, [(1, nn.L1Loss())], nn.L1Loss())
        ),
        *(
            (lambda n, w=w: LossSum({"a": (w, StyleLoss(n))}), "the weight of a must be a finite number, got")
            for w in (float("nan"), True, "1", 1j, None, torch.tensor(1.0))
        ),
        (
            lambda n: LossSum({"a": (1, nn.PairwiseDistance())})(*torch.rand(2, 2, 3, 16, 16)),
            r"the loss of a must return a number, a tensor of shape \(\); got \(2, 3, 16\)",
        ),
        (
            lambda n: LossSum({"a": (1, StyleLoss(n)), "b": (1, StyleLoss(VGG19(("relu1_1",), weights="random")))}),
            "of one network must share it, so that it runs once: .* got 2: vgg19, vgg19",
        ),
        (
            lambda n: LossSum({"a": (1, StyleLoss(n))})(torch.rand(1, 3, 16, 16), {"b": {}}),
            r"the targets' encoding has \['b'\], this sum has \['a'\]",
        ),
        (
            lambda n: LossSum({"a": (1, StyleLoss(n))})(torch.rand(1, 3, 16, 16), torch.rand(2, 3, 16, 16)),
            "x and y must have the same batch size",
        ),
        (
            lambda n: LossSum({"a": StyleLoss(n)}),
            "each term must be a pair of a weight and a loss, a is of type StyleLoss",
        ),
        (lambda n: LossSum({"a": (1, torch.mean)}), "the loss of a must be a module, and no sum; got"),
        (lambda n: LossSum({"a": (1, LossSum({"b": (1, StyleLoss(n))}))}), "a module, and no sum; got LossSum"),
        (lambda n: LossSum({"a": (1, StyleLoss(n, reduction="none"))}), "the loss of a must be reduced to a number"),
        (
            lambda n: LossSum({"a": (1, nn.L1Loss())})(torch.rand(2, 3, 16, 16), {"a": torch.rand(1, 3, 16, 16)}),
            "x and y must have the same batch size, got 2 and 1",
        ),
        (
            lambda n: LossSum({"a": (1, nn.L1Loss())})(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 20)),
            "x and y must be images of the same size, got 16×16 and 16×20",
        ),
        (
            lambda n: LossSum({"a": (1, PDLLoss(n))})(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 20)),
            "images of the same size, got 16×16 and 16×20",
        ),
    ],
)
def test_refuses(network, call, message):
    with pytest.raises(ValueError, match=message):
        call(network)
