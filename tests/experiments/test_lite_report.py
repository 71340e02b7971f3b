from itertools import product

import pandas as pd
import pytest

from dsd.backbones.lite import TEACHER_SHA256
from dsd.experiments import lite_report
from dsd.experiments.provenance import Result
from dsd.experiments.style import WIDTHS


def test_held_out(tmp_path, monkeypatch):
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    for name in ("imagenet-sample/n00000001_a.JPEG", "imagenet-sample/n00000002_b.JPEG", "bsds500/val/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    photographs, contents = lite_report.load("held out", ["bsds500/val/1.jpg"], resize=48, crop=32, count=10)
    assert {view.path.name for view in photographs.views} == {"n00000001_a.JPEG", "1.jpg"}
    assert [view.path.name for view in contents.views] == ["1.jpg"]


@pytest.fixture
def result(parameters_of):
    parameters = parameters_of("lite-report", layers=["relu1_2", "relu2_1"])
    each = list(product(parameters["layers"], parameters["alphas"]))
    what = ("rank of ‖DSD‖", "rank of L_DSD", "error of DSD", "Self/Random", "‖DSD‖")
    rows = [
        *((what, *key, 0.9 + number / 100, kind, 10) for kind, what in product(["photographs", "pages"], what)
          for number, key in enumerate(each)),
        *(("agreement with people", *key, 0.01, "rated", 40) for key in each),
        *(("as a loss", name, 2, share, "optimised", 1) for name, share in (("grass", 0.91), ("rocket", 0.83))),
    ]  # fmt: skip
    origin = {
        "parameters": parameters,
        "weights_sha256": TEACHER_SHA256,
        "student": {"weights": "lite.safetensors", "weights_sha256": "0123456789"},
    }
    return Result(
        "lite-report", pd.DataFrame(rows, columns=["what", "layer", "alpha", "value", "images", "count"]), origin
    )


@pytest.mark.parametrize("width", WIDTHS)
def test_draws_every_panel(result, width):
    figure = lite_report.draw(result, width)
    assert figure.get_figwidth() == WIDTHS[width]
    assert figure.get_suptitle() == ""
    panels = {axis.get_title()[:3]: axis for axis in figure.axes}
    assert set(panels) == {"", *(f"({letter})" for letter in "abcdefgh")}
    assert panels["(a)"].lines[2].get_ydata().tolist() == [0.91, 0.93]  # alpha 4
    assert [bar.get_height() for bar in panels["(f)"].patches] == [0.91, 0.83]
    legend = [text.get_text() for text in panels[""].get_legend().get_texts()]
    assert legend == ["aim", "α = 2", "α = 4", "photographs (10)", "pages (10)"]
    assert "0.900, the largest median error 0.93" in lite_report.caption(result)
    assert "pixels of pairs 1, 2 reach 91%, 83% of the decrease" in lite_report.caption(result)


def test_any_number_of_kinds_is_drawn(result):
    rows = result.table[result.table.images == "pages"]
    kinds = [f"kind {number}" for number in range(9)]
    table = pd.concat([result.table, *(rows.assign(images=kind) for kind in kinds)], ignore_index=True)
    figure = lite_report.draw(Result(result.name, table, result.provenance))
    (panel,) = [axis for axis in figure.axes if axis.get_title().startswith("(g)")]
    assert len(panel.lines) == 11


def test_other_weights_are_named(result):
    other = Result(result.name, result.table, dict(result.provenance) | {"weights_sha256": "1"})
    assert lite_report.draw(other).get_suptitle() == "with other weights than it was distilled from"
