import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dsd import VGG19, downscale, dsd, dsd_norm, gram, grams


def matlab_imresize(image: np.ndarray, alpha: float) -> np.ndarray:
    """MATLAB's imresize(image, 1/alpha, 'bicubic'), pixel by pixel from its definition; image (H, W), float64."""

    def cubic(t):
        t = abs(t)
        if t <= 1:
            return 1.5 * t**3 - 2.5 * t**2 + 1
        return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t <= 2 else 0.0

    def along_columns(values):
        size = values.shape[0]
        rows = []
        for out in range(1, math.ceil(round(size / alpha, 9)) + 1):  # 1-based, as MATLAB counts
            centre = out * alpha + 0.5 * (1 - alpha)
            total, weight_sum = 0.0, 0.0
            for index in range(math.floor(centre - 2 * alpha) - 1, math.ceil(centre + 2 * alpha) + 2):
                weight = cubic((centre - index) / alpha) / alpha
                mirrored = index
                while not 1 <= mirrored <= size:
                    mirrored = 1 - mirrored if mirrored < 1 else 2 * size + 1 - mirrored
                total = total + weight * values[mirrored - 1]
                weight_sum += weight
            rows.append(total / weight_sum)
        return np.stack(rows)

    return along_columns(along_columns(image).T).T


@pytest.mark.parametrize("alpha", [1.4, 1.5, 2, 2.5, 3, math.pi, 4, 4.2])
@pytest.mark.parametrize("shape", [(32, 48), (21, 33), (7, 5)])
def test_downscale_is_matlabs(alpha, shape):
    x = torch.rand(2, 3, *shape)
    got = downscale(x, alpha)
    assert got.dtype == torch.float32
    expected = np.stack([[matlab_imresize(plane, alpha) for plane in image] for image in x.double().numpy()])
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("alpha", [2, 4])
def test_downscale_is_torchs_antialiased_bicubic_on_a_mirrored_image(alpha):
    x = torch.rand(1, 3, 48, 40)
    border = 8 * alpha
    mirrored = torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (border, border), (border, border)), "symmetric"))
    resized = F.interpolate(mirrored, scale_factor=1 / alpha, mode="bicubic", antialias=True)
    torch.testing.assert_close(downscale(x, alpha), resized[..., 8:-8, 8:-8], atol=1e-6, rtol=0)


def test_downscale_keeps_constants_and_dtype():
    x = torch.full((1, 3, 17, 23), 0.3, dtype=torch.float64)
    small = downscale(x, 2.5)
    assert small.dtype == torch.float64
    torch.testing.assert_close(small, torch.full((1, 3, 7, 10), 0.3, dtype=torch.float64))


def test_downscale_by_one_is_the_image_itself():
    x = torch.rand(1, 3, 5, 5)
    assert downscale(x, 1) is x


def test_downscale_has_a_gradient_even_after_first_use_in_inference_mode():
    x = torch.rand(1, 1, 11, 13, dtype=torch.float64)
    with torch.inference_mode():
        downscale(x, 1.7)
    assert torch.autograd.gradcheck(lambda y: downscale(y, 1.7), x.clone().requires_grad_())


@pytest.mark.parametrize("alpha", [0.5, 0, -2, float("nan"), float("inf"), "2"])
def test_downscale_refuses_factors(alpha):
    with pytest.raises(ValueError, match="alpha must be a finite number of at least 1"):
        downscale(torch.rand(1, 3, 8, 8), alpha)
    with pytest.raises(ValueError, match=r"alpha must not exceed the image's shorter side, got 9 for \(1, 3, 8, 10\)"):
        downscale(torch.rand(1, 3, 8, 10), 9)


@pytest.mark.parametrize("x", [torch.zeros(1, 3, 8, 8, dtype=torch.uint8), torch.rand(3, 8, 8), np.zeros((1, 3, 8, 8))])
def test_downscale_refuses_what_is_no_float_batch(x):
    with pytest.raises(ValueError, match=r"x must be a float tensor of shape \(N, C, H, W\), got"):
        downscale(x, 2)


def test_dsd_is_the_difference_of_grams(backbone):
    x = torch.rand(2, 3, 32, 24)
    got = dsd(x, backbone, alphas=(2, 4), normalize="hw")
    assert list(got) == [("relu1_2", 2), ("relu2_1", 2), ("relu1_2", 4), ("relu2_1", 4)]
    for (layer, alpha), matrix in got.items():
        small = torch.from_numpy(
            np.stack([[matlab_imresize(plane, alpha) for plane in image] for image in x.double().numpy()])
        ).float()
        expected = gram(backbone(x)[layer], "hw") - gram(backbone(small)[layer], "hw")
        torch.testing.assert_close(matrix, expected, rtol=1e-3, atol=1e-5 * expected.abs().max().item())


def test_norm_is_the_mean_absolute_entry_per_sample(backbone):
    x = torch.rand(2, 3, 32, 24)
    matrices, norms = dsd(x, backbone), dsd_norm(x, backbone)
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
    together = grams(x, backbone, (1, 2))
    monkeypatch.setattr("dsd.descriptor.PIXELS_AT_ONCE", 2 * 16 * 16)
    for key, parts in grams(x, backbone, (1, 2)).items():
        torch.testing.assert_close(parts, together[key])


def test_several_scales_in_one_call_equal_one_at_a_time(backbone):
    x = torch.rand(1, 3, 32, 32)
    both = grams(x, backbone, (1, 2, 3.5))
    for (layer, alpha), g in both.items():
        torch.testing.assert_close(g, grams(x, backbone, (alpha,))[layer, alpha])


def test_no_self_dissimilarity_at_alpha_one(backbone):
    assert all(norm == 0 for norm in dsd_norm(torch.rand(1, 3, 16, 16), backbone, alphas=(1,)).values())


def test_a_constant_image_is_dissimilar_only_at_its_borders():
    # VGG pads with zeros, so only positions next to the border see anything but the constant.
    network = VGG19(("relu1_1",), weights="random").double()
    x = torch.full((1, 3, 64, 64), 0.6, dtype=torch.float64)
    inner = [network(downscale(x, alpha))["relu1_1"][..., 1:-1, 1:-1] for alpha in (1, 2)]
    torch.testing.assert_close(gram(inner[0]), gram(inner[1]))


def test_gradcheck(double_backbone):
    x = torch.rand(1, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: tuple(dsd(y, double_backbone).values()), x, fast_mode=True)


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


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: dsd(torch.rand(1, 3, 32, 32) * 255, b), r"x must have values in \[0, 1\]"),
        (lambda b: dsd_norm(torch.rand(3, 32, 32), b), r"\(N, 3, H, W\), got \(3, 32, 32\)"),
        (lambda b: dsd(torch.rand(1, 3, 4, 4), b, alphas=(2, 4)), "smallest image that works is 5×5"),
        (lambda b: dsd(torch.rand(1, 3, 32, 32), b, alphas=(0.5,)), "alpha must be a finite number of at least 1"),
        (lambda b: dsd(torch.rand(1, 3, 32, 32), b, normalize="c"), "normalize must be one of chw, hw"),
        (lambda b: grams(torch.rand(1, 3, 32, 32), b, ()), "alphas must be a sequence of at least one scaling factor"),
        (lambda b: dsd(torch.rand(1, 3, 32, 32), b, ()), "alphas must be a sequence of at least one scaling factor"),
    ],
)
def test_refuses(backbone, call, message):
    with pytest.raises(ValueError, match=message):
        call(backbone)


def test_the_smallest_size_named_in_the_error_works(backbone):
    assert dsd_norm(torch.rand(1, 3, 5, 5), backbone, alphas=(4,))["relu2_1", 4].isfinite().all()
