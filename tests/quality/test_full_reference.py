import numpy as np
import torch

from dsd import VGG19, load_backbone
from dsd.data.synthetic import write_distorted
from dsd.data.views import Photographs
from dsd.losses import DSDLoss, MultiScaleStyleLoss, PDLLoss, PerceptualLoss, StyleLoss
from dsd.quality.evaluate import KEYS
from dsd.quality.full_reference import compare, encode, score_all
from dsd.quality.lpips import LPIPS
from dsd.resize import downscale


def test_each_value_is_the_measure_of_the_losses_module():
    x, y = torch.rand(2, 1, 3, 32, 40)
    network = VGG19(("relu2_1", "relu3_1"), weights="random")
    with torch.inference_mode():
        values = compare(encode(x, network), encode(y, network))
    assert len(values) == 14
    for layer in network.layers:
        alone = VGG19((layer,), weights="random")
        losses = {
            "Perceptual": PerceptualLoss(alone),
            "PDL": PDLLoss(alone, p=2),
            "Style": StyleLoss(alone),
            "MSS": MultiScaleStyleLoss(alone),
            "DSD_2": DSDLoss(alone, alphas=(2,)),
            "DSD_4": DSDLoss(alone, alphas=(4,)),
        }
        expected = {measure: loss(x, y).item() for measure, loss in losses.items()}
        expected["Style_2"] = StyleLoss(alone)(downscale(x, 2), downscale(y, 2)).item()
        for measure, value in expected.items():
            np.testing.assert_allclose(values[f"{measure} {layer}"], value, rtol=1e-3)


def test_scores_of_several_networks(tmp_path):
    rated = write_distorted(Photographs.from_folder("embedded", resize=48, crop=32, count=1), tmp_path)
    networks = [VGG19(("relu1_2",), weights="random", padding=padding) for padding in ("zeros", "reflect")]
    alexnet = load_backbone("alexnet", weights="random", device="cpu")
    scores = score_all(rated, networks, [LPIPS(alexnet)])
    measures = ["Perceptual", "PDL", "Style", "Style_2", "MSS", "DSD_2", "DSD_4"]
    expected = [f"{measure} relu1_2 {padding}" for padding in ("zeros", "reflect") for measure in measures]
    assert list(scores) == [*KEYS, *expected, "LPIPS alexnet zeros"]
    assert len(scores) == 16
    assert scores.notna().all(axis=None)
    assert (scores["Style relu1_2 zeros"] != scores["Style relu1_2 reflect"]).all()
