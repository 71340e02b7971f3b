import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dsd.metrics import METRICS


@pytest.fixture
def pair():
    x = torch.rand(2, 3, 192, 176)
    return (x + 0.1 * torch.randn_like(x)).clamp(0, 1), x


@pytest.mark.parametrize("name", [name for name in METRICS if name != "lpips"])
def test_one_score_per_sample_and_the_reference_is_the_best(name, pair):
    if name == "contextual":
        pair = tuple(image[..., :32, :32] for image in pair)
    score = METRICS[name].make(backbone="vgg19", weights="random", precision="float32", device="cpu")
    distorted, reference = pair
    with torch.inference_mode():
        values, best = score(distorted, reference), score(reference, reference)
    assert values.shape == (2,)
    assert ((best > values) if METRICS[name].higher_is_better else (best < values)).all()


def test_psnr_and_ssim_are_scikit_images(pair):
    x, y = (image.permute(0, 2, 3, 1).double().numpy() for image in pair)
    scores = {name: METRICS[name].make()(*pair) for name in ("psnr", "ssim")}
    for index in range(2):
        psnr = peak_signal_noise_ratio(y[index], x[index], data_range=1)
        np.testing.assert_allclose(scores["psnr"][index], psnr, rtol=1e-4)
        ssim = structural_similarity(
            y[index],
            x[index],
            data_range=1,
            channel_axis=2,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        np.testing.assert_allclose(scores["ssim"][index], ssim, atol=2e-3)


def test_ms_ssim_names_the_smallest_size():
    with pytest.raises(ValueError, match="at least 161×161"):
        METRICS["ms-ssim"].make()(torch.rand(1, 3, 160, 200), torch.rand(1, 3, 160, 200))


def test_lpips_without_alexnet_says_where_to_get_it(monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(FileNotFoundError, match=r"LPIPS needs torchvision's AlexNet.*no network.*data/README.md"):
        METRICS["lpips"].make(device="cpu")


def test_lpips_scores_when_alexnet_is_there(monkeypatch, pair):
    import torchvision

    alexnet = torchvision.models.alexnet().state_dict()  # random weights: only that it runs is tested here
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *_, **__: alexnet)
    score = METRICS["lpips"].make(device="cpu")
    assert score(*pair).shape == (2,)
    assert (score(pair[1], pair[1]) == 0).all()
