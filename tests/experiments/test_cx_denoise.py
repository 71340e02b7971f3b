from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from dsd.data.images import load_image
from dsd.experiments import cx_denoise, provenance, style
from dsd.experiments.catalogue import find_experiment
from dsd.experiments.presets import resolve
from dsd.experiments.provenance import Result
from dsd.restore import testing
from dsd.restore.config_files import as_yaml, load_config
from dsd.restore.runs import CROPS
from tests.conftest import REPOSITORY

SHOWN = "embedded noisy/astronaut"
LOSSES = ["L1", "CX", "Style", "DSD"]


@pytest.fixture(scope="module")
def made():
    """Of made-up scores: CX has 1 dB less than L1 at 0 pixels and 2 dB more at 8; of two seeds, 0.5 dB apart."""
    random, rows = np.random.default_rng(0), []
    for image in map(str, range(12)):
        psnr = random.uniform(20, 30)
        rows.append({"image": image, "label": "Noisy", "misaligned": 0, "seed": 0, "PSNR": psnr - 5, "LPIPS": 0.6})
        for place, label in enumerate(LOSSES):
            for far, seed in ((0, 0), (0, 1), (8, 0), (8, 1)):
                gain = {"L1": -3 * (far > 0), "CX": -1}.get(label, -2) + seed * 0.5
                row = {"image": image, "label": label, "misaligned": far, "seed": seed}
                rows.append(row | {"PSNR": psnr + gain, "LPIPS": 0.5 - 0.1 * place})
    runs = [f"{loss} {seed}" for loss in ("l1 -", "cx relu3_2", "style relu2_2", "dsd relu2_2") for seed in (0, 1)]
    parameters = {"preset": "sample", "seed": 0, "runs": runs, "misaligned": [0, 8], "shown": SHOWN}
    datasets = {"noisy": {"summary": "noisy (12 images)"}}
    origin = {"parameters": parameters, "datasets": datasets, "steps": 5, "side": 48, "weights_sha256": "random"}
    names = ["Noisy", "Clean", *(f"{label} {far}" for label in LOSSES for far in (0, 8))]
    images = {f"embedded noisy astronaut {name}": torch.rand(3, 8, 8) for name in names}
    return Result("cx-denoise", pd.DataFrame(rows).assign(set="noisy"), origin, images)


def test_each_network_is_trained_tested_and_shown(parameters_of, tmp_path):
    settings = load_config(REPOSITORY / "configs" / "quick" / "denoise.yaml", ["steps=2"])
    (tmp_path / "denoise.yaml").write_text(as_yaml(settings))
    parameters = parameters_of(
        "cx-denoise",
        config=str(tmp_path / "denoise.yaml"),
        folder=str(tmp_path / "runs"),
        runs=["l1 - 0", "dsd relu2_2 0"],
        misaligned=[0, 3],
        sets={"embedded noisy": 2},
        device="cpu",
    )
    result = provenance.load_or_compute(cx_denoise, parameters, tmp_path / "out")
    table = result.table
    assert table.groupby(["label", "misaligned"], sort=False).size().to_dict() == {
        **{("Noisy", 0): 2, ("L1", 0): 2, ("L1", 3): 2, ("DSD", 0): 2, ("DSD", 3): 2}
    }
    names = [path.name for path in sorted((tmp_path / "runs").iterdir())]
    assert names == ["dsd-relu2_2-0-0", "dsd-relu2_2-0-3", "l1-0-0", "l1-0-3", "noisy"]
    for name, losses, far in (("dsd-relu2_2-0-3", {"dsd"}, 3), ("l1-0-0", {"rec"}, 0)):
        run = load_config(tmp_path / "runs" / name / "config.yaml")
        assert (run.task, set(run.losses), run.data.misaligned, run.steps) == ("denoise", losses, far, 2)
        assert run.data.margin == 3  # of all: the noisy crops are the same
    scores = pd.read_csv(tmp_path / "runs" / "dsd-relu2_2-0-3" / "scores.csv")
    own = table[(table.label == "DSD") & (table.misaligned == 3)]
    assert own.PSNR.tolist() == pytest.approx(scores.psnr_y_authors.tolist(), rel=1e-4)
    (astronaut,) = testing.pairs_of("embedded noisy", 1)
    part = (slice(None), slice(10, 122), slice(60, 172))
    for label, image in (("Clean", astronaut.clean), ("Noisy", astronaut.degraded)):
        saved = load_image(tmp_path / "out" / f"cx-denoise_embedded-noisy-astronaut-{label}.png")
        torch.testing.assert_close(saved, image[part], rtol=0, atol=1.01 / 255)
    assert set(result.images) == {
        f"embedded noisy astronaut {name}" for name in ("Noisy", "Clean", "L1 0", "L1 3", "DSD 0", "DSD 3")
    }


def test_means_and_differences_are_over_images_and_seeds(made):
    means = cx_denoise.summary(made)
    table = made.table
    own = table[(table.label == "CX") & (table.misaligned == 8)]
    row = means.loc[("CX", 8)]
    assert row["PSNR", "mean"] == pytest.approx(own.PSNR.mean())
    assert row["PSNR", "low"] < row["PSNR", "mean"] < row["PSNR", "high"]
    less = cx_denoise.differences(made)
    assert list(less.index) == [(label, far) for label in LOSSES[1:] for far in (0, 8)]
    assert less.loc[("CX", 0), "PSNR"].tolist() == pytest.approx([-1] * 3)
    assert less.loc[("CX", 8), "PSNR"].tolist() == pytest.approx([2] * 3)
    assert less.loc[("DSD", 8), "LPIPS"].tolist() == pytest.approx([-0.3] * 3)
    against_style = cx_denoise.differences(made, "Style")
    assert against_style.loc[("DSD", 0), "LPIPS"].tolist() == pytest.approx([-0.1] * 3)


def test_means_by_seed(made):
    table = cx_denoise.by_seed(made)
    own = made.table[(made.table.label == "DSD") & (made.table.misaligned == 8) & (made.table.seed == 1)]
    assert table.loc[("DSD", 8), ("PSNR", 1)] == pytest.approx(own.PSNR.mean())
    assert (table["PSNR", 1] - table["PSNR", 0]).drop("Noisy").tolist() == pytest.approx([0.5] * 8)


@pytest.mark.parametrize("width", ["page", "column"])
def test_what_is_drawn(made, width):
    figure = cx_denoise.draw(made, width)
    assert figure.get_figwidth() == style.figure_width(width)
    *pictures, psnr, lpips = figure.axes
    assert [axis.get_title() for axis in pictures[:6]] == ["Noisy", *LOSSES, "Clean"]
    assert [axis.get_ylabel() for axis in pictures[1::6]] == ["0 px", "8 px"]
    assert psnr.get_title().startswith("PSNR, dB")
    means = cx_denoise.summary(made)
    for label, line in zip(LOSSES, lpips.get_lines(), strict=False):
        assert line.get_label() == label
        assert list(line.get_ydata()) == pytest.approx(means.loc[label]["LPIPS", "mean"].tolist())
    assert psnr.get_lines()[-1].get_ydata()[0] == pytest.approx(means.loc[("Noisy", 0), ("PSNR", "mean")])


def test_without_lpips(made):
    figure = cx_denoise.draw(replace(made, table=made.table.drop(columns="LPIPS")))
    assert [axis.get_title() for axis in figure.axes[12:]] == ["PSNR, dB (higher is better)"]


def test_the_caption_says_what_is_compared(made):
    text = cx_denoise.caption(made)
    assert "CX at ReLU3_2, Style at ReLU2_2, DSD at ReLU2_2; 5 steps" in text
    assert "noisy (12 images)" in text
    assert "2 seeds" in text


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (["per relu2_2 0"], "the loss of a run must be one of l1, cx, pdl, style, mss, dsd; got 'per'"),
        (["l1 - 0", "cx relu2_2 0", "cx relu3_2 0"], "runs must have cx at one layer, got relu2_2 and relu3_2"),
        (["l1 - 0", "dsd relu2_2 0", "dsd@lite relu2_2 0"], "runs must have dsd on one backbone"),
        (["cx relu2_2 0"], 'runs must have "l1 - 0", which the others are compared with; got cx relu2_2 0'),
    ],
)
def test_runs_that_cannot_be_compared(runs, message):
    with pytest.raises(ValueError, match=message):
        cx_denoise.parse_runs(runs)


@pytest.mark.parametrize("shown", ["nowhere/astronaut", "embedded noisy/zebra"])
def test_a_close_up_must_be_tested(shown, parameters_of, tmp_path):
    parameters = parameters_of("cx-denoise", shown=shown, folder=str(tmp_path / "runs"))
    with pytest.raises(ValueError, match=f"shown must be \"set/image\" of an image in sets, got '{shown}'"):
        provenance.load_or_compute(cx_denoise, parameters, tmp_path / "out")
    assert not (tmp_path / "runs").exists()


def test_presets_name_what_there_is():
    for preset in ("sample", "paper"):
        parameters = resolve(find_experiment("cx-denoise"), preset, None, {})
        assert set(parameters["sets"]) <= set(testing.SETS)
        assert parameters["shown"] in CROPS
        config = load_config(REPOSITORY / parameters["config"])
        assert (config.task, config.network.scale) == ("denoise", 1)
        assert parameters["misaligned"][-1] == config.data.side  # another part of the scene
