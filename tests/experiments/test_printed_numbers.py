"""Every printed number has a row, with a result and without."""

import pandas as pd
import pytest

from dsd import paper
from dsd.experiments import printed_numbers
from dsd.experiments.provenance import Result
from dsd.experiments.verdicts import SAMPLE
from tests.experiments.test_tab3_losses import result_of

DATASETS = {"images": {"dataset": "imagenet/val", "summary": "s"}}
TORCHVISION = "dcbb9e9d" + 56 * "0"


def numbers_of_the_paper():
    cells = sum(map(len, paper.TABLE1.values())) + len(paper.TABLE2) + sum(map(len, paper.TABLE3.values()))
    return len(paper.CLASS_STATISTICS) + len(paper.FIG6_VALUES) + cells


def test_every_number_has_a_row(tmp_path):
    here, nothing = (printed_numbers.printed_numbers(folder) for folder in (SAMPLE, tmp_path))
    assert len(here) == len(nothing) == numbers_of_the_paper()
    assert [(row.item, row.says, row.paper) for row in here] == [(row.item, row.says, row.paper) for row in nothing]
    assert {(row.verdict, row.here, row.stamp) for row in nothing} == {("not run", "–", "–")}
    text = " ".join(row.paper for row in here)
    assert ".769" in text
    assert "24.88 / .194 / 3.49" in text


def test_ours_come_with_intervals_and_a_stamp():
    rows = {row.says: row for row in printed_numbers.printed_numbers(SAMPLE)}
    table = pd.read_csv(SAMPLE / "tab1.csv")
    table = table[(table.kind == "correlation") & (table.measure == "DSD_2") & (table.layer == "relu4_1")]
    live = table[(table.dataset == "live") & (table.padding == "zeros")].iloc[0]
    expected = f"LIVE {live.pearson:.3f} [{live.pearson_low:.2f}, {live.pearson_high:.2f}]".replace("0.", ".")
    row = rows["DSD_2 at ReLU4_1"]
    assert row.here.startswith(expected)
    assert (row.paper, row.verdict, row.same_data, row.same_weights) == (".769", "other data", "no", "no")
    assert row.why
    assert " · sample · vgg19 2716df10" in row.stamp


@pytest.mark.parametrize(
    ("shift", "sha", "verdict"),
    [(0, TORCHVISION, "reproduced"), (5e-3, TORCHVISION, "**not reproduced**"), (0, "2716df10", "other data")],
)
def test_classes_of_imagenet(shift, sha, verdict):
    values = paper.CLASS_STATISTICS["n09421951"]
    norms = [values["mean"] + shift + sign * values["std"] for sign in (-1, 1) for _ in range(500)]
    table = pd.DataFrame({"panel": "classes", "group": "n09421951", "vgg19": norms})
    origin = {"parameters": {"backbone": "vgg19"}, "weights_sha256": sha, "datasets": DATASETS}
    first, second = printed_numbers._classes(Result("fig3", table, origin))
    assert first.verdict == verdict
    assert first.here.startswith(f"{2.1 + 1e3 * shift:.1f} [")
    assert second.verdict == "not run"


def test_table_3():
    rows = {row.says: row for row in printed_numbers._table3(result_of(["none - 0", "dsd relu2_2 0"]))}
    row = rows["×4 super-resolution with DSD at ReLU2_2: PSNR / LPIPS / NIQE"]
    assert row.paper == "25.11 / .187 / 3.78"
    assert row.here.count("[") == 3
    assert row.verdict == "other data"
    assert rows["×4 super-resolution with CX at ReLU2_2: PSNR / LPIPS / NIQE"].verdict == "not run"
