import shutil

import numpy as np
import pytest

from dsd.experiments import fig9_planes as fig9
from dsd.experiments import fig9_points
from dsd.experiments.provenance import Result
from dsd.experiments.style import WIDTHS
from dsd.experiments.verdicts_tables import figure9
from dsd.restore.evaluate import Evaluator
from dsd.restore.testing import pairs_of
from tests.experiments.restored import made_up_scores

RUNS = ["style relu2_2 0", "dsd relu2_2 0", "dsd relu2_2 1", "dsd relu2_1 0"]
IMAGES = [pair.image for pair in pairs_of("embedded", 3)]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Another network's results of the first two images: the clean ones."""
    folder = tmp_path_factory.mktemp("other") / "mine"
    folder.mkdir()
    from dsd.data.images import save_image

    for pair in pairs_of("embedded", 2):
        save_image(pair.clean, folder / f"{pair.image}.png")
    return folder


@pytest.fixture
def result_of(parameters_of, monkeypatch):
    def result_of(**changes):
        parameters = parameters_of("fig9", runs=RUNS, **changes)

        def scores(config, runs, folder, sets, **_):
            return made_up_scores(runs, dict.fromkeys(sets, IMAGES))

        monkeypatch.setattr(fig9, "train_and_score", scores)
        computed = fig9.compute(**{key: parameters[key] for key in parameters if key not in ("preset", "redraw")})
        origin = {
            "datasets": {name: images.provenance() for name, images in computed.datasets.items()},
            "parameters": parameters,
            "weights_sha256": "random",
            **computed.extra,
        }
        return Result("fig9", computed.table, origin)

    return result_of


def test_front():
    ssim, niqe = np.array([0.9, 0.8, 0.8, 0.7, np.nan]), np.array([5.0, 4.0, 4.5, 4.0, 1.0])
    assert fig9_points.on_front(ssim, niqe).tolist() == [True, True, False, False, False]


def test_only_images_that_all_have(result_of, results):
    table = result_of(methods=[str(results)]).table
    values = table[table.statistic == "value"]
    assert set(values.image) == set(IMAGES[:2])
    assert set(values.name) == {"Bicubic", "L1 model", "Style", "DSD", "mine", "Ground truth"}
    assert values[values.name == "mine"].ssim_y.min() == pytest.approx(1)
    pair = next(pairs_of("embedded", 1))
    niqe = Evaluator(["niqe_authors"], device="cpu")(pair.clean[None])["niqe_authors"].item()
    truth = values[(values.name == "Ground truth") & (values.image == pair.image)]
    assert truth.niqe_authors.item() == pytest.approx(niqe)
    dsd = table[(table.statistic == "mean") & (table.name == "DSD") & (table.layer == "relu2_2")]
    assert dsd.seeds.item() == 2
    scores = made_up_scores(RUNS, {"embedded": IMAGES})
    scores = scores[(scores.loss == "dsd") & (scores.layer == "relu2_2") & scores.image.isin(IMAGES[:2])]
    assert dsd.niqe_authors.item() == pytest.approx(scores.niqe_authors.mean())
    assert dsd.ssim_rgb_authors.item() == pytest.approx(scores.ssim_rgb_authors.mean())


@pytest.mark.parametrize("width", WIDTHS)
def test_draws_both_panels(result_of, width):
    result = result_of(deblur_runs=["none - 0", "dsd relu2_2 0"])
    figure = fig9.draw(result, width)
    assert figure.get_figwidth() == WIDTHS[width]
    a, b = figure.axes
    assert a.get_title(loc="left") == "(a) super-resolution, ×4\nembedded (3 images)"
    assert b.get_title(loc="left") == "(b) motion deblurring\nembedded shaken (3 images)"
    assert {text.get_text() for text in a.texts} == {"2_1", "2_2"}
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"Bicubic", "Blurred", "DSD", "front", "ground truth's NIQE"} <= set(names)
    caption = fig9.caption(result)
    assert "(a) super-resolution, ×4 on embedded, the 3 images that all have; (b) motion deblurring" in caption
    assert "images not rounded" in caption


def test_the_usual_protocol(result_of):
    result = result_of(protocol="usual")
    (axis,) = fig9.draw(result).axes
    assert axis.get_xlabel().startswith("SSIM of Y")
    assert "rounded to 8 bits" in fig9.caption(result)
    with pytest.raises(ValueError, match="protocol must be one of authors, usual; got 'mine'"):
        result_of(protocol="mine")


def test_results_of_other_images_are_an_error(result_of, results, tmp_path):
    shutil.copy(results / f"{IMAGES[0]}.png", tmp_path / "another.png")
    with pytest.raises(ValueError, match="no image of embedded is among the results of all"):
        result_of(methods=[str(tmp_path)])
    with pytest.raises(FileNotFoundError):
        result_of(methods=["nowhere"])


def test_verdict(result_of):
    (row,) = figure9(None)
    assert row.verdict == "not run"
    (row,) = figure9(result_of())
    assert row.verdict == "direction only"
    assert ", rank 1 of 4; SSIM " in row.here
