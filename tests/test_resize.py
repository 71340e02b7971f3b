import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dsd import downscale
from dsd.resize import resize_matrix


def cubic(t):
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t <= 2 else 0.0


def along_columns(values, alpha, borders="mirror"):
    """One pass of MATLAB's imresize, pixel by pixel from its definition; older releases replicated the borders."""
    size = values.shape[0]
    rows = []
    for out in range(1, math.ceil(round(size / alpha, 9)) + 1):  # 1-based, as MATLAB counts
        centre = out * alpha + 0.5 * (1 - alpha)
        total, weight_sum = 0.0, 0.0
        for index in range(math.floor(centre - 2 * alpha) - 1, math.ceil(centre + 2 * alpha) + 2):
            weight = cubic((centre - index) / alpha) / alpha
            inside = index
            while not 1 <= inside <= size:
                if borders == "replicate":
                    inside = min(max(inside, 1), size)
                else:
                    inside = 1 - inside if inside < 1 else 2 * size + 1 - inside
            total = total + weight * values[inside - 1]
            weight_sum += weight
        rows.append(total / weight_sum)
    return np.stack(rows)


def matlab_imresize(image: np.ndarray, alpha: float) -> np.ndarray:
    """MATLAB's imresize(image, 1/alpha, 'bicubic'); image (H, W), float64."""
    return along_columns(along_columns(image, alpha).T, alpha).T


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
    with pytest.raises(ValueError, match="alpha must be a finite number"):
        downscale(torch.rand(1, 3, 8, 8), alpha)
    with pytest.raises(ValueError, match=r"alpha must not exceed the image's shorter side, got 9 for \(1, 3, 8, 10\)"):
        downscale(torch.rand(1, 3, 8, 10), 9)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), ValueError, "be a float tensor, got torch.uint8"),
        (torch.rand(3, 8, 8), ValueError, r"have shape \(N, C, H, W\) with no empty side, got \(3, 8, 8\)"),
        (torch.rand(1, 3, 8, 8).to_sparse(), ValueError, "be a dense tensor, got torch.sparse_coo"),
        (np.zeros((1, 3, 8, 8)), TypeError, r"be a torch.Tensor of shape \(N, C, H, W\), got ndarray"),
    ],
)
def test_downscale_refuses_what_is_no_float_batch(x, error, message):
    with pytest.raises(error, match=f"x must {message}"):
        downscale(x, 2)


@pytest.mark.parametrize("borders", ["mirror", "replicate"])
@pytest.mark.parametrize("alpha", [1.5, 2, 4])
def test_resize_matrix_at_the_borders(borders, alpha):
    signal = np.random.default_rng(0).random((9, 1))
    matrix = resize_matrix(9, alpha, torch.float64, torch.device("cpu"), borders).numpy()
    np.testing.assert_allclose(matrix @ signal, along_columns(signal, alpha, borders), atol=1e-12)


def test_autocast_around_it_changes_nothing_forward_or_backward():
    x = torch.rand(1, 3, 17, 19, requires_grad=True)
    expected = downscale(x, 2)
    (gradient,) = torch.autograd.grad(expected.square().sum(), x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = downscale(x, 2)
        (inside_gradient,) = torch.autograd.grad(inside.square().sum(), x)
    assert torch.equal(inside, expected)
    assert torch.equal(inside_gradient, gradient)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_short_types_are_rounded_once(dtype):
    x = torch.rand(1, 3, 33, 26).to(dtype)
    assert torch.equal(downscale(x, 2), downscale(x.float(), 2).to(dtype))


def test_second_derivatives():
    x = torch.rand(1, 1, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda z: downscale(z, 2).square(), x)
