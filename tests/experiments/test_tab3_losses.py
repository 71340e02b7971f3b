import numpy as np
import pytest

from dsd import paper
from dsd.experiments import restorations, tab3_tables
from dsd.experiments import tab3_losses as tab3
from dsd.experiments.provenance import Result
from dsd.experiments.style import WIDTHS
from dsd.experiments.verdicts_tables import table3
from dsd.restore.evaluate import MEASURES
from tests.experiments.restored import made_up_scores

RUNS = [
    *("none - 0", "style relu2_2 0", "style relu2_2 1", "dsd relu2_2 0", "dsd relu2_2 1", "dsd relu2_1 0"),
    *("pdl relu2_1 0", "dsd@lite relu2_2 0"),
]
SETS = {"BSD100": ["1", "2", "3", "4"], "Set5": ["baby", "bird"]}


def result_of(runs=RUNS, **missing):
    scores = made_up_scores(runs, SETS).assign(**missing)
    origin = {
        "datasets": {name: tested.provenance() for name, tested in restorations.tested_on(scores).items()},
        "parameters": {"preset": "test", "sets": dict.fromkeys(SETS)},
        **{"backbone": "lite", "weights": "w", "weights_sha256": "1" * 64, "precision": "float32", "commit": "0"},
        "protocols": {"usual": "images rounded", "authors": "the authors' evaluation: images not rounded"},
    }
    return Result("tab3", tab3_tables.summarise(scores, 0), origin)


def test_means_and_differences_are_of_the_same_images():
    table, scores = result_of().table, made_up_scores(RUNS, SETS)
    scores = scores[(scores.set == "BSD100") & (scores.layer == "relu2_2") & (scores.backbone == "")]
    of = {loss: rows.pivot(index="image", columns="seed", values="niqe") for loss, rows in scores.groupby("loss")}
    own = table[(table.kind == "loss") & (table.set == "BSD100") & (table.name == "DSD") & (table.layer == "relu2_2")]
    own = own.set_index("statistic").niqe
    assert own["mean"] == pytest.approx(of["dsd"].to_numpy().mean())
    assert own["seed std"] == pytest.approx(of["dsd"].mean().std())
    rows = table[(table.kind == "difference") & (table.minus == "Style") & (table.set == "BSD100")]
    (gap,) = [of for name, of in rows.groupby("name") if name == "DSD"]
    gap = gap.set_index("statistic")
    difference = of["dsd"] - of["style"]
    assert gap.niqe["mean"] == pytest.approx(difference.to_numpy().mean())
    assert gap.niqe["seed std"] == pytest.approx(difference.mean().std())
    assert gap.niqe["high"] - gap.niqe["low"] < 0.05  # images differ by 5 and more, both losses alike
    minus = table[(table.kind == "difference") & (table.name == "DSD") & (table.layer == "relu2_1")].minus.unique()
    assert list(minus) == ["L1 model", "Perceptual only", "PDL"]
    assert set(table.kind) == {"score", "mean", "loss", "difference", "paper"}


def test_which_differences_are_beyond_noise():
    gaps = tab3_tables.differences(result_of(), "BSD100").beyond
    assert gaps["DSD − Style", "ReLU2_2", "NIQE"] == "images and seeds"
    assert gaps["DSD − Perceptual only", "ReLU2_2", "NIQE"] == "images, one seed"


def test_the_papers_noise():
    style, mss = (np.array(list(paper.TABLE3[name].values())) for name in ("Style", "MSS"))
    np.testing.assert_allclose(tab3_tables.NOISE, abs(style - mss).max(axis=0))
    np.testing.assert_allclose(tab3_tables.NOISE, [0.21, 0.006, 0.33])


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("runs", [RUNS, ["none - 0"]])
def test_draws_any_runs(width, runs):
    result = result_of(runs)
    figure = tab3.draw(result, width)
    assert figure.get_figwidth() == WIDTHS[width]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert {"L1 model", "Perceptual only"} <= set(labels)
    assert ("ReLU2_1" in labels) == (runs is RUNS)
    assert len(figure.axes[0].texts) == len(tab3_tables.losses_of(result)) - 1  # bicubic is in the table only
    assert "ours on BSD100 (4 images, authors' protocol: images not rounded)" in tab3.caption(result)


def test_without_lpips():
    result = result_of(lpips=np.nan, lpips_authors=np.nan)
    assert [text.get_text() for text in tab3.draw(result).axes[1].texts] == ["not measured\nhere"]
    assert set(tab3_tables.printed(result, "BSD100").LPIPS) == {"–"}


def test_tables(tmp_path):
    tab3_tables.write_tables(result_of(), tmp_path)
    lines = (tmp_path / "tab3.md").read_text().splitlines()
    assert lines[0].startswith("BSD100 (4 images). PSNR (dB, of Y)")
    assert any(line.startswith("| DSD | ReLU2_2 | 25.11 / .187 / 3.78 | 32.5") and " ± " in line for line in lines)
    assert any(line.startswith("| DSD (lite) | ReLU2_2 | – |") for line in lines)
    assert any(line.startswith("| DSD − Style | ReLU2_2 | NIQE | −1.0") for line in lines)
    assert "\\begin{tabular}{@{}lllllll@{}}" in (tmp_path / "tab3.tex").read_text()


def test_verdicts():
    assert [row.verdict for row in table3(None)] == ["not run"]
    assert [row.verdict for row in table3(result_of(["none - 0"]))] == ["not run"]
    rows = {row.says: row for row in table3(result_of())}
    assert rows["DSD is among the best in NIQE at ReLU2_2"].verdict == "direction only"
    assert rows["DSD is among the best in NIQE at ReLU2_2"].paper == "rank 2 of 5"
    assert rows["DSD is among the best in LPIPS at ReLU2_2"].paper == "rank 1 of 5"
    row = rows["PSNR: DSD − Style at ReLU2_2"]
    assert row.paper == "+0.27 (Style − MSS: up to 0.21)"
    assert row.verdict == "**not reproduced**"  # these have a lower PSNR
    row = rows["NIQE: DSD − Style at ReLU2_2"]
    assert (row.verdict, row.why[:26]) == ("not decided", "the paper's own difference")
    assert len(MEASURES) == 9
