"""The README's table against the figures' files and the paper's numbers."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dsd import paper
from dsd.experiments import verdicts
from dsd.experiments import verdicts_figures as figures
from dsd.experiments.provenance import Result
from dsd.experiments.verdict import MEANINGS, Verdict, judge, origin_of
from dsd.experiments.verdicts_tables import table1, table2
from dsd.quality.statistics import STATISTICS
from tests.conftest import REPOSITORY
from tests.experiments.test_tab1_full_reference import result as rated

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
    assert numbers == set(range(1, 12))
    assert {f"Tab. {number}" for number in (1, 2, 3)} <= {row.item for row in rows}


def test_numbers_are_those_of_the_files(rows):
    table = pd.read_csv(SAMPLE / "fig1.csv")
    small = table[(table.alpha == 4) & ~table.enlarged].set_index("view").label
    whole = table[table.alpha == 1].set_index("view").label
    assert f"α = 4: {np.mean(small != whole):.0%} of the labels change" in of(rows, "Fig. 1", "").here

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
    shown = of(rows, "Tab. 1", "DSD_2 at ReLU5_1 − LPIPS")
    expected = f"{-row.pearson:+.2f} [{-row.pearson_high:+.2f}, {-row.pearson_low:+.2f}]"
    assert shown.here.startswith(f"one more reference {expected}; LIVE ".replace("-", "−"))
    assert shown.verdict == "direction only"


def test_table_2(rows):
    table = pd.read_csv(SAMPLE / "tab2.csv")
    live = table[(table.kind == "correlation") & (table.dataset == "live") & table.place.isin(["sum", "image"])]
    live = live.set_index("measure")
    row = of([row for row in rows if "−" not in row.says], "Tab. 2", "BRISQUE, without")
    assert row.paper == ".363 (another model)"
    value = f"{live.pearson.BRISQUE:.3f}".replace("0.", ".", 1)
    assert row.here.startswith(f"LIVE {value} [")
    assert "], no test; TID2013 " in row.here
    differences = table[(table.kind == "next reference") & (table.measure == "DSD_4")]
    (difference,) = differences[differences.minus == "NIQE image"].to_dict("records")
    row = of(rows, "Tab. 2", "DSD_4 − NIQE")
    assert row.paper == "+0.22"
    assert f"one more reference {difference['pearson']:+.2f} [".replace("-", "−") in row.here
    assert row.verdict == "**not reproduced**"  # on both sets NIQE is ahead
    row = of(rows, "Tab. 2", "DSD_4 − BRISQUE")
    assert (row.here[:7], row.verdict) == ("TID2013", "not decided")  # BRISQUE was trained on LIVE


@pytest.mark.parametrize(
    ("following", "a", "b", "verdict"),
    [
        ((0.1, 0.3), (0.1, 0.3), (0.1, 0.3), "direction only"),
        ((-0.1, 0.3), (0.1, 0.3), (0.1, 0.3), "not decided"),
        ((-0.3, -0.1), (-0.1, 0.3), (-0.3, -0.1), "**not reproduced**"),
        ((-0.3, 0.1), (-0.3, -0.1), (-0.3, -0.1), "**not reproduced**"),
        ((-0.3, 0.1), (-0.3, -0.1), (-0.3, 0.1), "not decided"),
    ],
)
def test_table_2_is_decided_by_one_more_reference_or_by_all_sets(following, a, b, verdict):
    rows = [
        {"kind": kind, "dataset": name, "measure": "DSD_4", "minus": minus} | ends_of(*ends)
        for kind, name, ends in (("next reference", "all", following), ("difference", "a", a), ("difference", "b", b))
        for minus in ("NIQE image", "DSD_2 sum")
    ]
    rows += [
        {"kind": "correlation", "dataset": name, "measure": measure, "place": "sum"} | ends_of(0.1, 0.3)
        for name in "ab"
        for measure in ("NIQE", "BRISQUE", "DSD_2", "DSD_4")
    ]
    result = made_up(pd.DataFrame(rows))
    result.provenance["datasets"] = {name: {"dataset": name} for name in "ab"}
    shown = {row.says: row for row in table2(result)}
    assert shown["DSD_4 − NIQE, without a reference"].verdict == verdict
    assert shown["Ma, without a reference (a cited value)"].here == "–"


def ends_of(low, high):
    return {"pearson": (low + high) / 2, "pearson_low": low, "pearson_high": high}


def test_data_and_weights_are_the_papers_only_where_they_are(rows):
    weights = json.loads((SAMPLE / "fig2.json").read_text())["weights_sha256"]
    assert not weights.startswith("dcbb9e9d")
    assert {row.same_weights for row in rows} == {"no", "–"}
    assert {row.item for row in rows if row.same_data == "yes"} == {"Fig. 4"}


def made_up(table, images=None, sha="2716df10", **parameters):
    """A result with two sets of images, as far as a verdict looks at it."""
    datasets = {"images": {"dataset": "photographs", "summary": "photographs"}}
    return Result(
        "fig",
        pd.DataFrame(table),
        {"parameters": parameters, "weights_sha256": sha, "datasets": datasets},
        images or {},
    )


@pytest.mark.parametrize(
    ("far", "verdict"), [(0.9, "direction only"), (0.05, "**not reproduced**"), (0.3, "not decided")]
)
def test_fig1_labels_often_change_to_another_kind(far, verdict):
    views = range(20)
    whole = [{"view": k, "group": k, "file": k, "alpha": 1.0, "enlarged": False, "label": "baboon"} for k in views]
    small = [
        {**row, "alpha": alpha, "label": "plunger" if row["view"] < 20 * far else "langur"}
        for alpha in (2.0, 4.0)
        for row in whole
    ]
    (row,) = figures.figure1(made_up(whole + small, sha="dcbb9e9d01", seed=0))
    assert (row.verdict, row.same_weights) == (verdict, "yes")
    assert row.here.startswith(f"α = 2: 100% of the labels change, {far:.0%} [")
    assert "to another kind of thing; α = 4: 100% of the labels change" in row.here


@pytest.mark.parametrize(
    ("shallow", "deep", "expected"),
    [
        (0.1, 0.9, ["direction only", "direction only"]),
        (1.2, 0.3, ["**not reproduced**", "**not reproduced**"]),
        (0.98, 1.6, ["not decided", "larger"]),
        (0.1, 1.22, ["direction only", "not decided"]),
    ],
)
def test_fig2_self_beside_random(shallow, deep, expected):
    rows = [
        {
            "images": "photographs",
            "side": 8,
            "kind": "Self",
            "descriptor": descriptor,
            "padding": padding,
            "ratio": ratio,
        }
        for descriptor, padding, ratio in (
            *(("n=5", "none", shallow), ("relu1_2", "zeros", shallow), ("relu2_1", "zeros", shallow)),
            ("relu4_1", "zeros", deep),
        )
    ]
    table = pd.DataFrame(rows).assign(ratio_low=lambda t: t.ratio - 0.05, ratio_high=lambda t: t.ratio + 0.05)
    done = {"crop": 8, "patch_sizes": [5], "layers": ["relu1_2", "relu2_1", "relu4_1"], "paddings": ["zeros"]}
    rows = list(figures.figure2(made_up(table, **done)))
    assert [row.verdict for row in rows] == [expected[0]] * 3 + expected[1:]
    assert [row.says.split(":")[0] for row in rows] == [
        *("patches", "shallow layers (ReLU1_2)", "shallow layers (ReLU2_1)", "deep layers (ReLU4_1)")
    ]


@pytest.mark.parametrize(
    ("of", "verdict"),
    [
        ("high-frequency energy", "direction only"),
        ("contrast", "**not reproduced**"),
        (None, "not decided"),
    ],
)
def test_fig3_what_the_norm_follows(of, verdict):
    generator = np.random.default_rng(0)
    table = pd.DataFrame({name: generator.random(200) for name in STATISTICS})
    table["vgg19"] = table[of] if of else generator.random(200)
    table = table.assign(panel="images", group=range(200), file="a")
    row, *_ = figures.figure3(made_up(table, backbone="vgg19", seed=0))
    assert row.verdict == verdict


def test_sharper_is_a_higher_q_without_more_noise():
    generator = torch.Generator().manual_seed(0)
    fine = torch.arange(64) // 4 % 2 * torch.ones(3, 64, 1)
    noise = torch.randn(3, 64, 64, generator=generator)
    images = {"fine": 0.4 + 0.2 * fine + 0.002 * noise, "flat": 0.49 + 0.02 * fine + 0.004 * noise}
    images["noisy"] = (images["fine"] + 0.2 * torch.randn(3, 64, 64, generator=generator)).clamp(0, 1)
    result = made_up({}, images)
    assert figures._sharper(result, "fine", "flat")[1] == "direction only"
    assert figures._sharper(result, "flat", "fine")[1] == "**not reproduced**"
    assert figures._sharper(result, "noisy", "flat")[1] == "**not reproduced**"


def test_what_is_divided_by_what_is_said(rows):
    assert of(rows, "Fig. 4", "").here.startswith("DSD result ÷ style pyramid's: Q 0.")
    assert of(rows, "Fig. 6", "sharper").here.startswith("after ÷ before: Q 0.")


@pytest.mark.parametrize(("spread", "verdict"), [(5, "direction only"), (2, "**not reproduced**")])
def test_fig7_values_differ_widely(spread, verdict):
    (row,) = figures.figure7(made_up({"norm": np.linspace(0.01, 0.01 * spread, 101)}))
    assert row.verdict == verdict
    assert row.here.endswith(f"all from 10 to {10 * spread}")


def test_a_readme_without_marks_is_an_error(tmp_path):
    (tmp_path / "README.md").write_text(f"nothing {verdicts.END}{verdicts.BEGIN}")
    with pytest.raises(ValueError, match="must have the lines <!-- verdicts: begin --> and <!-- verdicts: end -->"):
        verdicts.write(tmp_path / "README.md")


def test_table_1_may_lack_measures():
    """The quick preset has no LPIPS, and other sets of layers."""
    made = rated("a", "b")
    made = Result("tab1", made.table[made.table.measure != "LPIPS"], made.provenance)
    with_result, without = list(table1(made)), list(table1(None))
    assert [(row.says, row.paper) for row in with_result if row.says != "the highest correlation"] == [
        (row.says, row.paper) for row in without if row.says != "the highest correlation"
    ]
    shown = {row.says: row for row in with_result}
    assert shown["DSD_2 at ReLU5_1 − LPIPS (AlexNet)"].verdict == "not run"
    assert shown["LPIPS"].here == "a –; b –"


def test_what_fits_with_the_papers_data_and_weights_is_reproduced():
    row = Verdict("Fig. 1", "says", "–", "here", "yes", "yes", verdict="direction only")
    result = made_up({}, preset="paper")
    assert [row.verdict for row in judge(iter([row]), result)] == ["reproduced"]
    other = replace(row, same_weights="no")
    assert [row.verdict for row in judge(iter([other]), result)] == ["direction only"]


def test_the_quick_preset_decides_nothing():
    rows = [Verdict("Fig. 1", "says", "–", verdict=word) for word in ("direction only", "not run", "–")]
    judged = list(judge(iter(rows), made_up({}, preset="quick")))
    assert [row.verdict for row in judged] == ["no test", "not run", "–"]


def test_data_are_the_papers_where_all_are():
    result = made_up({}, sha="dcbb9e9d01")
    assert origin_of(result)["same_data"] == "no"
    result.provenance["datasets"] = {"images": {"dataset": "PieAPP test"}}
    assert origin_of(result) | {"stamp": ""} == {"same_data": "yes", "same_weights": "yes", "stamp": ""}
    result.provenance["datasets"]["more"] = {"dataset": "live"}
    assert origin_of(result)["same_data"] == "no"


def test_every_word_has_a_meaning(rows):
    assert {row.verdict for row in rows} - {"–"} <= set(MEANINGS)
