import numpy as np
import pandas as pd
import pytest
import torch

from dsd.data.images import load_image
from dsd.experiments import fig10_grids, provenance, style
from dsd.experiments.provenance import Result
from dsd.restore.config_files import as_yaml, load_config
from dsd.restore.grid import grid_energy
from dsd.restore.runs import CROPS, crop_of
from dsd.restore.testing import pairs_of
from tests.conftest import REPOSITORY


@pytest.fixture
def parameters(parameters_of, tmp_path):
    settings = load_config(REPOSITORY / "configs/quick/sr.yaml", ["steps=1", "balance=1"])
    (tmp_path / "run.yaml").write_text(as_yaml(settings))
    places = {"config": str(tmp_path / "run.yaml"), "folder": str(tmp_path / "runs")}
    return parameters_of("fig10", runs=["none - 0"], sets={"embedded": 2}, shown=["embedded/brick"], **places)


@pytest.fixture
def made_up(parameters):
    """A result with four losses at one layer and one at another, of two images, one of a name of digits."""
    rows = [
        (f"{loss}-{seed}", loss, layer, "", label, seed, of_set, image, grid + seed / 5 + index, index / 100)
        for loss, layer, label, grid, seeds in [
            ("bicubic", "", "Bicubic", -20, [0]),
            ("l1", "", "L1 model", 1, [0]),
            ("style", "relu2_2", "Style", 3, [0, 1]),
            ("mss", "relu2_2", "MSS", 2.5, [0]),
            ("dsd", "relu2_2", "DSD", 2, [0, 1]),
        ]
        for seed in seeds
        for index, (of_set, image) in enumerate([("BSD100", 253027), ("BSD100", 223061)])
    ]
    columns = ["run", "loss", "layer", "backbone", "label", "seed", "set", "image", "grid", "grid_clean"]
    table = pd.DataFrame(rows, columns=columns)
    done = parameters | {"shown": ["BSD100/253027"]}
    labels = [*table.label.unique(), "Ground truth"]
    images = {f"BSD100 253027 {label}": torch.rand(3, 12, 16) for label in labels}
    return Result("fig10", table, {"parameters": done, "steps": 10}, images)


def titles(figure):
    return {axis.get_title(): axis.get_xlabel() for axis in figure.axes if axis.get_title()}


def test_numbers_and_close_ups_are_those_of_the_runs(parameters, tmp_path):
    result = provenance.load_or_compute(fig10_grids, parameters, tmp_path / "out")
    assert list(result.table.label.unique()) == ["Bicubic", "L1 model", "Perceptual only"]
    clean = {pair.image: pair.clean for pair in pairs_of("embedded", 2)}
    table = result.table[result.table.loss == "none"].set_index("image")
    assert table.grid_clean.brick == pytest.approx(grid_energy(clean["brick"][None]).item(), rel=1e-4)
    top, left, height, width = CROPS["embedded/brick"]
    assert (height, width) == (96, 128)
    kept = crop_of(tmp_path / "runs" / "none-0", "embedded", "brick")
    shown = load_image(tmp_path / "out" / "fig10_embedded-brick-Perceptual-only.png")
    assert torch.equal(shown, kept[:, 12:84, 16:112])
    truth = load_image(tmp_path / "out" / "fig10_embedded-brick-Ground-truth.png")
    assert (truth - clean["brick"][:, top + 12 : top + 84, left + 16 : left + 112]).abs().max() < 0.005
    for size in ("page", "column"):
        figure = fig10_grids.draw(result, size)
        assert figure.get_figwidth() == style.figure_width(size)
        assert titles(figure)["Perceptual only"] == f"{table.grid.brick:.1f} dB".replace("-", "−")
        assert titles(figure)["Bicubic"] == ""
    assert "trained for 1 steps" in fig10_grids.caption(result)
    (tmp_path / "runs" / "none-0" / "embedded-brick.png").unlink()
    with pytest.raises(ValueError, match=r"no close-up of embedded/brick: remove .*scores\.csv"):
        provenance.load_or_compute(fig10_grids, parameters, tmp_path / "out")


def test_means_are_over_seeds_then_images(made_up):
    values = fig10_grids.energies(made_up.table)
    assert list(values) == ["L1 model", "Style", "MSS", "DSD", "Ground truth"]
    assert values.Style.tolist() == pytest.approx([3.1, 4.1])
    assert values["Ground truth"].tolist() == pytest.approx([0, 0.01])
    assert fig10_grids.summary(made_up).loc["Style"].tolist() == pytest.approx([3.6, 3.1, 4.1])
    more = fig10_grids.against_dsd(made_up)
    assert more["mean"].to_dict() == pytest.approx({"Style": 1, "MSS": 0.4})
    assert np.ptp(more.loc["Style", ["mean", "low", "high"]]) == pytest.approx(0, abs=1e-9)  # the same for both images
    assert more.seeds.to_dict() == {"Style": 2, "MSS": 1}
    assert more.loc["Style", "std"] == pytest.approx(0, abs=1e-9)
    assert more.noise.to_dict() == {"Style": "images and seeds", "MSS": "images, one seed"}


def test_is_drawn_with_names_of_digits(made_up):
    figure = fig10_grids.draw(made_up)
    ours = {"L1 model": "1.0 dB", "Style": "3.1 dB", "MSS": "2.5 dB", "DSD": "2.1 dB"}
    assert titles(figure) == {"Bicubic": "", **ours, "Ground truth": "0.0 dB"}
    assert "BSD100 253027" in fig10_grids.caption(made_up)
    assert "at ReLU2_2" in fig10_grids.caption(made_up)


def test_unknown_close_ups_are_refused(parameters):
    given = {key: value for key, value in parameters.items() if key not in ("preset", "redraw")}
    with pytest.raises(ValueError, match="no close-up of embedded/cat; there are: Set14/baboon"):
        fig10_grids.compute(**given | {"shown": ["embedded/cat"]})
