from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dsd.data.synthetic import write_distorted
from dsd.data.views import Photographs
from dsd.experiments import output, tab1_tables, tab1_types
from dsd.experiments import tab1_full_reference as tab1
from dsd.experiments.provenance import Result
from dsd.experiments.style import MEASURES, WIDTHS
from dsd.quality.comparison import in_columns

ENDS = {"pearson": 0.0, "pearson_low": -0.1, "pearson_high": 0.1}


def result(*sets, types=("blur", "noise")):
    """A table as of two layers, two paddings and LPIPS; correlations rise by 0.01 from row to row."""
    rows = []
    for name in sets:
        measures = [
            f"{m} {layer} zeros"
            for layer in ("relu2_1", "relu3_1")
            for m in ("Perceptual", "Style", "Style_2", "DSD_2")
        ]
        measures += ["Style relu2_1 reflect", "LPIPS alexnet zeros"]
        rows += [
            {"dataset": name, "kind": "correlation", "measure": measure}
            | {end: value + 0.5 + 0.01 * index for end, value in ENDS.items()}
            for index, measure in enumerate(measures)
        ]
        for index, kind in enumerate(types):
            row = {"dataset": name, "kind": "type", "type": kind}
            statistics = {f"{s}{end}": 0.1 * index for s in ("agreement", "bias") for end in ("", "_low", "_high")}
            own = [{"measure": f"{m} relu3_1 zeros"} for m in ("Perceptual", "Style", "MSS", "DSD_2")]
            leads = [
                {"measure": "DSD_2 relu3_1 zeros", "minus": f"{m} relu3_1 zeros"}
                for m in ("Perceptual", "Style", "MSS")
            ]
            rows += [row | statistics | names for names in own + leads]
    rows.append(
        {"dataset": "all", "kind": "next reference", "measure": "DSD_2 relu3_1 zeros", "minus": "Style relu3_1 zeros"}
    )
    data = {
        f"rated {i}": {"dataset": name, "references": 1 + i, "summary": f"{name} (…)"} for i, name in enumerate(sets)
    }
    origin = {
        "datasets": data,
        "parameters": {"preset": "test"},
        "backbone": "vgg19",
        "weights": "w",
        "weights_sha256": "1" * 64,
    }
    return Result(
        "tab1", in_columns(pd.DataFrame(rows)), origin | {"precision": "float32", "commit": "0", "seconds": 1}
    )


def test_tables():
    rows = tab1_tables.correlations_of(result("set"), "set")
    assert list(rows.measure) == [*["Perceptual"] * 2, *["Style"] * 2, *["DSD_2"] * 2, "LPIPS"]
    assert list(rows.layer) == [*["relu2_1", "relu3_1"] * 3, "alexnet"]
    cells = tab1_tables.printed(rows)
    assert list(cells.columns) == ["ReLU2_1", "ReLU3_1"]
    text = tab1_tables.markdown(cells).splitlines()
    assert text[0] == "| Measure | ReLU2_1 | ReLU3_1 |"
    assert text[3] == "| Style | 0.510 [0.41, 0.61] (0.645) | 0.550 [0.45, 0.65] (0.714) |"
    assert text[5] == "| LPIPS, whole AlexNet |  | 0.590 [0.49, 0.69] (0.641) |"


def test_tables_in_latex():
    rows = tab1_tables.correlations_of(result("set"), "set")
    ours = tab1_tables.tabular(rows, "live_1 & 2").splitlines()
    assert ours[0] == "\\begin{tabular}{@{}p{1.35in}*{2}{p{0.9in}}@{}}"
    assert ours[1] == "\\multicolumn{3}{@{}l}{live\\_1 \\& 2} \\\\"
    assert ours[3] == "Measure & ReLU2\\_1 & ReLU3\\_1 \\\\"
    style, dsd, lpips = ours[6:9]
    assert style == "Style & .510 {\\scriptsize [.41, .61]} & \\textbf{.550} {\\scriptsize [.45, .65]} \\\\"
    assert dsd == "DSD$_2$ & .530 {\\scriptsize [.43, .63]} & \\textbf{.570} {\\scriptsize [.47, .67]} \\\\"
    assert lpips == "LPIPS, whole AlexNet &  & \\textbf{.590} {\\scriptsize [.49, .69]} \\\\"
    papers = tab1_tables.tabular(tab1_tables.of_paper(rows), "Paper").splitlines()
    assert papers[6:9] == [
        "Style & \\textbf{.645} & \\textbf{.714} \\\\",
        "DSD$_2$ & .463 & .608 \\\\",
        "LPIPS, whole AlexNet &  & \\textbf{.641} \\\\",
    ]


def test_differences_at_the_deepest_layer():
    rows = [
        {"measure": "MSS relu3_1 zeros", "minus": "Style relu3_1 zeros", "pearson": 0.1},
        {"measure": "LPIPS alexnet zeros", "minus": "Style relu3_1 zeros", "pearson": 0.2},
        {"measure": "MSS relu2_1 zeros", "minus": "Style relu2_1 zeros"},
        {"measure": "MSS relu3_1 zeros", "minus": "MSS relu2_1 zeros"},
        {"measure": "Style relu3_1 reflect", "minus": "Style relu3_1 zeros"},
    ]
    base = result("one", types=())
    ends = dict.fromkeys(["pearson_low", "pearson_high", "pearson_lowest", "pearson_highest"], 0.0)
    more = in_columns(pd.DataFrame(rows).assign(dataset="one", kind="difference", **ends))
    table = tab1_tables.differences(replace(base, table=pd.concat([base.table, more], ignore_index=True)))
    found = [("DSD_2 − Style", "all"), ("LPIPS alexnet − Style", "one"), ("MSS − Style", "one")]
    assert table.index.to_list() == found
    assert table.pearson.to_list()[1:] == [0.2, 0.1]


def test_tables_are_written_into_the_repository(tmp_path, monkeypatch):
    monkeypatch.setattr(tab1_tables, "REPOSITORY", tmp_path)
    tab1_tables.write_tables(result("live", "two"), ".")
    text = (tmp_path / "tab1.md").read_text(encoding="utf-8")
    assert text.startswith("LIVE (…):\n\n| Measure |")
    assert text.count("0.510 [0.41, 0.61] (0.645)") == 2
    text = (tmp_path / "tab1.tex").read_text(encoding="utf-8")
    assert text.count("\\begin{tabular}") == 3
    assert text.count(".510 {\\scriptsize [.41, .61]}") == 2
    assert "{LIVE (\\dots{})}" in text


@pytest.mark.parametrize("width", ["page", "column"])
def test_figure_has_a_panel_for_the_paper_and_for_each_set(width):
    figure = tab1.draw(result("live", "two"), width)
    paper, one, two = figure.axes
    assert [axis.get_title() for axis in figure.axes] == [
        "Paper: PieAPP,\n40 references",
        "LIVE,\n1 reference",
        "two,\n2 references",
    ]
    assert figure.get_figwidth() == WIDTHS[width]
    labels = {label.get_text(): y for label, y in zip(paper.get_yticklabels(), paper.get_yticks(), strict=True)}
    assert list(labels)[:4] == ["Perceptual", "Style", "DSD$_2$", "LPIPS"]
    assert labels["DSD$_2$"] < labels["LPIPS"] < labels["AlexNet"]
    assert [text.get_text() for text in paper.texts] == [".448", ".449", ".645", ".714", ".463", ".608", ".641"]
    assert [text.get_text() for text in two.texts] == [".500", ".540", ".510", ".550", ".530", ".570", ".590"]
    written = [*one.texts, *figure.legends[0].texts, *paper.get_yticklabels(), *paper.get_xticklabels()]
    assert min(text.get_fontsize() for text in written) >= 7
    strokes = [line for line in one.lines if line.get_marker() == "|"]
    assert [line.get_xdata().tolist() for line in strokes] == [[0.58]]
    assert strokes[0].get_ydata().tolist() == [labels["Style"] + 1 + tab1.BELOW]
    dots = [(line.get_marker(), line.get_color()) for line in one.lines if line.get_marker() not in ("|", "None")]
    assert dots[-2:] == [(MEASURES[name]["marker"], MEASURES[name]["color"]) for name in ("DSD_2", "LPIPS")]


def test_the_three_highest_of_a_panel_are_shaded():
    figure = tab1.draw(result("one"))
    shaded = [
        {text.get_text(): text.get_bbox_patch().get_facecolor()[0] for text in axis.texts if text.get_bbox_patch()}
        for axis in figure.axes
    ]
    assert list(shaded[0]) == [".645", ".714", ".641"]
    assert list(shaded[1]) == [".550", ".570", ".590"]
    assert sorted(shaded[1].values()) == [shaded[1][name] for name in (".590", ".570", ".550")]
    assert [text.get_text() for text in figure.legends[0].texts] == ["highest", "second", "third", "reflect padding"]


def test_every_other_padding_is_drawn():
    one = result("one")
    row = one.table[one.table.padding == "reflect"]
    more = [row.assign(padding=f"other {k}") for k in range(3)]
    figure = tab1.draw(replace(one, table=pd.concat([one.table, *more], ignore_index=True)))
    names = [text.get_text() for text in figure.legends[0].texts]
    assert names[3:] == ["other 0 padding", "other 1 padding", "other 2 padding", "reflect padding"]


def test_equal_numbers_share_a_rank():
    assert tab1_tables.ranks(pd.DataFrame({"pearson": [0.5, 0.7141, 0.7144, 0.8]})).to_list() == [4, 2, 2, 1]


def test_captions_have_the_numbers():
    text = tab1.caption(result("live", "two"))
    assert "ours on LIVE (…) and two (…)" in text
    assert "Small strokes below: the network with another padding." in text
    one = result("one")
    assert "padding" not in tab1.caption(replace(one, table=one.table[one.table.padding != "reflect"]))
    text = tab1_types.types_caption(result("live", "two"))
    assert text.startswith("Types of distortion: 2 of LIVE and 2 of two. Measures are at ReLU3_1.")


@pytest.mark.parametrize("width", ["page", "column"])
def test_types_are_drawn_by_lead(width):
    figure = tab1_types.draw_types(result("one", "two", types=("gblur", "noise")), width)
    assert figure.get_figwidth() == WIDTHS[width]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["noise", "Gaussian blur"] * 2
    assert {text.get_text() for text in figure.axes[0].texts} == {"one", "two"}
    assert [text.get_text() for text in figure.legends[0].texts] == ["Perceptual", "Style", "MSS", "DSD$_2$"]


def test_files_of_both_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "REPOSITORY", tmp_path)
    drawn = result("one")
    output.save_figure(tab1.draw(drawn), drawn, tab1.caption(drawn), ".")
    tab1_types.save_types(drawn, ".")
    names = ["tab1-figure.tex", "tab1-types.pdf", "tab1-types.png", "tab1-types.tex", "tab1.pdf", "tab1.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    text = (tmp_path / "tab1-types.tex").read_text(encoding="utf-8")
    assert text.startswith("% Written by `make tab1`.")
    assert "\\includegraphics{tab1-types.pdf}" in text
    assert "\\label{dsd-tab1-types}" in text


def test_without_types_nothing_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "REPOSITORY", tmp_path)
    assert tab1_types.draw_types(result("one", types=())) is None
    tab1_types.save_types(result("one", types=()), ".")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def rated_sets(tmp_path):
    """Two tables of ratings: a score for each image of one reference, and pairs of another."""
    folder = tmp_path / "scored"
    folder.mkdir()
    generator = np.random.default_rng(0)
    names = ["x", *(f"{kind}{n}" for kind in ("blur", "noise") for n in range(3))]
    for name in names:
        Image.fromarray(generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{name}.png")
    rows = [f"x.png,{name}.png,{name[:-1]},{n}" for n, name in enumerate(names[1:])]
    (folder / "ratings.csv").write_text("\n".join(["reference,distorted,distortion,dmos", *rows]))
    few = Photographs.from_folder("embedded", resize=48, crop=32, count=1)
    return [str(folder / "ratings.csv"), str(write_distorted(few, tmp_path / "known").root / "ratings.csv")]


SMALL = {"layers": ["relu1_2", "relu2_1"], "resize": 48, "crop": 32, "count": 1, "device": "cpu"}


def computed(parameters_of, **changes):
    parameters = parameters_of("tab1", **SMALL, **changes)
    return tab1.compute(**{key: value for key, value in parameters.items() if key not in ("preset", "redraw")})


def test_several_sets_and_paddings(parameters_of, rated_sets):
    found = computed(parameters_of, images=rated_sets, paddings=["zeros", "reflect"])
    table = found.table
    assert list(found.datasets) == ["scored", "known"]
    assert found.backbone.padding == "zeros"
    assert found.extra == {"lpips": []}
    own = table[table.kind == "correlation"]
    assert own.groupby(["dataset", "padding"]).size().to_dict() == dict.fromkeys(
        [(name, padding) for name in ("known", "scored") for padding in ("reflect", "zeros")], 14
    )
    assert own.pearson.notna().all()
    assert set(table.type.dropna()) == {"blur", "noise"}
    assert set(table.dataset[table.type.notna()]) == {"scored"}
    alone = table[table.kind == "reference"]
    assert alone.groupby("dataset").reference.nunique().to_dict() == {"known": 1, "scored": 1}
    assert alone.groupby("dataset").size().to_dict() == {"known": 28, "scored": 28}
    assert alone.pearson.notna().all()
    following = table[table.kind == "next reference"]
    assert (following.pearson_low < following.pearson).all()
    between_paddings = table[
        (table.kind == "difference") & (table.padding == "reflect") & table.minus.str.endswith("zeros")
    ]
    assert len(between_paddings) == 2 * 14


def test_a_folder_takes_the_place_of_all_sets(parameters_of, rated_sets):
    assert list(computed(parameters_of, images=rated_sets[1]).datasets) == ["known"]


def test_sets_must_have_names_of_their_own(parameters_of, rated_sets):
    with pytest.raises(ValueError, match="images must be of different sets, two are called known"):
        computed(parameters_of, images=[rated_sets[1]] * 2)


def test_lpips_stays_with_another_padding():
    drawn = result("one")
    table = drawn.table.assign(padding=np.where(drawn.table.measure == "LPIPS", "zeros", "reflect"))
    table = pd.concat([table[table.measure != "LPIPS"], table[table.measure == "LPIPS"]], ignore_index=True)
    assert "LPIPS" in set(tab1_tables.correlations_of(replace(drawn, table=table), "one").measure)
