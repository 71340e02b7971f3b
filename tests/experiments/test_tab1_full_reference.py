import numpy as np
import pandas as pd
import torch

from dsd import VGG19
from dsd.experiments import tab1_full_reference as tab1
from dsd.experiments.provenance import Result
from dsd.losses import DSDLoss, MultiScaleStyleLoss, PDLLoss, PerceptualLoss, StyleLoss


def test_each_cell_is_the_measure_of_the_losses_module():
    x, y = torch.rand(2, 1, 3, 32, 40)
    network = VGG19(("relu2_1", "relu3_1"), weights="random")
    with torch.inference_mode():
        values = tab1.compare(tab1.encode(x, network), tab1.encode(y, network))
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


def test_tables_are_written_into_the_repository(tmp_path, monkeypatch):
    rows = {"measure": ["Style"], "layer": ["relu2_1"], "pearson": [0.2], "pearson_low": [0.0], "pearson_high": [0.5]}
    monkeypatch.setattr(tab1, "REPOSITORY", tmp_path)
    tab1.write_tables(Result("tab1", pd.DataFrame(rows | {"paper": [0.645]}), {}), ".")
    assert "0.200" in (tmp_path / "tab1.md").read_text()
    assert "0.200" in (tmp_path / "tab1.tex").read_text()


def test_tables():
    correlations = pd.DataFrame(
        {
            "measure": ["DSD_2 relu3_1", "Style relu2_1", "Style relu3_1", "DSD_2 relu2_1"],
            "pearson": [0.1, 0.2, 0.3, 0.4],
        }
    ).assign(pearson_low=0.0, pearson_high=0.5)
    table = tab1.with_papers(correlations)
    assert list(table.columns[:2]) == ["measure", "layer"]
    ours, theirs = (tab1.grid(table, column) for column in ("pearson", "paper"))
    assert list(ours.index) == ["Style", "DSD_2"]
    assert list(ours.columns) == ["ReLU2_1", "ReLU3_1"]
    np.testing.assert_allclose(ours, [[0.2, 0.3], [0.4, 0.1]])
    np.testing.assert_allclose(theirs, [[0.645, 0.714], [0.463, 0.608]])
    text = tab1.markdown(tab1.printed(table)).splitlines()
    assert text[0] == "| Measure | ReLU2_1 | ReLU3_1 |"
    assert text[2] == "| Style | 0.200 [0.00, 0.50] (0.645) | 0.300 [0.00, 0.50] (0.714) |"
