import numpy as np
import pandas as pd
import pytest
import torch

from dsd import VGG19, table1
from dsd.data import Photographs
from dsd.data.distortions import DISTORTIONS, write_distorted
from dsd.data.rated import RatedImages
from dsd.losses import DSDLoss, MultiScaleStyleLoss, PDLLoss, PerceptualLoss, StyleLoss


@pytest.fixture(scope="module")
def photographs():
    return Photographs.from_folder("embedded", resize=256, crop=64, count=2)


def test_each_cell_is_the_measure_of_the_losses_module():
    x, y = torch.rand(2, 1, 3, 32, 40)
    network = VGG19(("relu2_1", "relu3_1"), weights="random")
    with torch.inference_mode():
        values = table1.compare(table1.describe(x, network), table1.describe(y, network))
    assert len(values) == 12
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
        for measure, loss in losses.items():
            np.testing.assert_allclose(values[f"{measure} {layer}"], loss(x, y).item(), rtol=1e-3)


@pytest.mark.parametrize("kind", DISTORTIONS)
def test_distortions_grow_with_their_amount(kind, photographs):
    x = photographs[0]
    distort, amounts = DISTORTIONS[kind]
    errors = [(distort(x, amount) - x).square().mean().item() for amount in amounts]
    assert all(distort(x, amount).shape == x.shape for amount in amounts)
    assert errors[0] > 0
    assert errors == sorted(errors)


def test_written_distortions_can_be_read_as_ratings(photographs, tmp_path):
    rated = write_distorted(photographs, tmp_path / "set")
    assert len(rated.pairs) == 2 * 4 * 6 * 2
    assert sorted({pair.preference for pair in rated.pairs}) == [0, 1]
    assert RatedImages.csv(tmp_path / "set" / "ratings.csv") == rated


def test_loads_what_it_is_given(tmp_path, photographs):
    write_distorted(photographs, tmp_path / "set")
    assert table1.load(str(tmp_path / "set" / "ratings.csv"), tmp_path).name == "set"
    assert len(table1.load("embedded", tmp_path / "new", resize=64, crop=48, count=1).pairs) == 48


def test_tables():
    correlations = pd.DataFrame(
        {
            "measure": ["DSD_2 relu3_1", "Style relu2_1", "Style relu3_1", "DSD_2 relu2_1"],
            "pearson": [0.1, 0.2, 0.3, 0.4],
        }
    ).assign(pearson_low=0.0, pearson_high=0.5)
    table = table1.with_papers(correlations)
    assert list(table.columns[:2]) == ["measure", "layer"]
    ours, theirs = (table1.grid(table, column) for column in ("pearson", "paper"))
    assert list(ours.index) == ["Style", "DSD_2"]
    assert list(ours.columns) == ["ReLU2_1", "ReLU3_1"]
    np.testing.assert_allclose(ours, [[0.2, 0.3], [0.4, 0.1]])
    np.testing.assert_allclose(theirs, [[0.645, 0.714], [0.463, 0.608]])
    text = table1.markdown(table1.printed(table)).splitlines()
    assert text[0] == "| Measure | ReLU2_1 | ReLU3_1 |"
    assert text[2] == "| Style | 0.200 [0.00, 0.50] (0.645) | 0.300 [0.00, 0.50] (0.714) |"
