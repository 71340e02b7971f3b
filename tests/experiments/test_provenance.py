import json
import subprocess
from types import ModuleType

import pandas as pd
import pytest
import torch

from dsd.cite.stamp import read_stamp, summary
from dsd.data.views import Photographs
from dsd.experiments import fig7_histogram, provenance
from dsd.experiments.catalogue import REPOSITORY, find_experiment

TABLE = pd.DataFrame({"x": ["a", "b"], "y": [0.1, 2e-9]})


@pytest.fixture
def origin(backbone):
    photographs = Photographs.from_folder("embedded")
    return provenance.provenance({"preset": "quick", "seed": 3}, backbone, {"images": photographs}, 1.23)


@pytest.fixture
def experiment(backbone, tmp_path):
    """An experiment with a picture and a checkpoint, which counts its computations in `calls`."""
    module = ModuleType("dsd.experiments.fig0_nothing")
    module.calls = []

    def compute(*, seed):
        module.calls.append(seed)
        (tmp_path / "checkpoints").mkdir()
        images = {"noise 0": torch.rand(3, 8, 8)}
        datasets = {"images": Photographs.from_folder("embedded")}
        extra = {"also": "this"}
        return provenance.Computed(TABLE, backbone, datasets, images, extra, tmp_path / "checkpoints")

    module.compute = compute
    return module


def test_provenance_tells_how_a_figure_came_about(origin):
    assert origin["parameters"] == {"preset": "quick", "seed": 3}
    assert origin["weights"] == "random"
    assert origin["datasets"]["images"]["count"] == 10
    assert origin["seconds"] == 1.2
    assert set(origin["versions"]) == {"dsd", "python", "torch", "torchvision", "numpy"}
    json.dumps(origin)


def test_numbers_of_no_network(tmp_path):
    experiment = ModuleType("dsd.experiments.fig0_nothing")
    experiment.compute = lambda: provenance.Computed(TABLE, None, {"images": Photographs.from_folder("embedded")})
    origin = provenance.load_or_compute(experiment, {"preset": "quick", "redraw": ""}, tmp_path).provenance
    assert not {"backbone", "weights", "weights_sha256", "precision", "padding"} & set(origin)
    assert origin["device"].startswith("cpu, ")
    assert summary(origin) == f"quick preset · scikit-image's photographs (10 views) · commit {origin['commit']}"
    read_stamp(tmp_path / "fig0.csv")


def test_commit_is_the_repositorys(origin):
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    ).stdout.strip()
    assert origin["commit"].removesuffix("+dirty") == (head or "unknown (not a git checkout)")


def test_commit_outside_a_checkout_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "REPOSITORY", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance._commit() == "unknown (not a git checkout)"


def test_what_is_computed_is_saved_and_can_be_loaded_instead(experiment, tmp_path):
    parameters = {"preset": "quick", "seed": 3, "redraw": ""}
    result = provenance.load_or_compute(experiment, parameters, tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["fig0.csv", "fig0.json", "fig0_noise-0.png"]
    pd.testing.assert_frame_equal(result.table, TABLE)
    assert result.parameters == parameters
    assert result.provenance["also"] == "this"
    again = provenance.load_or_compute(experiment, {"redraw": str(tmp_path / "new")}, tmp_path / "again")
    assert experiment.calls == [3]
    pd.testing.assert_frame_equal(again.table, result.table)
    assert again.provenance == result.provenance
    assert torch.equal(again.images["noise 0"], result.images["noise 0"])
    pictures = [(tmp_path / folder / "fig0_noise-0.png").read_bytes() for folder in ("new", "again")]
    assert pictures[0] == pictures[1]
    assert [path.name for path in (tmp_path / "again").iterdir()] == ["fig0_noise-0.png"]


def test_checkpoints_stay_until_the_results_are_saved(experiment, tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError("no space left")

    parameters = {"preset": "quick", "seed": 3, "redraw": ""}
    with monkeypatch.context() as patched:
        patched.setattr(provenance, "save_images", full_disk)
        with pytest.raises(OSError, match="no space left"):
            provenance.load_or_compute(experiment, parameters, tmp_path / "new")
    assert (tmp_path / "checkpoints").is_dir()
    (tmp_path / "checkpoints").rmdir()
    provenance.load_or_compute(experiment, parameters, tmp_path / "new")
    assert not (tmp_path / "checkpoints").exists()


def test_nothing_to_draw_again(experiment, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"fig0\.csv"):
        provenance.load_or_compute(experiment, {"redraw": str(tmp_path)}, tmp_path / "again")


def test_how_to_draw_is_not_part_of_a_result(experiment, tmp_path):
    parameters = {"preset": "quick", "seed": 1, "redraw": "", "width": "column", "stamp": False, "out_dir": "x"}
    result = provenance.load_or_compute(experiment, parameters, tmp_path)
    assert result.parameters == {"preset": "quick", "seed": 1, "redraw": ""}


def test_relative_folders_are_the_repositorys(experiment, tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "REPOSITORY", tmp_path)
    monkeypatch.chdir("/")
    provenance.load_or_compute(experiment, {"preset": "quick", "seed": 1, "redraw": ""}, "new")
    provenance.load_or_compute(experiment, {"redraw": "new"}, "again")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"fig0.csv", "fig0.json", "fig0_noise-0.png"}
    assert {path.name for path in (tmp_path / "again").iterdir()} == {"fig0_noise-0.png"}


def test_parameters_are_those_of_the_tagged_cell():
    names = find_experiment("fig7").parameters
    values = dict.fromkeys(names, 1)
    assert provenance.parameters_of(fig7_histogram, values | {"networks": ["a"], "In": [""]}) == values
    del values["alpha"], values["width"]
    with pytest.raises(ValueError, match="run the cell of parameters first: it gives alpha, width"):
        provenance.parameters_of(fig7_histogram, values)


def test_checkpoints_are_apart_for_every_setting(backbone, monkeypatch):
    folders = [provenance.checkpoints("fig0", {"seed": seed}, backbone) for seed in (0, 1, 0)]
    assert folders[0] == folders[2] != folders[1]
    assert folders[0].parent == REPOSITORY / "build" / "checkpoints"
    monkeypatch.setattr(provenance, "_commit", lambda: "another")
    assert provenance.checkpoints("fig0", {"seed": 0}, backbone) != folders[0]


def test_a_figure_is_not_drawn_again_with_other_images(origin):
    same = Photographs.from_folder("embedded")
    provenance.check_data(origin, {"images": same})
    with pytest.raises(ValueError, match=r"photographs is not what the figure was made from: it was .*10.*, it is .*9"):
        provenance.check_data(origin, {"images": Photographs.from_folder("embedded", count=9)})
