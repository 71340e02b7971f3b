"""The contextual loss in blocks against its definition with the whole matrix."""

import re

import numpy as np
import pytest
import torch

import dsd.contextual
from dsd import ContextualLoss, VGG19Lite
from dsd.contextual import at_random_positions, contextual


def similarity(a, b, h=0.5):
    """CX as it is printed, with the whole matrix, in NumPy; a, b: (C, H, W)."""
    a, b = (features.reshape(len(features), -1).T for features in (a, b))
    mean = b.mean(axis=0)
    a, b = ((f - mean) / np.maximum(np.linalg.norm(f - mean, axis=1, keepdims=True), 1e-5) for f in (a, b))
    d = np.maximum(1 - a @ b.T, 0)
    w = np.exp((1 - d / (d.min(axis=1, keepdims=True) + 1e-5)) / h)
    return (w / w.sum(axis=1, keepdims=True)).max(axis=0).mean()


def by_autograd(a, b, h=0.5, offset=0):
    """−log(CX + offset) in PyTorch, with autograd through the whole matrix."""
    a, b = (features.flatten(1).mT for features in (a, b))
    mean = b.mean(dim=0)
    a, b = (torch.nn.functional.normalize(f - mean, dim=1, eps=1e-5) for f in (a, b))
    d = (1 - a @ b.mT).clamp_min(0)
    w = torch.exp((1 - d / (d.amin(dim=1, keepdim=True) + 1e-5)) / h)
    return -((w / w.sum(dim=1, keepdim=True)).amax(dim=0).mean() + offset).log()


@pytest.fixture(params=[(1, 1), (100, 50), (333, 150), (100, 333), dsd.contextual.ENTRIES["cpu"]])
def blocks(request, monkeypatch):
    monkeypatch.setattr(dsd.contextual, "ENTRIES", {"cpu": request.param})


@pytest.mark.parametrize("shapes", [((2, 4, 5, 6), (2, 4, 5, 6)), ((1, 3, 4, 4), (1, 3, 7, 5))])
@pytest.mark.parametrize("h", [0.1, 0.5])
def test_is_its_definition(shapes, h, blocks):
    a, b = (torch.rand(shape, dtype=torch.float64) for shape in shapes)
    expected = [-np.log(similarity(f, g, h)) for f, g in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(contextual(a, b, h), expected, rtol=1e-10)


def test_its_gradient_is_its_definitions(blocks):
    a, b = (torch.rand(3, 6, 7, dtype=torch.float64, requires_grad=True) for _ in range(2))
    expected = torch.autograd.grad(by_autograd(a, b, offset=0.1), (a, b))
    got = torch.autograd.grad(contextual(a[None], b[None], offset=0.1).sum(), (a, b))
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    (of_a,) = torch.autograd.grad(contextual(a[None], b.detach()[None], offset=0.1).sum(), a)
    assert torch.equal(of_a, got[0])
    (of_b,) = torch.autograd.grad(contextual(a.detach()[None], b[None], offset=0.1).sum(), b)
    assert torch.equal(of_b, got[1])


def test_gradcheck():
    a, b = (torch.rand(2, 3, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(contextual, (a, b))


def test_float32_is_as_good_as_its_definition_in_float32():
    """Gradients of features that nearly agree amplify rounding: no more than the whole matrix does."""
    a = torch.rand(1, 8, 9, 9)
    b = a + 0.01 * torch.rand(1, 8, 9, 9)
    exact = gradients(lambda a, b: by_autograd(a[0], b[0]), a.double(), b.double())
    plain = gradients(lambda a, b: by_autograd(a[0], b[0]), a, b)
    for got, expected, other in zip(gradients(contextual, a, b), exact, plain, strict=True):
        assert error(got, expected) < 2 * error(other, expected) + 1e-6


def gradients(function, *inputs):
    inputs = [x.clone().requires_grad_() for x in inputs]
    return torch.autograd.grad(function(*inputs).sum(), inputs)


def error(got, expected):
    return ((got.double() - expected).norm() / expected.norm()).item()


def test_the_authors_offset():
    """Their code computes −log(CX + 1e-5); the paper's −log CX is the default."""
    a, b = torch.rand(2, 1, 4, 5, 6, dtype=torch.float64)
    cx = similarity(a[0].numpy(), b[0].numpy())
    np.testing.assert_allclose(contextual(a, b), -np.log(cx), rtol=1e-12)
    np.testing.assert_allclose(contextual(a, b, offset=1e-5), -np.log(cx + 1e-5), rtol=1e-12)
    x, y = torch.rand(2, 1, 3, 16, 16)
    paper, theirs = (ContextualLoss(VGG19Lite(("relu2_1",)), **options)(x, y) for options in ({}, {"offset": 1e-5}))
    torch.testing.assert_close(theirs, -((-paper).exp() + 1e-5).log())
    assert theirs < paper


def test_positions_drawn_at_random_are_positions_of_the_features():
    a = torch.arange(2 * 3 * 7 * 6.0).view(2, 3, 7, 6)
    (drawn,) = at_random_positions(4, a)
    assert drawn.shape == (2, 3, 4, 4)
    columns = {tuple(column.tolist()) for column in a.flatten(2).flatten(0, 1).T}
    chosen = [tuple(column.tolist()) for column in drawn.flatten(2).flatten(0, 1).T]
    assert set(chosen) <= columns  # the same positions in all images and channels
    assert len(set(chosen)) == 16  # each once
    torch.manual_seed(1)
    first, again = (at_random_positions(4, a)[0] for _ in range(2))
    assert not torch.equal(first, again)
    torch.manual_seed(1)
    assert torch.equal(first, at_random_positions(4, a)[0])


def test_features_of_one_size_are_drawn_at_the_same_positions():
    a = torch.rand(1, 3, 8, 8)
    for x, y in (at_random_positions(3, a, 2 * a), at_random_positions(3, a[..., :7, :], 2 * a[..., :7, :])):
        assert torch.equal(2 * x, y)
    x, y = at_random_positions(3, a, a[..., :7, :])
    assert x.shape == y.shape == (1, 3, 3, 3)
    assert at_random_positions(8, a)[0] is a  # no more than are wanted


def test_the_loss_of_positions_drawn_at_random():
    """It is that of the drawn features; over many draws it stays near the whole's."""
    network, (x, y) = VGG19Lite(("relu2_1",)), torch.rand(2, 1, 3, 32, 32)
    a, b = (network(image)["relu2_1"] for image in (x, y))
    torch.manual_seed(0)
    expected = contextual(*at_random_positions(5, a, b), 0.3)
    torch.manual_seed(0)
    loss = ContextualLoss(network, 0.3, pool=5, reduction="none")
    torch.testing.assert_close(loss(x, y), expected)
    whole = ContextualLoss(network, 0.3)(x, y)
    torch.testing.assert_close(ContextualLoss(network, 0.3, pool=16)(x, y), whole)  # all 16×16
    x.requires_grad_()
    loss(x, y).sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.abs().sum() > 0


def test_zero_has_no_sign():
    a = torch.rand(1, 8, 3, 3, dtype=torch.float64)
    assert str(contextual(a, a).item()) == "0.0"


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_seen(which, value):
    pair = [torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)]
    pair[which][0, 0, 1, 1] = value
    assert contextual(*pair).isnan().all()


def test_on_every_device(device):
    a, b = torch.rand(2, 1, 16, 9, 8)
    torch.testing.assert_close(contextual(a.to(device), b.to(device)).cpu(), contextual(a, b), rtol=1e-4, atol=0)


A = torch.rand(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: contextual(A, A[:, :2]),
            r"a and b must agree in batch size and channels, got \(2, 3, 4, 5\) and \(2, 2,",
        ),
        (lambda: contextual(A[:1], A), "a and b must agree in batch size"),
        (lambda: contextual(A, A[..., :1, :1]), r"b must have at least two positions, .*; got shape \(2, 3, 1, 1\)"),
        (lambda: contextual(A[0], A[0]), r"a must have shape \(N, C, H, W\) with no empty side, got \(3, 4, 5\)"),
        (lambda: contextual(A, A.int()), "b must be a float tensor, got torch.int32"),
        (lambda: contextual(A, A.double()), "one type and device, got torch.float32 on cpu and torch.float64 on cpu"),
        (lambda: contextual(A, A, offset=-1e-5), "offset must be a finite number of at least 0, got -1e-05"),
        (lambda: contextual(A, A, offset=None), "offset must be a finite number of at least 0, got None"),
        *(
            (lambda h=h: contextual(A, A, h), re.escape(f"bandwidth must be a positive number, got {h!r}"))
            for h in (0, -1, "0.5", None, True, float("nan"), float("inf"), [0.5], torch.ones(2))
        ),
        (lambda: ContextualLoss("lite", "0.5"), "bandwidth must be a positive number, got '0.5'"),
        (lambda: ContextualLoss("lite", pool=1), "pool must be an integer of at least 2, got 1"),
        (lambda: ContextualLoss("lite", offset=-1), "offset must be a finite number of at least 0, got -1"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("wrong", [A.numpy(), [1.0], None])
def test_refuses_what_is_no_tensor(wrong):
    for pair, name in (((wrong, A), "a"), ((A, wrong), "b")):
        with pytest.raises(TypeError, match=rf"^{name} must be a torch.Tensor of shape \(N, C, H, W\), got "):
            contextual(*pair)
