"""LaTeX of a stamp."""

import pytest

from dsd.cite.latex import latex, place_figure
from dsd.experiments.html import SYMBOLS
from tests.cite.samples import ORIGIN
from tests.conftest import REPOSITORY

DASHES_AND_QUOTES = set("–—‘’“”")  # all that is not ASCII and that pdflatex sets by itself


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("fig2", "fig2"),
        ("tab1", "tab1-figure"),
        ("tab1-types", "tab1-types"),
        ("tab-bapps", "tab-bapps-figure"),
        ("tab-bapps-distortions", "tab-bapps-distortions"),
        ("a-report", "a-report"),
    ],
)
def test_a_tables_picture_leaves_its_label_to_the_table(name, label):
    text = place_figure(name, "50 % of $x$", ORIGIN, "dsd cite x.pdf")
    assert text.startswith("% Written by `dsd cite x.pdf`.")
    assert f"\\label{{dsd-{label}}}" in text
    assert f"\\includegraphics{{{name}.pdf}}" in text
    assert r"\caption{50 \% of $x$}" in text


def foreign(text):
    """What pdflatex cannot set, or sets in some encodings only."""
    return {letter for letter in text if not letter.isascii()} - DASHES_AND_QUOTES


@pytest.mark.parametrize("path", sorted((REPOSITORY / "figures" / "sample").glob("*.tex")), ids=lambda path: path.stem)
def test_pdflatex_sets_all_of_a_committed_figure(path):
    assert not foreign(path.read_text(encoding="utf-8"))


def test_signs_of_captions():
    """All that stands for mathematics on the report's page can be written without $, too."""
    assert not foreign(latex("".join(SYMBOLS.values()).replace("\N{THIN SPACE}", "") + "10³ ‖DSD‖₁ ÷ 10⁻³ … ²"))
