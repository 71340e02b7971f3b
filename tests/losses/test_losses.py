from fractions import Fraction

import numpy as np
import pytest
import torch

from dsd import VGG19, LossSum, VGG19Lite, downscale, gram_matrix
from dsd.losses import (
    ContextualLoss,
    DSDLoss,
    DSDPyramidLoss,
    MultiScaleStyleLoss,
    PDLLoss,
    PerceptualLoss,
    StyleLoss,
    pdl,
    perceptual,
    style,
)
from dsd.losses.base import Encoding

LOSSES = {
    "perceptual": PerceptualLoss,
    "style": StyleLoss,
    "mss": MultiScaleStyleLoss,
    "pdl": PDLLoss,
    "pdl2": lambda backbone, **options: PDLLoss(backbone, p=2, **options),
    "contextual": ContextualLoss,
    "dsd": lambda backbone, **options: DSDLoss(backbone, alphas=(2, 4), **options),
    "dsd pyramid": DSDPyramidLoss,
}
EVERY = pytest.mark.parametrize("name", LOSSES)


@pytest.fixture
def pair():
    return torch.rand(2, 2, 3, 16, 20, dtype=torch.float64)


# Each measure against an independent computation


def test_perceptual(pair, double_backbone):
    x, y = pair
    fx, fy = double_backbone(x), double_backbone(y)
    expected = sum(np.abs(fx[k].numpy() - fy[k].numpy()).reshape(2, -1).mean(1) for k in fx)
    np.testing.assert_allclose(PerceptualLoss(double_backbone, reduction="none")(x, y), expected)


def test_style_and_multi_scale_style(pair, double_backbone):
    x, y = pair

    def expected(alpha):
        fx, fy = (double_backbone(downscale(image, alpha)) for image in (x, y))
        total = 0
        for layer in fx:
            a, b = (f[layer].flatten(2).numpy() for f in (fx, fy))
            total += np.abs((a @ a.transpose(0, 2, 1) - b @ b.transpose(0, 2, 1)) / a[0].size).mean((1, 2))
        return total

    np.testing.assert_allclose(StyleLoss(double_backbone, reduction="none")(x, y), expected(1))
    np.testing.assert_allclose(MultiScaleStyleLoss(double_backbone, reduction="none")(x, y), expected(1) + expected(2))


def test_dsd(pair, double_backbone):
    x, y = pair
    total = 0
    for alpha in (2, 4):
        for layer in double_backbone.layers:
            full, small = (
                [gram_matrix(double_backbone(z)[layer]).numpy() for z in zs]
                for zs in ((x, y), (downscale(x, alpha), downscale(y, alpha)))
            )
            total += np.abs((full[0] - small[0]) - (full[1] - small[1])).mean((1, 2))
    np.testing.assert_allclose(DSDLoss(double_backbone, (2, 4), reduction="none")(x, y), total)


def test_dsd_pyramid(pair, double_backbone):
    x, y = pair
    total = 0
    for layer in double_backbone.layers:
        a, b = (
            [gram_matrix(double_backbone(downscale(z, alpha))[layer]).numpy() for alpha in (1, 2, 4)] for z in (x, y)
        )
        total += np.abs((a[0] - a[1]) - (b[0] - b[1])).mean((1, 2)) + np.abs((a[1] - a[2]) - (b[1] - b[2])).mean((1, 2))
    np.testing.assert_allclose(DSDPyramidLoss(double_backbone, reduction="none")(x, y), total)


@pytest.mark.parametrize("p", [1, 2])
def test_pdl_is_the_wasserstein_distance_of_each_channel(p):
    from scipy.stats import wasserstein_distance

    a, b = torch.randn(2, 2, 3, 4, 5, dtype=torch.float64)

    def distance(u, v):
        u, v = u.ravel(), v.ravel()
        return wasserstein_distance(u, v) if p == 1 else ((np.sort(u) - np.sort(v)) ** 2).mean()

    expected = [
        np.mean([distance(*channels) for channels in zip(*pair, strict=True)])
        for pair in zip(a.numpy(), b.numpy(), strict=True)
    ]
    np.testing.assert_allclose(pdl(a, b, p), expected)


def test_functions_are_gradchecked():
    a, b = (torch.rand(2, 3, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    for function in (perceptual, style, pdl, lambda u, v: pdl(u, v, 2)):
        assert torch.autograd.gradcheck(function, (a, b))


# Laws


@EVERY
def test_zero_for_equal_images_and_symmetric(name, backbone):
    loss = LOSSES[name](backbone, reduction="none")
    x, y = torch.rand(2, 2, 3, 16, 16)
    if name == "contextual":  # neither: equal features share their similarity, and CX has a direction
        assert (loss(x, x) < loss(x, y)).all()
        return
    assert (loss(x, x) == 0).all()
    assert (loss(x, y) > 0).all()
    torch.testing.assert_close(loss(x, y), loss(y, x))


@EVERY
def test_per_sample_batch_equals_loop_and_reductions(name, backbone):
    x, y = torch.rand(2, 3, 3, 16, 20)
    loss = LOSSES[name](backbone, reduction="none")
    values = loss(x, y)
    assert values.shape == (3,)
    torch.testing.assert_close(
        values, torch.cat([loss(x[i : i + 1], y[i : i + 1]) for i in range(3)]), rtol=1e-4, atol=1e-7
    )
    torch.testing.assert_close(LOSSES[name](backbone)(x, y), values.mean())
    torch.testing.assert_close(LOSSES[name](backbone, reduction="sum")(x, y), values.sum())


@EVERY
def test_a_target_is_described_once(name, backbone):
    x, y = torch.rand(2, 2, 3, 16, 16)
    loss = LOSSES[name](backbone, reduction="none")
    assert torch.equal(loss(x, loss.encode(y)), loss(x, y))
    one_for_all = loss(x, loss.encode(y[:1]))
    torch.testing.assert_close(one_for_all, loss(x, y[:1].expand(2, -1, -1, -1)))


@EVERY
@pytest.mark.parametrize("case", ["equal", "black", "constant"])
def test_gradients_are_finite_in_hard_cases(name, case, backbone):
    y = {
        "equal": torch.rand(1, 3, 16, 16),
        "black": torch.zeros(1, 3, 16, 16),
        "constant": torch.full((1, 3, 16, 16), 0.5),
    }[case]
    x = y.clone().requires_grad_()
    loss = LOSSES[name](backbone)(x, y)
    loss.backward()
    assert loss.isfinite()
    assert x.grad.isfinite().all()


@EVERY
def test_gradcheck(name, double_backbone):
    x, y = torch.rand(2, 1, 3, 6, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: LOSSES[name](double_backbone)(z, y), x.requires_grad_(), fast_mode=True)


@EVERY
def test_predictions_may_overshoot(name, backbone):
    assert LOSSES[name](backbone)(torch.rand(1, 3, 16, 16) * 1.5 - 0.2, torch.rand(1, 3, 16, 16)).isfinite()


@EVERY
def test_bfloat16_is_close(name):
    x, y = torch.rand(2, 1, 3, 32, 32)
    exact, coarse = (
        LOSSES[name](VGG19(("relu1_2", "relu2_1"), weights="random", precision=precision))(x, y)
        for precision in ("float32", "bfloat16")
    )
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse, exact, rtol=0.05, atol=0)


@EVERY
def test_devices_agree(name, device):
    x, y = torch.rand(2, 1, 3, 32, 32)
    network = VGG19(("relu2_1",), weights="random")
    expected = LOSSES[name](network)(x, y)
    torch.testing.assert_close(
        LOSSES[name](network.to(device))(x.to(device), y.to(device)).cpu(), expected, rtol=1e-3, atol=0
    )


@EVERY
def test_layers_are_weighted(name, backbone):
    x, y = torch.rand(2, 2, 3, 16, 16)
    one, two = (LOSSES[name](backbone, layer_weights={layer: 1})(x, y) for layer in backbone.layers)
    both = LOSSES[name](backbone, layer_weights=dict(zip(backbone.layers, (0.5, 3), strict=True)))(x, y)
    torch.testing.assert_close(both, 0.5 * one + 3 * two)
    assert {key[0] for key in LOSSES[name](backbone, layer_weights={"relu2_1": 1}).encode(x)} == {"relu2_1"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", [*LOSSES, "sum"])
def test_autocast_around_it_changes_nothing_forward_or_backward(name, dtype, backbone):
    """To the last bit."""
    x, y = torch.rand(2, 1, 3, 16, 16)
    x.requires_grad_()
    if name == "sum":
        terms = {other: (1, make(backbone)) for other, make in LOSSES.items()}
        total = LossSum({"pixels": (1, torch.nn.L1Loss()), **terms})
    loss = LOSSES[name](backbone) if name != "sum" else lambda x, y: total(x, y)[0]
    expected = loss(x, y)
    (expected_gradient,) = torch.autograd.grad(expected, x)
    with torch.autocast("cpu", dtype=dtype):
        value = loss(x, y)
        (gradient,) = torch.autograd.grad(value, x)
    assert torch.equal(value, expected)
    assert torch.equal(gradient, expected_gradient)


@EVERY
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_images_of_short_types_lose_nothing_on_their_way(name, dtype, backbone):
    """They are compared as the numbers that they hold: x↓α is not rounded to their type."""
    x, y = torch.rand(2, 1, 3, 32, 32).to(dtype)
    loss = LOSSES[name](backbone)
    assert torch.equal(loss(x, y), loss(x.float(), y.float()))


@EVERY
def test_the_network_is_asked_for_by_name(name):
    x, y = torch.rand(2, 1, 3, 16, 16)
    loss = LOSSES[name]("lite", layer_weights={"relu1_2": 1})
    torch.testing.assert_close(loss(x, y), LOSSES[name](VGG19Lite(("relu1_2",)))(x, y))


def test_defaults_are_the_papers(monkeypatch):
    monkeypatch.setattr("dsd.losses.base.load_backbone", lambda name, layers, device: VGG19(layers, "random"))
    loss = DSDLoss()
    assert (loss.backbone.layers, loss.alphas, loss.normalize) == (("relu2_1", "relu2_2", "relu3_1"), (2,), "chw")
    assert PerceptualLoss().backbone.layers == ("conv5_4",)
    assert MultiScaleStyleLoss().alphas == (1, 2)
    assert StyleLoss().alphas == (1,)
    assert ContextualLoss().bandwidth == 0.5


@EVERY
def test_refuses_what_does_not_fit(name, backbone):
    loss = LOSSES[name](backbone)
    x = torch.rand(2, 3, 16, 16)
    for y, message in (
        (torch.rand(3, 3, 16, 16), "x and y must have the same batch size, got 2 and 3"),
        (torch.rand(1, 3, 16, 16), "x and y must have the same batch size, got 2 and 1"),
        (x.double(), "x and y must have one type and device, got torch.float32 on cpu and torch.float64 on cpu"),
        (x.to("meta"), "got torch.float32 on cpu and torch.float32 on meta"),
        (
            loss.encode(torch.rand(3, 3, 16, 16)),
            r"the target's encoding must be of one image or like the .* is \(2, .* \(3,",
        ),
        (Encoding({k: v.double() for k, v in loss.encode(x).items()}, loss.encoder), "in the target's"),
        (
            {key: value.sum() for key, value in loss.encode(x).items()},
            r"and \(\), torch.float32 on cpu in the target's",
        ),
        (
            {key: value.flatten(1)[:, :1, None] for key, value in loss.encode(x).items()},
            "in the target's|same|equal shapes",
        ),
        ({key: value[:, :1] for key, value in loss.encode(x).items()}, "same|equal shapes|agree in .* channels"),
    ):
        with pytest.raises(ValueError, match=message):
            loss(x, y)
    with pytest.raises(ValueError, match="the prediction was encoded by another; this is"):
        loss.compare(Encoding(loss.encode(x), "another"), loss.encode(x))
    for wrong in (x, None, [1], {key: value.numpy() for key, value in loss.encode(x).items()}, {"relu1_2": 1.0}):
        with pytest.raises(TypeError, match=r"the target must be what encode\(\) returned, got"):
            loss.compare(loss.encode(x), wrong)
        with pytest.raises(TypeError, match=r"the prediction must be what encode\(\) returned, got"):
            loss.compare(wrong, loss.encode(x))
    for y in ([x], x.numpy(), None):
        with pytest.raises(TypeError, match=r"y must be a torch.Tensor \(N, 3, H, W\) or what encode\(\) returned"):
            loss(x, y)
    with pytest.raises(ValueError, match="x is on meta, the network on cpu: move one of them"):
        loss.encode(x.to("meta"))


@EVERY
def test_names_the_one_that_is_too_small(name, backbone):
    loss = LOSSES[name](backbone)
    loss.equal_sizes = False
    x = torch.rand(2, 3, 16, 16)
    with pytest.raises(ValueError, match="y is 1×16 pixels, too small for these layers"):
        loss(x, x[:, :, :1])
    with pytest.raises(ValueError, match="y is 1×16 pixels, too small for these layers"):
        LossSum({"a": (1, loss)})(x, x[:, :, :1])
    with pytest.raises(ValueError, match="x is 1×16 pixels, too small for these layers"):
        loss(x[:, :, :1], x)


def test_sizes_may_differ_where_positions_do_not_count(backbone):
    for name in ("style", "mss", "dsd", "dsd pyramid", "contextual"):
        assert LOSSES[name](backbone)(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 24, 20)).isfinite()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: PerceptualLoss(b)(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 18)), "images of the same size"),
        (lambda b: PDLLoss(b)(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 18)), "images of the same size"),
        (lambda b: PDLLoss(b, p=3)(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)), "p must be 1 or 2, got 3"),
        (lambda b: PDLLoss(b, p=np.ones(2)), "p must be 1 or 2, got array"),
        (lambda b: DSDLoss(b)(torch.rand(3, 16, 16), torch.rand(1, 3, 16, 16)), r"\(N, 3, H, W\)"),
        (lambda b: DSDLoss(b)(torch.rand(1, 3, 2, 2), torch.rand(1, 3, 2, 2)), "smallest image that works is 3×3"),
        (lambda b: DSDPyramidLoss(b, (2,)), r"alphas must be at least two scales, got \(2,\)"),
        (
            lambda b: DSDLoss(b, (1, 2)),
            r"alpha must be above 1, since DSD_1 is zero for every image; got alphas=\(1, 2\)",
        ),
        (lambda b: DSDLoss(b, (2, 2)), r"alphas must all be different, got \(2, 2\)"),
        (lambda b: DSDLoss(b, 2), "alphas must be a sequence of at least one scaling factor, such as .*; got 2"),
        (lambda b: DSDPyramidLoss(b, (1, 2, 1)), "alphas must all be different"),
        (lambda b: DSDLoss(b, reduction="max"), "reduction must be one of mean, sum, none; got 'max'"),
        (
            lambda b: DSDLoss(b, layer_weights={"relu5_1": 1}),
            "layer_weights has relu5_1, the backbone relu1_2, relu2_1",
        ),
        (
            lambda b: DSDLoss(b, layer_weights={"relu1_2": -1}),
            "weight of relu1_2 must be a finite number of at least 0",
        ),
        (lambda b: DSDLoss(b, layer_weights={"relu1_2": float("nan")}), "weight of relu1_2 must be a finite number"),
        (lambda b: DSDLoss(b, layer_weights={}), r"layer_weights must be a mapping of at least one layer"),
        (lambda b: DSDLoss(b, layer_weights=["relu1_2"]), r"layer_weights must be a mapping of at least one layer"),
        (
            lambda b: DSDLoss(b)(torch.rand(1, 3, 16, 16), StyleLoss(b).encode(torch.rand(1, 3, 16, 16))),
            r"the target was encoded by StyleLoss \(gram chw\) on vgg19, .*; this is DSDLoss \(gram chw\) on vgg19",
        ),
        (
            lambda b: DSDLoss(b)(torch.rand(1, 3, 16, 16), DSDLoss(b, (3,)).encode(torch.rand(1, 3, 16, 16))),
            r"the target's encoding has \[.*\], this loss compares",
        ),
        (
            lambda b: DSDLoss(b)(torch.rand(1, 3, 16, 16), DSDLoss(b, normalize="hw").encode(torch.rand(1, 3, 16, 16))),
            r"the target was encoded by DSDLoss \(gram hw\)",
        ),
        (
            lambda b: StyleLoss(b, layer_weights={"relu2_1": 1})(
                torch.rand(1, 3, 16, 16), StyleLoss(VGG19Lite(("relu2_1",))).encode(torch.rand(1, 3, 16, 16))
            ),
            r"the target was encoded by StyleLoss \(gram chw\) on lite, ",
        ),
        (lambda b: DSDLoss(b, "2"), "alphas must be a sequence of at least one scaling factor, such as .*; got '2'"),
        (lambda b: DSDLoss(b, normalize="c"), "normalize must be one of chw, hw; got 'c'"),
        (lambda b: PDLLoss(b, 3), "p must be 1 or 2, got 3"),
        (lambda b: PDLLoss(b, True), "p must be 1 or 2, got True"),
        (lambda b: PDLLoss(b, "1"), "p must be 1 or 2, got '1'"),
        (lambda b: DSDLoss(b, [True, 2]), "alpha must be a finite number of at least 1, got True"),
        (lambda b: DSDLoss(b, [10**400]), "alpha must be a finite number of at least 1, got 1000"),
        (lambda b: DSDLoss(b, torch.tensor([2.0])), "alphas must be a sequence of at least one scaling factor"),
        *(
            (lambda b, w=w: DSDLoss(b, layer_weights={"relu1_2": w}), "weight of relu1_2 must be a finite number")
            for w in (1j, True, "1", None, torch.tensor(1.0), torch.ones(2), np.ones(2), float("inf"), 10**400)
        ),
        (
            lambda b: DSDLoss(b, layer_weights={"relu1_2": 0, "relu2_1": 0.0}),
            "one of layer_weights must be above 0, or",
        ),
        (lambda b: DSDLoss(b, layer_weights={1: 1}), "layer_weights has 1, the backbone relu1_2, relu2_1"),
        (lambda b: DSDLoss(b, layer_weights="relu1_2"), "layer_weights must be a mapping of at least one layer"),
    ],
)
def test_refuses(backbone, call, message):
    with pytest.raises(ValueError, match=message):
        call(backbone)


@EVERY
@pytest.mark.parametrize("wrong", [None, 1, ["lite"], torch.device("cpu"), VGG19, torch.nn.Conv2d(3, 4, 3)])
def test_refuses_what_is_no_network(name, wrong):
    with pytest.raises(
        TypeError, match=r"backbone must be a network or the name of one, got (NoneType|int|list|device|A|C)"
    ):
        LOSSES[name](wrong)


@pytest.mark.parametrize("weight", [2, np.float32(2), np.int64(2), Fraction(2)])
def test_layers_are_weighted_by_any_real_number(weight, backbone):
    x, y = torch.rand(2, 1, 3, 16, 16)
    doubled = StyleLoss(backbone, layer_weights={"relu1_2": weight})(x, y)
    assert torch.equal(doubled, 2 * StyleLoss(backbone, layer_weights={"relu1_2": 1})(x, y))


FEATURES = torch.rand(2, 3, 4, 5)


@pytest.mark.parametrize("function", [perceptual, pdl, style])
@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (FEATURES.numpy(), TypeError, "must be a torch.Tensor of shape .*, got ndarray"),
        ([1.0], TypeError, "must be a torch.Tensor of shape .*, got list"),
        (None, TypeError, "must be a torch.Tensor of shape .*, got NoneType"),
        (FEATURES.to(torch.complex64), ValueError, "must be a float tensor, got torch.complex64"),
        (FEATURES.int(), ValueError, "must be a float tensor, got torch.int32"),
        (FEATURES > 0.5, ValueError, "must be a float tensor, got torch.bool"),
        (FEATURES[0], ValueError, r"must have shape \(N, C, H, W\) with no empty side, got \(3, 4, 5\)"),
        (FEATURES[..., :0], ValueError, r"with no empty side, got \(2, 3, 4, 0\)"),
        (FEATURES[:1], ValueError, r"a and b must agree in batch size and channels, got"),
        (FEATURES[:, :1], ValueError, r"a and b must agree in batch size and channels, got"),
        (FEATURES.double(), ValueError, "a and b must have one type and device, got .*float64"),
        (FEATURES.bfloat16(), ValueError, "a and b must have one type and device, got .*bfloat16"),
        (FEATURES.to("meta"), ValueError, "a and b must have one type and device, got .*on meta"),
    ],
)
def test_functions_refuse(function, wrong, error, message):
    for pair in ((wrong, FEATURES), (FEATURES, wrong)):
        with pytest.raises(error, match=message):
            function(*pair)


@pytest.mark.parametrize("function", [perceptual, pdl])
def test_functions_refuse_other_sizes(function):
    with pytest.raises(
        ValueError, match=r"a and b must be features of images of the same size, got \(2, 3, 4, 5\) and"
    ):
        function(FEATURES, FEATURES.mT)
