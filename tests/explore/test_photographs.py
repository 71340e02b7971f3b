"""The table of photographs' norms: what is in it, and that it is measured as the explorer measures."""

import csv
from collections import Counter

import pytest

from dsd.data.images import find_image
from dsd.data.views import Photographs, View
from dsd.explore import photographs
from dsd.explore.answers import fingerprint
from dsd.explore.networks import LAYERS, load_network
from dsd.explore.pictures import MARGIN, SIDE, open_photograph


def test_the_table_has_every_network_and_alpha():
    with photographs.TABLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    counts = Counter((row["backbone"], float(row["alpha"])) for row in rows)
    assert counts == {(name, alpha): photographs.COUNT for name in LAYERS for alpha in photographs.ALPHAS}
    assert all(0 < float(row["norm"]) < 1 for row in rows)


@pytest.mark.parametrize("alpha", photographs.ALPHAS)
def test_norms_are_those_of_the_shipped_weights_in_order(alpha):
    values = photographs.natural_norms(load_network("lite").weights_sha256, alpha)
    assert len(values) == photographs.COUNT
    assert list(values) == sorted(values)
    assert photographs.natural_norms("other weights", alpha) == ()
    assert photographs.natural_norms(load_network("lite").weights_sha256, 2.5) == ()


def test_a_row_is_what_the_explorer_shows():
    picture = open_photograph("coffee.png")
    views = Photographs([View(find_image("coffee.png"), "coffee")], "one", resize=SIDE + 2 * MARGIN, crop=SIDE)
    rows = photographs.measure(load_network("lite"), views)
    assert [row["alpha"] for row in rows] == ["1.5", "2", "3", "4"]
    norms = fingerprint(picture, "blur", 0, "lite", 2).norms
    expected = sum(norms[layer] for layer in photographs.PAPER_LAYERS)
    assert float(rows[1]["norm"]) == pytest.approx(expected, rel=1e-3)


def test_the_table_is_written_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(photographs, "TABLE", tmp_path / "table.csv")
    monkeypatch.setattr(photographs, "load_network", lambda name, layers: load_network("lite", layers))
    monkeypatch.setattr(photographs, "COUNT", 2)
    photographs.main("embedded")
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 1 + 2 * 2 * len(photographs.ALPHAS)
