import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dsd.data.images import load_image
from dsd.experiments import fig11_deblurring, provenance, style, verdicts_restoration
from dsd.experiments.catalogue import find_experiment
from dsd.experiments.presets import resolve
from dsd.experiments.provenance import Result
from dsd.restore import testing
from dsd.restore.config_files import as_yaml, load_config
from dsd.restore.runs import CROPS
from tests.conftest import REPOSITORY

LABELS = ["Blurred", "L1 model", "Perceptual only", "Style", "DSD", "Sharp"]
SETS = {"GoPro": 2, "BSDS shaken": 12, "Levin": 12}


@pytest.fixture(scope="module")
def made():
    """Of made-up scores: DSD's LPIPS is 0.01 lower than Style's, its NIQE 0.5 lower; Levin's images have NIQE only."""
    random = np.random.default_rng(0)
    rows = []
    for name, count in SETS.items():
        for image in map(str, range(count)):
            lpips, niqe = random.uniform(0.2, 0.4), random.uniform(4, 6)
            for place, label in enumerate(LABELS):
                row = {"set": name, "image": image, "label": label, "run": label, "NIQE": niqe - 0.5 * place}
                if name != "Levin" and label != "Sharp":
                    row |= {"PSNR": 20.0 + place, "SSIM": 0.5, "LPIPS": lpips - 0.01 * place}
                rows.append(row)
    parameters = {
        "preset": "sample",
        "seed": 0,
        "runs": ["none - 0", "style relu2_2 0", "dsd relu2_2 0"],
        "shown": [f"{name}/1" for name in SETS],
    }
    datasets = {name: {"summary": f"{name} ({count} images)", "count": count} for name, count in SETS.items()}
    origin = {"parameters": parameters, "datasets": datasets, "first_steps": 9, "steps": 5, "weights_sha256": "random"}
    images = {f"{name} 1 {label}": torch.rand(3, 8, 8) for name in SETS for label in LABELS}
    return Result("fig11", pd.DataFrame(rows), origin, images)


def test_each_network_is_trained_tested_and_shown(parameters_of, tmp_path):
    small = {"runs": ["style relu2_2 0", "dsd relu2_2 0"], "sets": {"embedded shaken": 2}, "device": "cpu"}
    for name, file in (("first", "deblur-l1"), ("config", "deblur")):
        settings = load_config(REPOSITORY / "configs" / "quick" / f"{file}.yaml", ["steps=2", "balance=1"])
        (tmp_path / f"{file}.yaml").write_text(as_yaml(settings))
        small[name] = str(tmp_path / f"{file}.yaml")
    parameters = parameters_of("fig11", folder=str(tmp_path / "runs"), **small)
    result = provenance.load_or_compute(fig11_deblurring, parameters, tmp_path / "out")
    labels = ["Blurred", "L1 model", "Style", "DSD", "Sharp"]
    table = result.table
    assert list(dict.fromkeys(table.label)) == labels
    assert [path.name for path in sorted((tmp_path / "runs").iterdir())] == [
        *("bicubic", "dsd-relu2_2-0", "l1", "style-relu2_2-0")
    ]
    assert table.groupby("label").size().tolist() == [2] * 5
    scores = pd.read_csv(tmp_path / "runs" / "dsd-relu2_2-0" / "scores.csv")
    of_dsd = table[table.label == "DSD"]
    assert of_dsd.PSNR.tolist() == pytest.approx(scores.psnr_y_authors.tolist(), rel=1e-4)
    assert of_dsd.NIQE.tolist() == pytest.approx(scores.niqe_authors.tolist(), rel=1e-4)
    assert table[table.label == "Sharp"].NIQE.notna().all()
    (astronaut,) = testing.pairs_of("embedded shaken", 1)
    part = (slice(None), slice(10, 122), slice(60, 172))
    assert set(result.images) == {f"embedded shaken astronaut {label}" for label in labels}
    for label, image in (("Sharp", astronaut.clean), ("Blurred", astronaut.degraded)):
        saved = load_image(tmp_path / "out" / f"fig11_embedded-shaken-astronaut-{label}.png")
        torch.testing.assert_close(saved, image[part], rtol=0, atol=1.01 / 255)
    assert "L1 alone for 2 steps, and from there for 2 steps" in fig11_deblurring.caption(result)
    assert result.provenance["datasets"]["embedded shaken"]["count"] == 2


def test_means_and_differences_are_over_images(made):
    means = fig11_deblurring.summary(made)
    assert list(means.index) == [(name, label) for name in SETS for label in LABELS]
    row = means.loc[("BSDS shaken", "Style")]
    values = made.table[(made.table.set == "BSDS shaken") & (made.table.label == "Style")]
    assert row["LPIPS", "mean"] == pytest.approx(values.LPIPS.mean())
    assert row["LPIPS", "low"] < row["LPIPS", "mean"] < row["LPIPS", "high"]
    assert means.loc[("Levin", "DSD"), "LPIPS"].isna().all()
    difference = fig11_deblurring.differences(made)
    assert list(difference.index) == list(SETS)
    assert difference["NIQE"].to_numpy() == pytest.approx(-0.5)
    assert difference.loc["BSDS shaken", "LPIPS"].tolist() == pytest.approx([-0.01] * 3)
    assert fig11_deblurring.differences(made, "DSD", "L1 model")["NIQE"].to_numpy() == pytest.approx(-1.5)


@pytest.mark.parametrize("width", ["page", "column"])
def test_what_is_drawn(made, width):
    figure = fig11_deblurring.draw(made, width)
    assert figure.get_figwidth() == style.figure_width(width)
    axes = figure.axes
    assert [axis.get_title() for axis in axes[:5]] == ["Blurred", "L1 model", "Style", "DSD", "Sharp"]
    assert [axis.get_ylabel() for axis in axes[:15:5]] == list(SETS)
    below = [axis.get_xlabel() for axis in axes[:15]]
    assert below[0].splitlines()[0] == "PSNR 20.0"
    assert below[0].splitlines()[1].startswith("LPIPS .")
    assert below[4].startswith("\n\nNIQE ")
    assert below[10].startswith("NIQE ")
    lpips, niqe = axes[15:]
    assert lpips.get_title() == "LPIPS\n(lower is better)"
    assert [label.get_text() for label in lpips.get_yticklabels()] == LABELS
    assert [line.get_label() for line in niqe.lines] == list(SETS)
    means = fig11_deblurring.summary(made)
    assert niqe.lines[1].get_xdata() == pytest.approx(means.loc["BSDS shaken", "NIQE"]["mean"].to_numpy())


def test_without_lpips(made):
    result = replace(made, table=made.table.drop(columns="LPIPS"))
    figure = fig11_deblurring.draw(result)
    assert [axis.get_title() for axis in figure.axes[15:]] == ["NIQE\n(lower is better)"]
    assert "LPIPS" not in figure.axes[0].get_xlabel()


def test_the_caption_says_what_is_compared(made):
    text = fig11_deblurring.caption(made)
    assert "distribution losses at ReLU2_2" in text
    assert "GoPro (2 images), BSDS shaken (12 images), Levin (12 images)" in text
    assert "Levin's sharp images lie a few pixels beside" in text
    only = replace(made, provenance=made.provenance | {"datasets": {"GoPro": {"summary": "GoPro (2 images)"}}})
    assert "Levin" not in fig11_deblurring.caption(only)


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0, "direction only"), (1, "**not reproduced**"), (math.nan, "not decided")]
)
def test_verdicts(made, shift, verdict):
    """By NIQE on the sets of at least ten images."""
    table, random = made.table.copy(), np.random.default_rng(0)
    dsd = table.label == "DSD"
    noise = random.normal(0, 3, len(table))
    table.loc[dsd, "NIQE"] += noise[dsd] if math.isnan(shift) else shift
    (row,) = verdicts_restoration.figure11(replace(made, table=table))
    assert row.verdict == verdict
    assert "BSDS shaken: LPIPS −0.010 [−0.010, −0.010]; BSDS shaken: NIQE " in row.here
    assert "Levin: LPIPS" not in row.here
    assert row.same_data == "no"


def test_sets_that_disagree_decide_nothing(made):
    """As here: DSD's NIQE is higher than Style's on one set, and lower on another."""
    table = made.table.copy()
    table.loc[(table.label == "DSD") & (table.set == "Levin"), "NIQE"] += 1
    (row,) = verdicts_restoration.figure11(replace(made, table=table))
    assert row.verdict == "not decided"


def test_there_is_no_verdict_without_a_result():
    (row,) = verdicts_restoration.figure11(None)
    assert (row.item, row.verdict, row.here) == ("Fig. 11", "not run", "–")


def test_presets_name_what_there_is():
    for preset in ("sample", "paper"):
        parameters = resolve(find_experiment("fig11"), preset, None, {})
        assert set(parameters["sets"]) <= set(testing.SETS)
        assert set(parameters["shown"]) <= set(CROPS)
        assert {place.partition("/")[0] for place in parameters["shown"]} <= set(parameters["sets"])
        run, first = (load_config(REPOSITORY / parameters[name]) for name in ("config", "first"))
        assert run.network == first.network
        assert (run.task, run.network.scale) == ("deblur", 1)
