"""NIQE against the release's values, against plain NumPy; models of one's own."""

import hashlib
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from scipy.special import gamma
from torch.nn.functional import pad

from dsd.data.images import embedded_photographs, load_image
from dsd.paths import data_root
from dsd.quality.niqe import NIQE, RELEASED, SHA256, Normal, block_features, niqe
from dsd.quality.niqe_fit import fit
from dsd.resize import downscale
from tests.quality.test_natural_scenes import numpy_asymmetric, numpy_contrast, numpy_pairs

# niqe3.webp is not among them: a fifth of it is exactly constant, where the release's value, 7.864, is of rounding.
PUBLISHED = {"niqe1.webp": 5.029, "niqe2.webp": 17.866, "niqe4.webp": 2.657}


@pytest.fixture(scope="module")
def score():
    return NIQE()


def images(count=2, size=(200, 300)):
    """Noise, smoothed by amounts that differ from place to place, so that blocks differ."""
    noise = torch.rand(count, 3, *size)
    smooth = torch.nn.functional.avg_pool2d(pad(noise, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    share = torch.linspace(0, 1, size[1])
    return share * noise + (1 - share) * smooth


def plain_niqe(level, mean, covariance):
    """NIQE of one grey image (H, W), in loops."""
    height, width = (side // 96 * 96 for side in level.shape)
    level = level[:height, :width]
    scales = []
    for side in (96, 48):
        coefficients, _ = numpy_contrast(level, "nearest")
        rows = []
        for top in range(0, level.shape[0], side):
            for start in range(0, level.shape[1], side):
                block = coefficients[top : top + side, start : start + side]
                row = []
                for pair, values in enumerate([block, *numpy_pairs(block)]):
                    alpha, *deviations = numpy_asymmetric(values)
                    left, right = np.array(deviations) * np.sqrt(gamma(1 / alpha) / gamma(3 / alpha))
                    if pair:
                        row += [alpha, (right - left) * gamma(2 / alpha) / gamma(1 / alpha), left, right]
                    else:
                        row += [alpha, (left + right) / 2]
                rows.append(row)
        scales.append(np.array(rows))
        level = downscale(torch.from_numpy(level)[None, None], 2)[0, 0].numpy()
    features = np.hstack(scales)
    difference = features.mean(0) - mean
    return np.sqrt(difference @ np.linalg.pinv((np.cov(features.T) + covariance) / 2) @ difference)


@pytest.mark.parametrize(("name", "expected"), PUBLISHED.items())
def test_published_values(score, name, expected):
    if not (file := data_root() / "niqe" / name).is_file():
        pytest.skip(f"no {file}")
    assert score(load_image(file)[None]).item() == pytest.approx(expected, abs=1e-3)


def test_published_value_of_rounding(score):
    """Constant areas: what other implementations' rounding makes of them differs by up to 0.4; see PUBLISHED."""
    if not (file := data_root() / "niqe" / "niqe3.webp").is_file():
        pytest.skip(f"no {file}")
    assert score(load_image(file)[None]).item() == pytest.approx(7.6303, abs=1e-3)


def test_is_the_formula(score, device):
    x = images()
    values = score.to(device)(x.to(device)).cpu()
    score.cpu()
    weights = np.array([0.298936021293775, 0.587043074451121, 0.114020904255103])
    for image, value in zip(x.double().numpy() * 255, values, strict=True):
        level = np.tensordot(weights, image, 1).round()
        assert value.item() == pytest.approx(plain_niqe(level, score.mean.numpy(), score.covariance.numpy()), rel=1e-8)


def test_batch_is_loop(score):
    x = images(3)
    values = score(x)
    assert values.shape == (3,)
    assert values.dtype == torch.float64
    torch.testing.assert_close(values, torch.cat([score(one) for one in x.split(1)]), rtol=1e-9, atol=0)
    model = Normal(score.mean, score.covariance)
    assert torch.equal(values, niqe(x, model))
    torch.testing.assert_close(values, score(x.double()), rtol=1e-4, atol=0)


def test_border_and_what_is_left_over_are_cut(score):
    x = images(1, (192, 288))
    frame = pad(x, (4, 9, 4, 30), value=0.5)
    assert torch.equal(NIQE(border=4)(frame), score(x))


def test_settings_change_it_and_are_told(score):
    x = images(1)
    values = {score(x).item(), NIQE(rounded=False)(x).item(), NIQE(grey="y")(x).item(), NIQE(border=4)(x).item()}
    assert len(values) == 4
    measure = NIQE(grey="y", rounded=False, border=4)
    assert repr(measure) == "NIQE(niqe.safetensors, grey='y', rounded=False, border=4)"
    about = {"grey": "y", "rounded": False, "border": 4}
    assert measure.provenance() == {"parameters": RELEASED.name, "parameters_sha256": SHA256, **about}
    json.dumps(measure.provenance())


def test_constant_blocks_are_left_out(score):
    """As MATLAB's nanmean and nancov leave them out, but for their shapes, which are 0.2."""
    x = images(1, (192, 288))
    x[..., 192:] = 0.25  # the last column of blocks, but for the edge that the windows see
    x[..., 180:192] = 0.25
    features, _ = block_features(x)
    assert features.isnan().any(dim=2).tolist() == [[False, False, True, False, False, True]]
    assert (features[0, 2, [0, 2, 6, 10, 14]] == 0.2).all()
    assert score(x).isfinite().all()


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (
            torch.rand(1, 3, 95, 200),
            ValueError,
            "95×200 pixels, too small for one of NIQE's blocks of 96×96: the small",
        ),
        (torch.rand(3, 96, 96), ValueError, r"must have shape \(N, 3, H, W\)"),
        (torch.rand(1, 3, 96, 96) + 1, ValueError, r"must have values in \[0, 1\]"),
        (
            torch.rand(1, 3, 96, 96),
            ValueError,
            "at least two blocks of 96×96 pixels that have contrast: image 0 of the",
        ),
        (torch.zeros(1, 3, 200, 200), ValueError, r"has 0 of 4 \(a constant image has none\)"),
        (torch.full((1, 3, 200, 200), 0.3), ValueError, r"has 0 of 4 \(a constant image has none\)"),
        (None, TypeError, "must be a torch.Tensor"),
    ],
)
def test_refuses_images(score, x, error, message):
    with pytest.raises(error, match=message):
        score(x)


def test_says_which_image_of_a_batch(score):
    with pytest.raises(ValueError, match="image 1 of the batch has 0 of 4"):
        score(torch.stack((torch.rand(3, 192, 192), torch.ones(3, 192, 192))))


def test_refuses_settings(tmp_path):
    with pytest.raises(ValueError, match="too small for one of NIQE's blocks of 96×96, 4 of them cut from each side: "):
        NIQE(border=4)(torch.rand(1, 3, 103, 200))
    with pytest.raises(ValueError, match="grey must be one of rgb2gray, y; got 'luma'"):
        NIQE(grey="luma")
    with pytest.raises(ValueError, match="border must be an integer of at least 0, got -1"):
        NIQE(border=-1)
    with pytest.raises(FileNotFoundError, match="no weight file at"):
        NIQE(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match=r"is no model of NIQE: finite mean of shape \(36,\) is expected"):
        NIQE(RELEASED.with_name("brisque.safetensors"))


def test_is_the_release():
    assert hashlib.sha256(RELEASED.read_bytes()).hexdigest() == SHA256
    with safe_open(RELEASED, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about["source"].endswith("niqe_release.zip")
    assert about["sha256"].keys() == {"modelparameters.mat"}
    assert "niqe.safetensors: " in (notice := RELEASED.with_name("NOTICE.txt").read_text())
    assert "Copyright (c) 2011 The University of Texas at Austin" in notice


def test_damage_is_told(tmp_path, monkeypatch):
    (tmp_path / "niqe.safetensors").write_bytes(RELEASED.read_bytes()[:-1] + b"x")
    monkeypatch.setattr("dsd.quality.niqe.RELEASED", tmp_path / "niqe.safetensors")
    with pytest.raises(ValueError, match="is damaged"):
        NIQE()


def test_a_model_of_ones_own(tmp_path):
    photographs = [load_image(path) for path in embedded_photographs()]
    path = fit(photographs, tmp_path / "new" / "own.safetensors", border=2)
    own = NIQE(path, border=2)
    assert own.provenance()["parameters"] == "own.safetensors"
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about == {"images": 10, "blocks": about["blocks"], "grey": "rgb2gray", "rounded": True, "border": 2}
    blocks = []
    for photograph in photographs:
        features, sharpness = block_features(photograph[None], border=2)
        blocks.append(features[sharpness > 0.75 * sharpness.max()])
    blocks = torch.cat(blocks)
    assert about["blocks"] == len(blocks) > 36
    torch.testing.assert_close(own.mean, blocks.mean(0))
    torch.testing.assert_close(own.covariance, blocks.T.cov())
    x = photographs[4][None]
    assert own(x).item() == niqe(x, Normal(own.mean, own.covariance), border=2).item()
    noisy = (x + 0.2 * torch.randn_like(x)).clamp(0, 1)
    assert own(noisy) > own(x) + 1


def test_refuses_models(tmp_path):
    with pytest.raises(ValueError, match="more than 36 sharp blocks of 96×96 pixels, got 0: add images"):
        fit([], tmp_path / "own.safetensors")
    with pytest.raises(ValueError, match=r"out must end in \.safetensors"):
        fit([torch.rand(3, 96, 96)], tmp_path / "own.pth")
    with pytest.raises(ValueError, match="too small for one of NIQE's blocks"):
        fit([torch.rand(3, 90, 90)], tmp_path / "own.safetensors")
    assert not list(tmp_path.iterdir())
