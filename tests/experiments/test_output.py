"""Files of a figure: provenance inside, a stamp that can be left away, LaTeX."""

import json

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from PIL import Image

from dsd.cite import png
from dsd.cite.latex import latex
from dsd.cite.stamp import read_stamp, seal
from dsd.data.views import Photographs
from dsd.experiments import output, provenance, style


@pytest.fixture
def result(backbone):
    photographs = Photographs.from_folder("embedded")
    origin = provenance.provenance({"preset": "quick", "seed": 3}, backbone, {"images": photographs}, 1.23)
    return provenance.Result("fig0", pd.DataFrame({"x": [1]}), origin | {"weights": "file.pth"})


@pytest.fixture
def figure():
    with plt.rc_context():
        style.use_style()
        figure, axis = plt.subplots(figsize=(style.figure_width("column"), 2))
        axis.plot([1, 2])
        yield figure


def test_figures_carry_caption_and_provenance(figure, result, tmp_path):
    output.save_figure(figure, result, "What $x$ is", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fig0.pdf", "fig0.png", "fig0.tex"]
    with Image.open(tmp_path / "fig0.png") as image:
        about = {**result.provenance, "caption": "What $x$ is"}
        assert json.loads(image.text["Description"]) == seal(about, png.pixels(image))
        assert round(image.info["dpi"][0]) == 300
        assert image.width / 300 == pytest.approx(8.4 / 2.54, abs=0.01)  # the printed size
    assert result.provenance["datasets"]["images"]["files_sha256"].encode() in (tmp_path / "fig0.pdf").read_bytes()


def test_the_stamp_can_be_left_away(figure, result, tmp_path):
    output.save_figure(figure, result, "", tmp_path, stamp=False)
    assert figure.get_supxlabel() == ""
    output.save_figure(figure, result, "", tmp_path)
    stamp = figure.get_supxlabel().replace("\n", " ")
    for text in ("quick preset", "vgg19", "file.pth", "scikit-image's photographs", result.provenance["commit"]):
        assert text in stamp


@pytest.mark.parametrize(("stamp", "weights"), [(True, "random"), (False, "random-1")])
def test_random_weights_are_written_on_the_figure(figure, result, tmp_path, stamp, weights):
    output.save_figure(figure, result, "", tmp_path, stamp=stamp)
    assert figure.get_suptitle() == ""
    random = provenance.Result("fig0", result.table, {**result.provenance, "weights": weights})
    output.save_figure(figure, random, "", tmp_path, stamp=stamp)
    assert "RANDOM WEIGHTS" in figure.get_suptitle()


def test_a_figure_of_no_network(figure, result, tmp_path):
    network = ("backbone", "weights", "weights_sha256", "precision", "padding")
    origin = {key: value for key, value in result.provenance.items() if key not in network}
    output.save_figure(figure, provenance.Result("fig0", result.table, origin), "", tmp_path)
    assert figure.get_suptitle() == ""
    assert figure.get_supxlabel().startswith("quick preset · scikit-image's photographs")
    assert {read_stamp(tmp_path / f"fig0.{kind}").verified for kind in ("png", "pdf")} == {True}


def test_relative_folders_are_the_repositorys(figure, result, tmp_path, monkeypatch):
    monkeypatch.setattr(output, "REPOSITORY", tmp_path)
    (tmp_path / "new").mkdir()
    output.save_figure(figure, result, "", "new")
    assert (tmp_path / "new" / "fig0.png").is_file()


def test_latex_leaves_mathematics_alone():
    text = latex("48 % of $x_1$ & α ≥ 2: a_b, 10⁻³, 3 × 4 − 1, #1")
    assert text.startswith(r"48 \% of $x_1$ \& $\alpha$")
    assert r"a\_b, 10\textsuperscript{$-$3}, 3 $\times$ 4 $-$ 1, \#1" in text


def test_a_price_is_no_mathematics(figure, result, tmp_path):
    assert latex("$5 and 3%, then $6", mathematics=False) == r"\$5 and 3\%, then \$6"
    assert latex("costs $5") == r"costs \$5"
    data = result.provenance["datasets"]["images"] | {"summary": "for $5 and 3%, then $6_"}
    priced = provenance.Result("fig0", result.table, {**result.provenance, "datasets": {"images": data}})
    output.save_figure(figure, priced, "", tmp_path)
    assert r"for \$5 and 3\%, then \$6\_" in (tmp_path / "fig0.tex").read_text()


def test_latex_places_the_figure(figure, result, tmp_path):
    output.save_figure(figure, result, "50 % of $x$", tmp_path)
    text = (tmp_path / "fig0.tex").read_text()
    for part in (
        r"\begin{figure}",
        r"\includegraphics{fig0.pdf}",
        r"\caption{50 \% of $x$}",
        r"\label{dsd-fig0}",
        f"commit {result.provenance['commit']}",
        r"\end{figure}",
    ):
        assert part in text
