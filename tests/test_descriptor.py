import numpy as np
import pytest
import torch

from dsd import VGG19, downscale, dsd_matrices, dsd_norm, gram_matrices, gram_matrix
from dsd.descriptor import reduce_scales
from tests.test_resize import matlab_imresize


def test_dsd_is_the_difference_of_grams(backbone):
    x = torch.rand(2, 3, 32, 24)
    got = dsd_matrices(x, backbone, alphas=(2, 4), normalize="hw")
    assert list(got) == [("relu1_2", 2), ("relu2_1", 2), ("relu1_2", 4), ("relu2_1", 4)]
    for (layer, alpha), matrix in got.items():
        small = torch.from_numpy(
            np.stack([[matlab_imresize(plane, alpha) for plane in image] for image in x.double().numpy()])
        ).float()
        expected = gram_matrix(backbone(x)[layer], "hw") - gram_matrix(backbone(small)[layer], "hw")
        torch.testing.assert_close(matrix, expected, rtol=1e-3, atol=1e-5 * expected.abs().max().item())


def test_norm_is_the_mean_absolute_entry_per_sample(backbone):
    x = torch.rand(2, 3, 32, 24)
    matrices, norms = dsd_matrices(x, backbone), dsd_norm(x, backbone)
    for key, norm in norms.items():
        assert norm.shape == (2,)
        np.testing.assert_allclose(norm, np.abs(matrices[key].numpy()).mean((1, 2)), rtol=1e-6)


def test_batch_equals_loop(backbone):
    x = torch.rand(3, 3, 33, 26)
    together = dsd_norm(x, backbone)
    for key, norm in together.items():
        torch.testing.assert_close(norm, torch.cat([dsd_norm(image[None], backbone)[key] for image in x]))


def test_parts_of_a_batch_that_go_through_the_network_one_after_the_other(backbone, monkeypatch):
    x = torch.rand(5, 3, 16, 16)
    together = gram_matrices(x, backbone, (1, 2))
    monkeypatch.setattr("dsd.descriptor.PIXELS_AT_ONCE", 2 * 16 * 16)
    for key, parts in gram_matrices(x, backbone, (1, 2)).items():
        torch.testing.assert_close(parts, together[key])


def test_several_scales_in_one_call_equal_one_at_a_time(backbone):
    x = torch.rand(1, 3, 32, 32)
    both = gram_matrices(x, backbone, (1, 2, 3.5))
    for (layer, alpha), g in both.items():
        torch.testing.assert_close(g, gram_matrices(x, backbone, (alpha,))[layer, alpha])


def test_refuses_alpha_one(backbone):
    with pytest.raises(ValueError, match=r"alpha must be above 1, since DSD_1 is zero .* got alphas=\(1,\)"):
        dsd_matrices(torch.rand(1, 3, 16, 16), backbone, alphas=(1,))


def test_a_constant_image_is_dissimilar_only_at_its_borders():
    # VGG pads with zeros, so only positions next to the border see anything but the constant.
    network = VGG19(("relu1_1",), weights="random").double()
    x = torch.full((1, 3, 64, 64), 0.6, dtype=torch.float64)
    inner = [network(downscale(x, alpha))["relu1_1"][..., 1:-1, 1:-1] for alpha in (1, 2)]
    torch.testing.assert_close(gram_matrix(inner[0]), gram_matrix(inner[1]))


def test_gradcheck(double_backbone):
    x = torch.rand(1, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: tuple(dsd_matrices(y, double_backbone).values()), x, fast_mode=True)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_gradient_is_finite_on_constant_images(backbone, value):
    x = torch.full((1, 3, 16, 16), value, requires_grad=True)
    sum(dsd_norm(x, backbone).values()).sum().backward()
    assert x.grad.isfinite().all()


def test_devices_agree(device):
    network = VGG19(("relu2_1",), weights="random")
    x = torch.rand(2, 3, 32, 32)
    expected = dsd_norm(x, network)["relu2_1", 2]
    torch.testing.assert_close(
        dsd_norm(x.to(device), network.to(device))["relu2_1", 2].cpu(), expected, rtol=1e-3, atol=0
    )


def test_bfloat16_is_close_and_its_grams_are_float32():
    x = torch.rand(2, 3, 64, 64)
    exact = dsd_norm(x, VGG19(("relu2_1",), weights="random"))["relu2_1", 2]
    coarse = dsd_norm(x, VGG19(("relu2_1",), weights="random", precision="bfloat16"))["relu2_1", 2]
    assert coarse.dtype == torch.float32
    torch.testing.assert_close(coarse, exact, rtol=0.05, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_images_of_short_types_lose_nothing_on_their_way(backbone, dtype):
    """x↓α is not rounded to the type of x, which cost 1.3e-3 of a pyramid; the network's own rounding is its own."""
    x = torch.rand(1, 3, 33, 40).to(dtype)
    for network in (backbone, VGG19(("relu2_1",), weights="random", precision="bfloat16")):
        for key, matrix in dsd_matrices(x, network, (2, 3.5)).items():
            assert torch.equal(matrix, dsd_matrices(x.float(), network, (2, 3.5))[key])


def test_full_precision_all_the_way(backbone):
    inside = []
    reduce_scales(
        torch.rand(1, 3, 16, 16),
        backbone,
        {1: ["relu1_2"], 2: ["relu2_1"]},
        lambda alpha, layer, features: inside.append(torch.backends.cudnn.conv.fp32_precision) or {layer: features},
    )
    assert inside == ["ieee", "ieee"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: dsd_matrices(torch.rand(1, 3, 32, 32) * 255, b), r"x must have values in \[0, 1\]"),
        (lambda b: dsd_norm(torch.rand(3, 32, 32), b), r"\(N, 3, H, W\), got \(3, 32, 32\)"),
        (lambda b: dsd_matrices(torch.rand(1, 3, 4, 4), b, alphas=(2, 4)), "smallest image that works is 5×5"),
        (lambda b: dsd_matrices(torch.rand(1, 3, 32, 32), b, alphas=(0.5,)), "alpha must be a finite number"),
        (lambda b: dsd_matrices(torch.rand(1, 3, 32, 32), b, normalize="c"), "normalize must be one of chw, hw"),
        (lambda b: gram_matrices(torch.rand(1, 3, 32, 32), b, ()), "alphas must be a sequence"),
        (lambda b: dsd_matrices(torch.rand(1, 3, 32, 32), b, ()), "alphas must be a sequence"),
        *(
            (lambda b, a=a: dsd_norm(torch.rand(1, 3, 32, 32), b, a), "alphas must|alpha must")
            for a in (2, None, "2", (2, 2), {2}, torch.tensor([2.0]), [None], ["2"], [True, 2], [1j], [float("inf")])
        ),
        *(
            (lambda b, a=a: dsd_norm(torch.rand(1, 3, 32, 32), b, a), "alphas must be a sequence of at least one")
            for a in (b"\x02", bytearray(b"\x02"))
        ),
        (lambda b: dsd_norm(torch.rand(1, 3, 32, 32).to("meta"), b), "x is on meta, the network on cpu: move one of"),
        (lambda b: gram_matrices(torch.rand(1, 3, 32, 32).to("meta"), b), "x is on meta, the network on cpu"),
        (lambda b: gram_matrices(torch.rand(1, 3, 32, 32).int(), b), "x must be a float tensor, got torch.int32"),
        (lambda b: gram_matrices(torch.rand(1, 3, 32, 32), b, (2, 2)), "alphas must all be different"),
    ],
)
def test_refuses(backbone, call, message):
    with pytest.raises(ValueError, match=message):
        call(backbone)


def test_refuses_a_networks_name():
    for function in (dsd_matrices, dsd_norm, gram_matrices):
        with pytest.raises(TypeError, match=r"backbone must be a network \(load_backbone makes one\), got 'lite'"):
            function(torch.rand(1, 3, 32, 32), "lite")


def test_refuses_what_is_no_tensor(backbone):
    for function in (dsd_matrices, dsd_norm, gram_matrices):
        for wrong in ([torch.rand(3, 8, 8)], torch.rand(1, 3, 8, 8).numpy(), "photo.png", None):
            with pytest.raises(TypeError, match=r"x must be a torch.Tensor of shape \(N, 3, H, W\), got"):
                function(wrong, backbone)


def test_the_smallest_size_named_in_the_error_works(backbone):
    assert dsd_norm(torch.rand(1, 3, 5, 5), backbone, alphas=(4,))["relu2_1", 4].isfinite().all()
