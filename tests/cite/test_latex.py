"""LaTeX of a stamp."""

import pytest

from dsd.cite.latex import place_figure
from tests.cite.samples import ORIGIN


@pytest.mark.parametrize(
    ("name", "label"),
    [("fig2", "fig2"), ("tab1", "tab1-figure"), ("tab1-types", "tab1-types"), ("a-report", "a-report")],
)
def test_a_tables_picture_leaves_its_label_to_the_table(name, label):
    text = place_figure(name, "50 % of $x$", ORIGIN, "dsd cite x.pdf")
    assert text.startswith("% Written by `dsd cite x.pdf`.")
    assert f"\\label{{dsd-{label}}}" in text
    assert f"\\includegraphics{{{name}.pdf}}" in text
    assert r"\caption{50 \% of $x$}" in text
