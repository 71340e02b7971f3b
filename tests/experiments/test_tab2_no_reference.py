import numpy as np
import pandas as pd
import pytest
import torch

from dsd import VGG19Lite, load_image
from dsd.data.rated import Pair, RatedImages
from dsd.experiments import tab2_no_reference as tab2
from dsd.experiments import tab2_tables, tab2_types
from dsd.experiments.provenance import Result
from dsd.experiments.style import WIDTHS
from dsd.noref.q_dsd import QDSD
from dsd.noref.regressor import LAYERS
from dsd.quality.niqe import NIQE
from dsd.quality.unreferenced import Measures, score_unreferenced
from tests.noref.samples import save_regressor


@pytest.fixture(scope="module")
def regressor(tmp_path_factory):
    return save_regressor(tmp_path_factory.mktemp("psi") / "psi.safetensors")


@pytest.fixture(scope="module")
def computed(regressor):
    return tab2.compute(
        backbone="lite",
        weights="auto",
        precision="float32",
        alphas=[2],
        regressors=[str(regressor)],
        images=["embedded"],
        resize=192,
        crop=192,
        count=1,
        device="cpu",
        seed=0,
    )


def result_of(computed):
    origin = {
        "datasets": {name: images.provenance() for name, images in computed.datasets.items()},
        "parameters": {"preset": "test"},
        **{"backbone": "lite", "weights": "w", "weights_sha256": "1" * 64, "precision": "float32"},
        **{"commit": "0", "seconds": 1},
    }
    return Result("tab2", computed.table, origin)


def test_correlations_are_of_measures_that_see_no_reference(computed, regressor):
    table, (rated,) = computed.table, computed.datasets.values()
    whole = table[(table.kind == "correlation") & table.place.isin(tab2_tables.WHOLE)].set_index("measure")
    assert list(whole.index) == ["NIQE", "BRISQUE", "DSD_2", "log DSD_2"]
    assert whole.paper.tolist()[:3] == [0.223, 0.363, 0.330]
    assert set(table[table.kind == "correlation"].place) == {"image", "sum", *LAYERS}
    assert set(computed.extra["measures"]) == {"NIQE", "BRISQUE", "DSD_2"}
    assert np.isfinite(whole.pearson).all()
    assert rated.name == "known distortions"


def test_scores_are_the_measures(tmp_path, regressor):
    network, niqe = VGG19Lite(LAYERS), NIQE()
    x = torch.rand(3, 192, 192, generator=torch.Generator().manual_seed(0))
    from dsd.data.images import save_image

    files = [tmp_path / f"{name}.png" for name in "rab"]
    for k, path in enumerate(files):
        save_image((x / (1 + k)).clamp(0, 1), path)
    rated = RatedImages("set", [Pair(*files, 0.7)], "probability")
    q_dsd = QDSD(network, regressor=regressor)
    scores = score_unreferenced(rated, Measures([q_dsd], {"NIQE": niqe}), torch.device("cpu"))
    assert list(scores.distorted) == ["a.png", "b.png"]
    b = load_image(files[2])[None]
    with torch.inference_mode():
        expectation = q_dsd.expectation(b)
        np.testing.assert_allclose(scores["DSD_2 sum"][1], q_dsd(b).item(), rtol=1e-6)
        np.testing.assert_allclose(scores["NIQE image"][1], niqe(b).item())
    norms, predicted = expectation.norms[0].double().numpy(), expectation.predicted[0].double().numpy()
    np.testing.assert_allclose(scores["DSD_2 relu2_1"][1], abs(norms - predicted)[1], rtol=1e-5)
    logs = np.abs(np.log(np.maximum(norms, 1e-4)) - np.log(np.maximum(predicted, 1e-4)))
    np.testing.assert_allclose(scores["log DSD_2 sum"][1], logs.sum(), rtol=1e-5)


@pytest.mark.parametrize("width", WIDTHS)
def test_draws_the_paper_beside_ours(computed, width):
    figure = tab2.draw(result_of(computed), width)
    assert figure.get_figwidth() == WIDTHS[width]
    paper, own = figure.axes
    assert [label.get_text() for label in paper.get_yticklabels()][:4] == ["NIQE", "Ma", "BRISQUE", "DSD$_2$"]
    assert [text.get_text() for text in paper.texts] == [".223", ".284", ".363", ".330", ".444"]
    assert len(own.texts) == 4
    assert "other models than ours" in tab2.caption(result_of(computed))
    assert "trained on all of LIVE" not in tab2.caption(result_of(computed))


def live(computed):
    """The same as of LIVE."""
    result = result_of(computed)
    (data,) = result.provenance["datasets"].values()
    origin = {**result.provenance, "datasets": {"live": {**data, "dataset": "live", "summary": "live (…)"}}}
    return Result("tab2", result.table.assign(dataset="live"), origin)


def test_brisque_on_live_is_no_test(computed):
    result = live(computed)
    cells = tab2_tables.printed(result)
    assert cells.loc["BRISQUE", "LIVE"].endswith("], no test")
    assert cells.loc["NIQE", "LIVE"].endswith("]")
    assert cells.loc["Ma", "LIVE"] == "–"
    assert cells.loc["NIQE", "Paper: PieAPP"] == ".223 (another model)"
    assert "no test" in tab2.caption(result)
    texts = [text.get_text() for text in tab2.draw(result).axes[1].texts]
    assert sum(text.startswith("(") for text in texts) == 1


def test_tables(computed, tmp_path):
    result = result_of(computed)
    tab2_tables.write_tables(result, tmp_path)
    lines = (tmp_path / "tab2.md").read_text().splitlines()
    assert lines[0] == "| Measure | Paper: PieAPP | known distortions |"
    assert lines[2].startswith("| NIQE | .223 (another model) | ")
    assert "\\begin{tabular}{@{}lll@{}}" in (tmp_path / "tab2.tex").read_text()
    assert list(tab2_tables.by_layer(result).loc["DSD_2"].index) == ["ReLU1_2", "ReLU2_1", "ReLU2_2", "ReLU3_1", "sum"]
    differences = tab2_tables.differences(result)
    assert ("DSD_2 − NIQE", "known distortions") in differences.index


def test_one_by_one(regressor):
    measure = QDSD(VGG19Lite(LAYERS), regressor=regressor)
    x = torch.rand(3, 64, 64)
    table = tab2_tables.one_by_one(measure, {"x": x})
    assert table["x", "distance"]["sum"] == pytest.approx(measure(x[None]).item(), rel=1e-5)
    assert table["x", "distance"][:4].to_numpy() == pytest.approx(abs(table["x", "expected"] - table["x", "‖DSD‖"])[:4])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("measures", [tab2_types.SHOWN, tab2_types.SHOWN[:3]])
def test_types(computed, width, measures):
    rows = [
        {"kind": "type", "dataset": "tid2013", "type": kind, "measure": measure, "place": "sum"}
        | {f"{s}{end}": 0.5 for s in ("agreement", "bias") for end in ("", "_low", "_high")}
        for kind in ("blur", "white noise")
        for measure in measures
    ]
    origin = result_of(computed).provenance
    result = Result("tab2", pd.DataFrame(rows), origin)
    figure = tab2_types.draw_types(result, width)
    left, _ = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["blur", "white noise"]
    assert "2 of TID2013" in tab2_types.types_caption(result)
    assert tab2_types.draw_types(Result("tab2", result.table.iloc[:0], origin)) is None
