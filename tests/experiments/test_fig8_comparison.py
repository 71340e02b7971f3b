import numpy as np
import pandas as pd
import pytest
import torch

from dsd.data.images import load_image, to_uint8
from dsd.experiments import fig8_comparison, provenance, style
from dsd.experiments.provenance import Result
from dsd.paths import data_root
from dsd.restore.apply import restore
from dsd.restore.evaluate import Evaluator
from dsd.restore.model import load_model
from dsd.restore.shipped import find_model
from dsd.restore.testing import pairs_of


@pytest.fixture
def parameters(parameters_of):
    return parameters_of("fig8", weights="auto", models={"L1": "l1"}, shown={"embedded/brick": [48, 32, 60]})


def texts(figure):
    return [text for axis in figure.axes for text in (axis.get_title(), axis.get_xlabel()) if text]


def test_close_ups_and_numbers_are_those_of_the_network(parameters, tmp_path):
    result = provenance.load_or_compute(fig8_comparison, parameters, tmp_path)
    (pair,) = (pair for pair in pairs_of("embedded") if pair.image == "brick")
    restored = restore(load_model(find_model("l1"))[0], pair.degraded[None])
    table = result.table.set_index("method")
    assert list(table.index) == ["Bicubic", "L1", "Ground truth"]
    values = Evaluator(["psnr_y", "lpips"], device="cpu")(restored, pair.clean[None])
    assert pytest.approx(values["psnr_y"].item(), rel=1e-5) == table.psnr_y.L1
    assert table.psnr_y["Ground truth"] == np.inf
    assert table.psnr_y.Bicubic < table.psnr_y.L1
    written = to_uint8(load_image(tmp_path / "fig8_embedded-brick-L1.png")).astype(int)
    assert np.abs(written - to_uint8(restored[0, :, 48:108, 32:92])).max() <= 1
    assert result.images["embedded brick Whole"].shape == (3, 96, 96)
    assert result.provenance["weights_sha256"] == load_model(find_model("l1"))[1]["model_sha256"]
    for width in ("page", "column"):
        figure = fig8_comparison.draw(result, width)
        assert figure.get_figwidth() == style.figure_width(width)
        assert texts(figure)[:3] == ["embedded\nbrick", "Bicubic", texts(figure)[2]]
        assert f"{table.psnr_y.L1:.2f} dB" in texts(figure)[4]
        assert "inf" not in " ".join(texts(figure))
    caption = fig8_comparison.caption(result)
    assert "4 pixels cut from each side" in caption
    assert "published" not in caption


@pytest.mark.skipif(not (data_root() / "sr" / "bsd100").is_dir(), reason="published results are not here")
def test_published_results_where_there_are_some():
    assert fig8_comparison._published("BSD100/108082", "vdsr").name == "108082.webp"
    assert fig8_comparison._published("BSD100/3096", "vdsr") is None
    assert fig8_comparison._published("BSD100/108082", "esrgan") is None
    assert fig8_comparison._published("Set14/baboon", "esrgan").name == "baboon_esrgan.png"
    assert fig8_comparison._published("Set14/zebra", "esrgan") is None
    assert fig8_comparison._published("Set14/baboon", "vdsr") is None


def test_a_row_may_lack_methods(parameters):
    rows = [
        ("BSD100", 3096, "Bicubic", 25.0, 0.5, 7.0),
        ("BSD100", 3096, "VDSR", 26.0, 0.4, 6.0),
        ("BSD100", 3096, "Ground truth", np.inf, 0.0, 2.0),
        ("Set14", "comic", "Bicubic", 25.0, 0.5, float("nan")),
        ("Set14", "comic", "Ground truth", np.inf, 0.0, float("nan")),
    ]
    table = pd.DataFrame(rows, columns=["set", "image", "method", "psnr_y", "lpips", "niqe"])
    shown = {"BSD100/3096": [0, 0, 8], "Set14/comic": [0, 0, 8]}
    images = {f"{row[0]} {row[1]} {kind}": torch.rand(3, 8, 8) for row in rows for kind in (row[2], "Whole")}
    done = parameters | {"shown": shown, "methods": ["vdsr", "esrgan"]}
    result = Result("fig8", table, {"parameters": done, "protocol": "as it is"}, images)
    figure = fig8_comparison.draw(result)
    assert texts(figure).count("VDSR") == 1
    assert "25.00 dB\nLPIPS 0.500" in texts(figure)
    assert "NIQE 2.00" in texts(figure)
    caption = fig8_comparison.caption(result)
    assert "published networks (VDSR)," in caption
    assert "as it is" in caption


def test_what_cannot_be_is_refused(parameters):
    given = {key: value for key, value in parameters.items() if key not in ("preset", "redraw")}
    with pytest.raises(ValueError, match="no results of srgan"):
        fig8_comparison.compute(**given | {"methods": ["srgan"]})
    with pytest.raises(ValueError, match="no image 'wall'"):
        fig8_comparison.compute(**given | {"shown": {"embedded/wall": [0, 0, 8]}})
    with pytest.raises(ValueError, match="not within"):
        fig8_comparison.compute(**given | {"shown": {"embedded/brick": [160, 0, 48]}})
