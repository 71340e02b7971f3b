"""The README's table against the figures' files and the paper's numbers."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from dsd import paper
from dsd.experiments import verdicts
from tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "figures" / "sample"


@pytest.fixture(scope="module")
def rows():
    return verdicts.verdicts()


def of(rows, item, part):
    (row,) = [row for row in rows if row.item == item and part in row.says]
    return row


def test_the_committed_table_is_up_to_date(rows):
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    table = text.split(verdicts.BEGIN)[1].split(verdicts.END)[0]
    assert table == verdicts.markdown(rows)


def test_every_item_of_the_paper_has_a_row(rows):
    items = " ".join(row.item for row in rows)
    numbers = {int(number) for number in re.findall(r"\d+", re.sub(r"Tab\. \d|Sec\. [\d.]+", "", items))}
    assert numbers | {5} == set(range(1, 12))  # Fig. 5 is a drawing that says nothing
    assert {f"Tab. {number}" for number in (1, 2, 3)} <= {row.item for row in rows}


def test_numbers_are_those_of_the_files(rows):
    table = pd.read_csv(SAMPLE / "fig1.csv")
    small = table[(table.alpha == 4) & ~table.enlarged].set_index("view").label
    whole = table[table.alpha == 1].set_index("view").label
    assert f"{np.mean(small != whole):.0%} at α = 4" in of(rows, "Fig. 1", "").here

    table = pd.read_csv(SAMPLE / "tab1.csv")
    live = table[(table.kind == "correlation") & (table.dataset == "live") & (table.padding == "zeros")]
    value = live[(live.measure == "DSD_2") & (live.layer == "relu4_1")].pearson.item()
    row = of(rows, "Tab. 1", "DSD_2, ReLU")
    assert row.here.startswith("LIVE ")
    assert row.here.split(" / ")[2] == f"{value:.3f}"[1:]
    assert row.paper.split(" / ")[2] == f"{paper.TABLE1['DSD_2']['relu4_1']:.3f}"[1:]
    assert row.verdict == "other data"

    norms = pd.read_csv(SAMPLE / "fig6.csv").set_index(["image", "step"]).norm
    ratio = norms["optimised", 500] / norms["optimised", 0]
    assert f"(×{ratio:.2f})" in of(rows, "Fig. 6", "‖DSD_4‖ after 500 steps").here


def test_a_difference_is_read_either_way_round(rows):
    table = pd.read_csv(SAMPLE / "tab1.csv")
    table = table[(table.kind == "next reference") & (table.measure == "LPIPS") & (table.layer == "alexnet")]
    row = table[table.minus == "DSD_2 relu5_1 zeros"].iloc[0]
    shown = of(rows, "Tab. 1", "DSD_2 − LPIPS")
    assert shown.here == f"{-row.pearson:+.2f} [{-row.pearson_high:+.2f}, {-row.pearson_low:+.2f}]"
    assert shown.verdict == "direction only"


def test_data_and_weights_are_the_papers_only_where_they_are(rows):
    weights = json.loads((SAMPLE / "fig2.json").read_text())["weights_sha256"]
    assert not weights.startswith("dcbb9e9d")
    assert {row.same_weights for row in rows} == {"no", "–"}
    assert {row.item for row in rows if row.same_data == "yes"} == {"Fig. 4"}
