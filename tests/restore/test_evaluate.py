"""Restored images against clean ones: plain NumPy, laws, published values of bicubic enlargement."""

import numpy as np
import pytest
import torch

from dsd.data.images import load_image, save_image
from dsd.paths import data_root
from dsd.restore.degrade import low_resolution
from dsd.restore.evaluate import MEASURES, Evaluator
from dsd.restore.evaluate_folders import evaluate_folders, means

SR = data_root() / "sr"
ALEXNET = (data_root() / "weights" / "alexnet-features.pth").is_file()
CHEAP = [name for name in MEASURES if "lpips" not in name and "niqe" not in name]


def pair(count=2, size=(44, 50)):
    clean = torch.rand(count, 3, *size)
    return (clean + 0.1 * torch.randn(clean.shape)).clamp(0, 1), clean


def to_y(image):
    return 16 + np.tensordot([65.481, 128.553, 24.966], image, 1)


def plain_psnr(x, y):
    return 10 * np.log10(255**2 / ((x - y) ** 2).mean())


def plain_ssim(x, y):
    """Windows inside the image, one by one; values from 0 to 255."""
    at = np.arange(11) - 5
    window = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a, b = (image[top : top + 11, left : left + 11] for image in (x, y))
            p, q = (window * a).sum(), (window * b).sum()
            covariance = (window * a * b).sum() - p * q
            variances = (window * a * a).sum() - p * p + (window * b * b).sum() - q * q
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            values.append((2 * p * q + c1) * (2 * covariance + c2) / ((p * p + q * q + c1) * (variances + c2)))
    return np.mean(values)


def test_is_the_definition():
    x, y = pair(1)
    values = {name: value.item() for name, value in Evaluator(CHEAP, 3, device="cpu")(x, y).items()}
    a, b = (image[0].double().numpy() for image in (x, y))
    rounded = [np.floor(255 * image + 0.5)[:, 3:-3, 3:-3] / 255 for image in (a, b)]
    levels = [to_y(image) for image in rounded]
    assert values == pytest.approx(
        {
            "psnr_y": plain_psnr(*levels),
            "ssim_y": plain_ssim(*levels),
            "psnr_rgb": plain_psnr(*(255 * image for image in rounded)),
            "psnr_y_authors": plain_psnr(to_y(a), to_y(b)),
            "ssim_rgb_authors": np.mean([plain_ssim(255 * p, 255 * q) for p, q in zip(a, b, strict=True)]),
        },
        rel=1e-6,
    )


def test_ssim_is_scikit_images():
    metrics = pytest.importorskip("skimage.metrics")
    x, y = pair(1)
    value = Evaluator(["ssim_y"], 0, device="cpu")(x, y)["ssim_y"].item()
    levels = [to_y(np.floor(255 * image[0].double().numpy() + 0.5) / 255) for image in (x, y)]
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    assert value == pytest.approx(metrics.structural_similarity(*levels, data_range=255, **options), rel=1e-6)


@pytest.mark.skipif(not ALEXNET, reason="no AlexNet weights")
def test_equal_images_and_batches():
    x, y = pair(2, (104, 200))
    evaluator = Evaluator(device="cpu")
    values = evaluator(x, y)
    assert list(values) == list(MEASURES)
    for index in range(2):
        for name, value in evaluator(x[index : index + 1], y[index : index + 1]).items():
            assert value.dtype == torch.float64
            torch.testing.assert_close(values[name][index], value[0], rtol=1e-6, atol=1e-7)
    same = evaluator(y, y)
    for name, value in same.items():
        if kind := next((kind for kind in ("psnr", "ssim", "lpips") if name.startswith(kind)), None):
            expected = {"psnr": float("inf"), "ssim": 1.0, "lpips": 0.0}[kind]
            assert value.tolist() == pytest.approx([expected] * 2, abs=1e-6), name
    alone = evaluator(x)
    assert list(alone) == ["niqe", "niqe_authors"]
    assert torch.equal(alone["niqe"], values["niqe"])


def test_what_an_image_does_not_have_is_nan_and_said():
    x, y = pair(1, (18, 18))
    evaluator = Evaluator(["psnr_y", "ssim_y", "niqe"], device="cpu")
    notes = {}
    values = evaluator(x, y, notes)
    assert values["psnr_y"].isfinite()
    assert values["ssim_y"].isnan()
    assert values["niqe"].isnan()
    assert notes["ssim_y"] == "10×10 pixels are too few for SSIM's windows of 11×11"
    assert "x is 10×10 pixels, too small for one of NIQE's blocks" in notes["niqe"]
    with pytest.warns(UserWarning, match="no ssim_y: 10×10 pixels"), pytest.warns(UserWarning, match="no niqe: x is"):
        evaluator(x, y)
    images = torch.cat((torch.full((1, 3, 192, 192), 0.5), torch.rand(1, 3, 192, 192)))
    assert Evaluator(["niqe_authors"], device="cpu")(images, notes={})["niqe_authors"].isnan().tolist() == [True, False]


def test_without_alexnet(no_weights):
    evaluator = Evaluator(["psnr_y", "lpips"], device="cpu")
    assert evaluator.names == ("psnr_y",)
    assert list(evaluator.left_out) == ["lpips"]
    with pytest.raises(FileNotFoundError):
        Evaluator(["lpips"], device="cpu")


def test_errors():
    x, y = pair(1, (40, 40))
    for measures in ("psnr_y", [], ["psnr"], None):
        with pytest.raises(ValueError, match="measures must be a sequence of names out of psnr_y, "):
            Evaluator(measures)
    with pytest.raises(ValueError, match="border must be an integer of at least 0, got -1"):
        Evaluator(CHEAP, -1)
    evaluator = Evaluator(CHEAP, device="cpu")
    with pytest.raises(ValueError, match="restored and clean must be images of the same size, got 40×40 and 40×36"):
        evaluator(x, y[..., :36])
    with pytest.raises(ValueError, match=r"restored must have values in \[0, 1\]"):
        evaluator(x + 1, y)
    with pytest.raises(ValueError, match="clean is 8×8 pixels, too small for a cut of 4 pixels from each side"):
        evaluator(x, y[..., :8, :8])
    with pytest.raises(ValueError, match="must have a clean image to compare with, got none"):
        evaluator(x)
    with pytest.raises(TypeError, match=r"clean must be a torch.Tensor"):
        evaluator(x, 1)


@pytest.fixture
def folders(tmp_path):
    for index, name in enumerate("abc"):
        restored, clean = pair(1, (40 + index, 40))
        for place in ("hr", "sr"):
            (tmp_path / place).mkdir(exist_ok=True)
        save_image(clean[0], tmp_path / "hr" / f"{name}.png")
        save_image(restored[0, :, :40], tmp_path / "sr" / f"{name}.bmp")
    return tmp_path / "sr", tmp_path / "hr"


def test_folders(folders):
    evaluator = Evaluator(["psnr_y", "ssim_y"], device="cpu")
    table = evaluate_folders(*folders, evaluator, quiet=True)
    assert list(table.index) == ["a.bmp", "b.bmp", "c.bmp"]
    assert list(table.notes) == ["", "clean cut from 41×40 to 40×40", "clean cut from 42×40 to 40×40"]
    x, y = load_image(folders[0] / "c.bmp")[None], load_image(folders[1] / "c.png")[None, :, :40]
    assert table.psnr_y["c.bmp"] == evaluator(x, y)["psnr_y"].item()
    summary = means(table)
    assert summary["mean"]["ssim_y"] == pytest.approx(table.ssim_y.mean())
    assert summary.protocol["ssim_y"] == "images rounded to 8 bits, 4 pixels cut from each side"
    assert table.attrs["unmatched"] == ""


def test_what_has_no_partner_is_named(folders):
    restored, clean = folders
    (restored / "a.bmp").rename(restored / "other.bmp")
    save_image(torch.rand(3, 44, 44), restored / "b.bmp")
    failed = {}
    table = evaluate_folders(*folders, Evaluator(["psnr_y"], device="cpu"), failed=failed, quiet=True)
    assert list(table.index) == ["c.bmp"]
    assert failed["other.bmp"] == f"no clean image of that name in {clean}"
    assert failed["b.bmp"].startswith("the restored image is 44×44 pixels, the clean one 41×40: they must be equal")
    assert table.attrs["unmatched"] == "1 of 3 clean images have no restored one: a.png"
    with pytest.raises(ValueError, match=r"other.bmp: no clean image of that name"):
        evaluate_folders(*folders, quiet=True)
    with pytest.raises(ValueError, match="must be two files or two folders"):
        evaluate_folders(restored, clean / "a.png")
    for name in "abc":
        (clean / f"{name}.png").rename(clean / f"x{name}.png")
    with pytest.raises(ValueError, match=r"no image of .* has a clean one of its name in .*: got b\.bmp, c\.bmp, "):
        evaluate_folders(*folders)
    with pytest.raises(FileNotFoundError):
        evaluate_folders(restored / "nowhere", clean)


def enlarge(image, scale=4):
    """MATLAB's imresize, bicubic, of (3, H, W) in [0, 1], rounded to 8 bits: beyond borders the image is mirrored."""
    for _ in range(2):
        side = image.shape[1]
        centres = (np.arange(side * scale) + 0.5) / scale - 0.5
        taps = np.floor(centres).astype(int)[:, None] + np.arange(-1, 3)
        t = np.abs(centres[:, None] - taps)
        weights = np.where(t <= 1, 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2)
        taps = taps % (2 * side)
        taps = np.minimum(taps, 2 * side - 1 - taps)
        image = (image[:, taps] * weights[..., None]).sum(2).transpose(0, 2, 1)
    return np.floor(255 * image + 0.5).clip(0, 255) / 255


@pytest.mark.skipif(not (SR / "set5").is_dir(), reason=f"no sr/set5 in {data_root()}")
def test_published_values_of_bicubic_enlargement():
    """Set5 ×4: 28.42 dB and SSIM 0.8104 are what papers print for MATLAB's."""
    evaluator = Evaluator(["psnr_y", "ssim_y"], device="cpu")
    values = []
    for path in sorted((SR / "set5").glob("*.png")):
        hr = load_image(path)[None]
        height, width = (side // 4 * 4 for side in hr.shape[2:])
        hr = hr[..., :height, :width]
        sr = enlarge(low_resolution(hr, 4, "matlab-8bit")[0].double().numpy())
        values.append([value.item() for value in evaluator(torch.from_numpy(sr).float()[None], hr).values()])
    psnr, ssim = np.mean(values, axis=0)
    assert psnr == pytest.approx(28.42, abs=0.03)
    assert ssim == pytest.approx(0.8104, abs=0.002)


@pytest.mark.skipif(not (SR / "bsd100" / "results").is_dir(), reason=f"no sr/bsd100/results in {data_root()}")
def test_vdsr_on_bsd100():
    """VDSR's paper has 27.29 dB on all 100 images; here are 13."""
    evaluator = Evaluator(["psnr_y"], device="cpu")
    table = evaluate_folders(SR / "bsd100/results/vdsr", data_root() / "bsds500/val", evaluator, quiet=True)
    assert len(table) == 13
    assert table.attrs["unmatched"].startswith("87 of 100 clean images have no restored one: ")
    assert table.psnr_y.mean() == pytest.approx(27.199, abs=0.002)
