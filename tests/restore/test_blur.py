import numpy as np
import pytest
import torch
from PIL import Image

from dsd.data.images import load_image
from dsd.paths import data_root
from dsd.restore.blur import average, average_frames, camera_shake, from_linear, motion_blur, to_linear

LEVIN = data_root() / "deblur" / "levin"


def rng(seed=0):
    return np.random.default_rng(seed)


def linear(x):
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def display(y):
    return np.where(y <= 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)


def mirrored(index, side):
    """Without the edge pixel again: … 2 1 | 0 1 2 …"""
    index = abs(index)
    return 2 * (side - 1) - index if index >= side else index


def convolved(plane, kernel):
    """A plane (H, W) from the definition, pixel by pixel."""
    height, width = plane.shape
    half = len(kernel) // 2
    out = np.zeros_like(plane)
    for row in range(height):
        for column in range(width):
            for dy in range(-half, half + 1):
                for dx in range(-half, half + 1):
                    source = plane[mirrored(row - dy, height), mirrored(column - dx, width)]
                    out[row, column] += kernel[half + dy, half + dx] * source
    return out


def shake(seed=0, **options):
    return camera_shake(rng(seed), **options)


def test_linear_light():
    x = np.linspace(0, 1, 256)
    np.testing.assert_allclose(to_linear(torch.from_numpy(x)), linear(x), atol=1e-15)
    np.testing.assert_allclose(from_linear(torch.from_numpy(x)), display(x), atol=1e-15)
    bytes_ = torch.arange(256) / 255
    assert (from_linear(to_linear(bytes_)) - bytes_).abs().max() < 1e-6
    for curve in (to_linear, from_linear):
        torch.testing.assert_close(curve(torch.tensor([-0.5, 0, 1, 3])), torch.tensor([0.0, 0, 1, 1]))


@pytest.mark.parametrize("side", [1, 3, 9, 25])
@pytest.mark.parametrize("roughness", [0, 0.5, 1])
@pytest.mark.parametrize("length", [0, 2.5, 30, 200])
def test_a_kernel_is_a_centred_distribution(side, roughness, length):
    for seed in range(3):
        kernel = shake(seed, side=side, roughness=roughness, length=length)
        assert kernel.shape == (side, side)
        assert kernel.dtype == torch.float32
        assert (kernel >= 0).all()
        assert kernel.sum().item() == pytest.approx(1, abs=1e-6)
        positions = torch.arange(side) - side // 2.0
        for axis in (0, 1):
            assert (kernel.sum(dim=axis) * positions).sum().item() == pytest.approx(0, abs=1e-5)


def test_a_straight_path_has_the_second_moment_of_a_line():
    for seed in range(5):
        kernel = shake(seed, roughness=0, length=20).numpy()
        y, x = np.mgrid[-12:13, -12:13]
        moments = np.array([[(kernel * a * b).sum() for a in (x, y)] for b in (x, y)])
        small, large = np.linalg.eigvalsh(moments)
        assert large == pytest.approx(20**2 / 12, rel=0.02)  # spreading over pixels adds up to 1/4
        assert 0 <= small <= 0.25


def test_a_longer_path_is_wider_and_roughness_folds_it():
    def radius(**options):
        y, x = np.mgrid[-20:21, -20:21]
        return np.mean([np.sqrt((shake(s, side=41, **options).numpy() * (x**2 + y**2)).sum()) for s in range(8)])

    assert radius(length=5) < radius(length=15) < radius(length=30)
    assert radius(length=30, roughness=1) < radius(length=30, roughness=0.3) < radius(length=30, roughness=0)


def test_a_kernel_follows_from_its_generator():
    assert torch.equal(shake(3), shake(3))
    assert not torch.equal(shake(3), shake(4))
    random = rng(3)
    assert not torch.equal(camera_shake(random), camera_shake(random))
    assert shake(side=9, length=0)[4, 4] == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blur_from_its_definition(dtype):
    x = rng().random((2, 3, 7, 9))
    kernels = [shake(seed, side=5, length=8) for seed in range(2)]
    blurred = motion_blur(torch.from_numpy(x).to(dtype), torch.stack(kernels))
    assert blurred.dtype == dtype
    for image, out, kernel in zip(x, blurred, kernels, strict=True):
        for plane, result in zip(image, out, strict=True):
            expected = display(convolved(linear(plane), kernel.double().numpy()))
            np.testing.assert_allclose(result, expected, atol=2e-6)
    one = motion_blur(torch.from_numpy(x).to(dtype), kernels[0])
    torch.testing.assert_close(one[0], blurred[0])


def test_a_point_of_light_becomes_the_kernel():
    x = torch.zeros(1, 3, 25, 25)
    x[:, :, 12, 12] = 1
    kernel = shake(side=25)
    torch.testing.assert_close(to_linear(motion_blur(x, kernel))[0, 1], kernel, atol=1e-6, rtol=1e-5)


def test_laws_of_blur():
    kernel = shake(side=7, length=10)
    constant = torch.full((1, 3, 12, 14), 0.3)
    torch.testing.assert_close(motion_blur(constant, kernel), constant, atol=1e-6, rtol=0)
    x = torch.from_numpy(rng().random((2, 3, 12, 14), dtype=np.float32))
    identity = torch.zeros(5, 5)
    identity[2, 2] = 1
    assert (motion_blur(x, identity) - x).abs().max() < 1e-6
    dark = torch.zeros(1, 3, 20, 20)
    dark[..., 6:14, 6:14] = x[:1, :, :8, :8]  # nothing crosses the border: all light stays
    light, kept = to_linear(dark).sum(dim=(2, 3)), to_linear(motion_blur(dark, kernel)).sum(dim=(2, 3))
    torch.testing.assert_close(light, kept, atol=0, rtol=1e-4)
    singles = torch.cat([motion_blur(image[None], kernel) for image in x])
    torch.testing.assert_close(motion_blur(x, kernel), singles)


def test_gradient_is_finite_on_black_and_on_constant_images():
    for value in (0.0, 0.5, 1.0):
        x = torch.full((1, 3, 8, 8), value, requires_grad=True)
        motion_blur(x, shake(side=5)).sum().backward()
        assert x.grad.isfinite().all()


def test_shifts_by_whole_pixels_are_rolled_crops():
    whole = rng().random((3, 16, 18))
    shifts = np.array([(0, 0), (2, -1), (-3, 0), (1, 3), (1, 3)])
    rolled = [np.roll(linear(whole), (dy, dx), axis=(1, 2)) for dx, dy in shifts]
    expected = display(np.mean(rolled, axis=0))
    out = average_frames(torch.from_numpy(whole)[None], torch.from_numpy(shifts).double())[0]
    np.testing.assert_allclose(out[:, 3:-3, 3:-3], expected[:, 3:-3, 3:-3], atol=1e-9)


def test_shifts_between_pixels_are_bilinear():
    whole = rng().random((3, 8, 9))
    dx, dy = 0.25, -0.6
    light = linear(whole)
    rows = 0.4 * light + 0.6 * np.roll(light, -1, axis=1)
    expected = display(0.75 * rows + 0.25 * np.roll(rows, 1, axis=2))
    out = average_frames(torch.from_numpy(whole)[None], torch.tensor([[dx, dy]], dtype=torch.float64))[0]
    np.testing.assert_allclose(out[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=1e-9)


def test_average_is_the_mean_light():
    frames = rng().random((4, 3, 5, 6))
    out = average(torch.from_numpy(frames))
    assert out.shape == (3, 5, 6)
    np.testing.assert_allclose(out, display(linear(frames).mean(axis=0)), atol=1e-12)
    black_and_white = torch.stack([torch.zeros(3, 2, 2), torch.ones(3, 2, 2)])
    assert average(black_and_white).mean().item() == pytest.approx(0.7354, abs=1e-4)


def test_errors_of_kernels():
    for side in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="side must be an integer of at least 1, got "):
            shake(side=side)
    with pytest.raises(ValueError, match="side must be odd, got 24"):
        shake(side=24)
    with pytest.raises(ValueError, match="length must be a finite number of at least 0, got -1"):
        shake(length=-1)
    with pytest.raises(ValueError, match="roughness must be a finite number of at least 0, got nan"):
        shake(roughness=float("nan"))
    with pytest.raises(ValueError, match=r"roughness must be at most 1, got 1\.5"):
        shake(roughness=1.5)


def test_errors_of_blur():
    x, kernel = torch.rand(2, 3, 8, 8), shake(side=5)
    for shape in ((5,), (4, 4), (3, 5), (3, 5, 5), (1, 1, 5, 5), (0, 0)):
        with pytest.raises(ValueError, match=r"kernel must have shape \(K, K\) or \(2, K, K\) with K odd, got \("):
            motion_blur(x, torch.ones(shape))
    with pytest.raises(TypeError, match=r"kernel must be a torch.Tensor of shape \(K, K\) or \(N, K, K\), got ndarray"):
        motion_blur(x, kernel.numpy())
    for bad in (kernel * 2, kernel - 0.1, kernel * float("nan")):
        with pytest.raises(ValueError, match=r"kernel must not be negative and must have sum 1, got values from "):
            motion_blur(x, bad)
    with pytest.raises(ValueError, match="kernel is on meta, x on cpu: move one of them"):
        motion_blur(x, kernel.to("meta"))
    with pytest.raises(ValueError, match=r"x is 8×8 pixels, too small for a kernel of 25×25: .* is 13×13"):
        motion_blur(x, shake())
    for function, argument in ((motion_blur, kernel), (average_frames, torch.zeros(1, 2))):
        with pytest.raises(ValueError, match=r"x must have values in \[0, 1\]"):
            function(x * 255, argument)
        with pytest.raises(ValueError, match=r"x must have shape \(N, 3, H, W\)"):
            function(x[0], argument)


def test_errors_of_averages():
    x = torch.rand(1, 3, 8, 8)
    for shape in ((2,), (3, 3), (0, 2)):
        with pytest.raises(ValueError, match=r"shifts must have shape \(T, 2\) with at least one row, got \("):
            average_frames(x, torch.zeros(shape))
    with pytest.raises(TypeError, match=r"shifts must be a torch.Tensor of shape \(T, 2\), got list"):
        average_frames(x, [(0, 0)])
    with pytest.raises(ValueError, match="shifts must be finite, got NaN or infinity"):
        average_frames(x, torch.tensor([[0, float("inf")]]))
    with pytest.raises(ValueError, match=r"x is 8×8 pixels, too small for shifts of 8 pixels: .* is 9×9"):
        average_frames(x, torch.tensor([[0, 7.5]]))
    for bad in (x[0], x * 255):
        with pytest.raises(ValueError, match="frames must have "):
            average(bad)


@pytest.mark.skipif(not LEVIN.is_dir(), reason=f"no deblur/levin in {data_root()}")
def test_kernels_are_like_measured_ones():
    def numbers(kernel):
        """RMS radius, and the share of light in the brightest pixel."""
        side = len(kernel)
        y, x = np.mgrid[:side, :side]
        x, y = x - (kernel * x).sum(), y - (kernel * y).sum()
        return np.sqrt((kernel * (x**2 + y**2)).sum()), kernel.max()

    measured = [np.asarray(Image.open(path), float) for path in sorted((LEVIN / "gt").glob("kernel*.png"))]
    measured = np.array([numbers(kernel / kernel.sum()) for kernel in measured])
    random = rng()
    made = [
        numbers(camera_shake(random, length=random.uniform(5, 50), roughness=random.random()).double().numpy())
        for _ in range(100)
    ]
    for real, ours in zip(measured.T, np.transpose(made), strict=True):
        low, high = np.quantile(ours, [0.02, 0.98])
        assert ((low < real) & (real < high)).sum() >= 7, real  # of 8
        assert np.median(ours) == pytest.approx(np.median(real), rel=0.25)


@pytest.mark.skipif(not LEVIN.is_dir(), reason=f"no deblur/levin in {data_root()}")
def test_blur_by_a_measured_kernel_is_the_measured_blur():
    """Their values are linear light, and they are shifted against each other by a few pixels."""
    kernel = torch.from_numpy(np.asarray(Image.open(LEVIN / "gt" / "kernel8.png"), dtype=np.float32))
    sharp, blurred = load_image(LEVIN / "gt" / "im1.png"), load_image(LEVIN / "im1_kernel8_img.png")

    def error(image):
        return (image.roll((-2, 2), dims=(1, 2)) - blurred)[:, 25:-25, 25:-25].square().mean()

    ours, turned = (
        to_linear(motion_blur(from_linear(sharp)[None], one / kernel.sum()))[0] for one in (kernel, kernel.flip(0, 1))
    )
    assert error(ours) < 0.01 * error(sharp)
    assert error(ours) < 0.1 * error(turned)
