import numpy as np
import pandas as pd
import pytest
import torch

from dsd import VGG19Lite
from dsd.data.distortions import MORE_DISTORTIONS, contrast, ringing
from dsd.data.views import Photographs
from dsd.experiments import noref_report
from dsd.experiments.provenance import Result
from dsd.experiments.style import WIDTHS
from dsd.noref.q_dsd import QDSD
from dsd.noref.regressor import LAYERS
from tests.noref.samples import save_regressor


def test_rows_are_of_every_copy(tmp_path):
    file = save_regressor(tmp_path / "psi.safetensors")
    views = {"resize": 200, "crop": 192, "count": 2, "crops": 1, "seed": 0}
    computed = noref_report.compute(
        backbone="lite",
        weights="auto",
        precision="float32",
        alphas=[2],
        regressors=[str(file)],
        images="embedded",
        distorted=1,
        device="cpu",
        **views,
    )
    table = computed.table
    assert len(table) == 6 * (2 + 4 * len(MORE_DISTORTIONS))  # four layers, NIQE, BRISQUE
    own = table[(table["view"] == 1) & (table.measure == "DSD_2")]
    x = Photographs.from_folder("embedded", **views)[1][None]
    with torch.inference_mode():
        expectation = QDSD(VGG19Lite(LAYERS), regressor=file).expectation(x)
    np.testing.assert_allclose(own.value, expectation.norms[0], rtol=1e-5)
    np.testing.assert_allclose(own.predicted, expectation.predicted[0], rtol=1e-4)
    sums = noref_report.summed(Result("noref-report", table, {"parameters": {"seed": 0}}))
    value = sums[(sums["view"] == 1) & (sums.measure == "DSD_2")].value.item()
    np.testing.assert_allclose(value, (expectation.norms - expectation.predicted).abs().sum().item(), rtol=1e-4)


@pytest.fixture
def result():
    """Of three photographs; ψ is right by 10 % too much, and each distortion takes away a tenth more with each step."""
    rows = []
    for view in range(3):
        for distortion, strength in [("none", 0), *((name, k) for name in MORE_DISTORTIONS for k in (1, 2, 3, 4))]:
            at = {"file": f"{view}.png", "view": view, "distortion": distortion, "strength": strength}
            for measure in ("DSD_2", "DSD_4"):
                norm = 0.01 * (1 + view)
                of = {"measure": measure, "predicted": 1.1 * norm, "value": norm * (1 - strength / 10)}
                rows += [{**at, **of, "layer": layer} for layer in LAYERS]
            rows += [
                {**at, "measure": "NIQE", "value": 5.0 + view - strength},
                {**at, "measure": "BRISQUE", "value": 20.0 + view + strength % 3},
            ]
    return Result("noref-report", pd.DataFrame(rows), {"parameters": {"seed": 0}})


def test_predictions(result):
    row = noref_report.predictions(result).loc["DSD_2", "relu3_1"]
    assert row[["spearman", "pearson"]].tolist() == pytest.approx([1, 1])
    norms = np.array([1, 2, 3])
    assert row.explained == pytest.approx(1 - np.mean((0.1 * norms) ** 2) / np.var(norms))
    assert row[["error", "bias"]].tolist() == pytest.approx([0.1, 0.1])


def test_joint_deviation(result):
    """Photographs 3 to 22 have no copies: their deviations are usual ones."""
    random = np.random.default_rng(0)
    usual = 0.1 * random.standard_normal((20, 4)) @ random.standard_normal((4, 4))
    rows = [
        {"file": "x", "view": 3 + view, "distortion": "none", "strength": 0, "measure": "DSD_2", "layer": layer}
        | {"value": 0.01 * np.exp(usual[view, k]), "predicted": 0.01}
        for view in range(20)
        for k, layer in enumerate(LAYERS)
    ]
    table = pd.concat([result.table[result.table.measure == "DSD_2"], pd.DataFrame(rows)], ignore_index=True)
    sums = noref_report.summed(Result("noref-report", table, result.provenance))
    of = sums[(sums.measure == "joint DSD_2") & (sums["view"] == 0) & (sums.distortion == "blur")]
    expected = []
    for strength in (1, 2, 3, 4):
        x = np.log((1 - strength / 10) / 1.1) - usual.mean(axis=0)
        expected.append(np.sqrt(x @ np.linalg.solve(np.cov(usual.T), x)))
    np.testing.assert_allclose(of.value, expected, rtol=1e-6)


def test_rises(result):
    rises = noref_report.rises(result)
    assert rises.loc["DSD_2", "blur"].tolist() == pytest.approx([1, 1, 1, 1])
    assert rises.loc["log DSD_2", "noise"].spearman == pytest.approx(1)
    assert rises.loc["NIQE", "ringing"][["spearman", "above"]].tolist() == pytest.approx([-1, 0])


@pytest.mark.parametrize("width", WIDTHS)
def test_draws_every_panel(result, width):
    figure = noref_report.draw(result, width)
    assert figure.get_figwidth() == WIDTHS[width]
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:4] == [f"ReLU{layer}: 1.00, 1.00" for layer in ("1_2", "2_1", "2_2", "3_1")]
    assert titles[4:] == ["blur", "white noise", "JPEG", "down- and upscaled", "ringing", "less contrast"]
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[4].lines}
    steps = np.array([0, 1, 2, 3, 4])
    np.testing.assert_allclose(lines["NIQE"], -steps)  # of photographs, NIQE differs by 1
    np.testing.assert_allclose(lines["DSD$_2$"], 4 * steps * 0.002 / 0.004)  # of the second photograph
    assert "of 3 photographs" in noref_report.caption(result)


def test_ringing_and_contrast():
    x = torch.rand(3, 33, 40, generator=torch.Generator().manual_seed(0))
    cut = np.fft.fft2(x.numpy())
    rows, columns = np.abs(np.fft.fftfreq(33))[:, None], np.abs(np.fft.fftfreq(40))
    cut[:, ~((rows <= 0.25) & (columns <= 0.25))] = 0
    np.testing.assert_allclose(ringing(x, 0.5), np.fft.ifft2(cut).real, atol=1e-5)
    np.testing.assert_allclose(contrast(x, 0.5), (x + x.mean()) / 2, atol=1e-6)
