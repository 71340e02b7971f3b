"""BRISQUE against the release's values and against plain NumPy."""

import hashlib
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from scipy.special import gamma

from dsd.data.convert_live_models import convert_brisque, convert_niqe
from dsd.data.images import load_image
from dsd.paths import data_root
from dsd.quality import natural_scenes
from dsd.quality.brisque import BRISQUE, RELEASED, SHA256
from dsd.resize import downscale
from tests.quality.test_natural_scenes import SHAPES, numpy_asymmetric, numpy_contrast, numpy_pairs


@pytest.fixture(scope="module")
def score():
    return BRISQUE()


def plain_brisque(level, parameters):
    """BRISQUE of one grey image (H, W)."""
    features = []
    table = gamma(1 / SHAPES) * gamma(3 / SHAPES) / gamma(2 / SHAPES) ** 2
    for _ in range(2):
        coefficients, _ = numpy_contrast(level, "constant")
        square = (coefficients**2).mean()
        features += [SHAPES[np.argmin(np.abs(square / np.abs(coefficients).mean() ** 2 - table))], square]
        for values in numpy_pairs(coefficients):
            alpha, left, right = numpy_asymmetric(values)
            unit = np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
            features += [alpha, (right - left) * unit * gamma(2 / alpha) / gamma(1 / alpha), left**2, right**2]
        level = downscale(torch.from_numpy(level)[None, None], 2)[0, 0].numpy()
    low, high, vectors, weights = (parameters[name].numpy() for name in ("low", "high", "vectors", "weights"))
    scaled = -1 + 2 * (np.array(features) - low) / (high - low)
    value = -parameters["rho"].item()
    for weight, vector in zip(weights, vectors, strict=True):
        value += weight * np.exp(-0.05 * ((scaled - vector) ** 2).sum())
    return value


@pytest.mark.parametrize(("name", "expected"), [("goldhill.png", 8.4255), ("I01.webp", 10.2594)])
def test_published_values(score, name, expected):
    if not (file := data_root() / "niqe" / name).is_file():
        pytest.skip(f"no {file}")
    assert score(load_image(file)[None]).item() == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("size", [(64, 48), (14, 14), (51, 203)])
def test_is_the_formula(score, size, device, monkeypatch):
    monkeypatch.setattr(natural_scenes, "CHUNK", {"cpu": 1000, "cuda": 1000})  # several strips
    x = torch.rand(2, 3, *size)
    values = score.to(device)(x.to(device)).cpu()
    score.cpu()
    weights = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
    for image, value in zip(x.double().numpy() * 255, values, strict=True):
        level = np.tensordot(weights, image, 1).round()
        assert value.item() == pytest.approx(plain_brisque(level, score.state_dict()), rel=1e-6)


def test_batch_is_loop(score):
    x = torch.rand(3, 3, 50, 60)
    values = score(x)
    assert values.shape == (3,)
    assert values.dtype == torch.float64
    torch.testing.assert_close(values, torch.cat([score(one) for one in x.split(1)]), rtol=1e-9, atol=0)


def test_settings_change_it_and_are_told(score):
    x = torch.rand(1, 3, 50, 60)
    measure = BRISQUE(grey="y", rounded=False)
    assert len({score(x).item(), measure(x).item(), BRISQUE(rounded=False)(x).item()}) == 3
    assert repr(measure) == "BRISQUE(brisque.safetensors, grey='y', rounded=False)"
    about = {"grey": "y", "rounded": False}
    assert measure.provenance() == {"parameters": RELEASED.name, "parameters_sha256": SHA256, **about}


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (torch.rand(1, 3, 13, 40), ValueError, "13×40 pixels, too small for BRISQUE: the smallest image that works is"),
        (torch.rand(3, 40, 40), ValueError, r"must have shape \(N, 3, H, W\)"),
        (torch.rand(1, 3, 40, 40) - 1, ValueError, r"must have values in \[0, 1\]"),
        (torch.zeros(1, 3, 40, 40), ValueError, "needs images with contrast, image 0 of the batch has none"),
        (None, TypeError, "must be a torch.Tensor"),
    ],
)
def test_refuses_images(score, x, error, message):
    with pytest.raises(error, match=message):
        score(x)


def test_refuses_settings():
    with pytest.raises(ValueError, match="grey must be one of rgb2gray, y; got 'luma'"):
        BRISQUE(grey="luma")


def test_is_the_release():
    assert hashlib.sha256(RELEASED.read_bytes()).hexdigest() == SHA256
    with safe_open(RELEASED, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["source"].endswith("BRISQUE_release.zip")
    assert len(about["sha256"]) == 2
    assert "brisque.safetensors: " in RELEASED.with_name("NOTICE.txt").read_text()


def test_damage_is_told(tmp_path, monkeypatch):
    (tmp_path / "brisque.safetensors").write_bytes(RELEASED.read_bytes()[:-1] + b"x")
    monkeypatch.setattr("dsd.quality.brisque.RELEASED", tmp_path / "brisque.safetensors")
    with pytest.raises(ValueError, match="is damaged"):
        BRISQUE()


def test_the_converter_makes_the_shipped_files(tmp_path):
    folder = data_root() / "niqe"
    names = ("modelparameters.mat", "brisque-allmodel.txt", "brisque-allrange.txt")
    for name in names:
        if not (folder / name).is_file():
            pytest.skip(f"no {folder / name}")
    parameters, model, ranges = (folder / name for name in names)
    assert (
        convert_niqe(parameters, tmp_path / "n.safetensors").read_bytes()
        == RELEASED.with_name("niqe.safetensors").read_bytes()
    )
    assert convert_brisque(model, ranges, tmp_path / "b.safetensors").read_bytes() == RELEASED.read_bytes()
    with pytest.raises(ValueError, match="holds no ranges of BRISQUE's features"):
        convert_brisque(model, model, tmp_path / "b.safetensors")


def test_the_converter_refuses_other_files(tmp_path):
    (other := tmp_path / "other").write_text("svm_type c_svc\nkernel_type rbf\nSV\n")
    out = tmp_path / "out.safetensors"
    with pytest.raises(ValueError, match="is no model of BRISQUE: it is c_svc with kernel rbf"):
        convert_brisque(other, other, out)
    with pytest.raises(ValueError, match="must hold NIQE's mu_prisparam"):
        convert_niqe(other, out)
    for call in (lambda: convert_niqe(tmp_path / "none", out), lambda: convert_brisque(tmp_path / "none", other, out)):
        with pytest.raises(FileNotFoundError, match=r"no file .*none"):
            call()
    assert not out.exists()
