import json
import subprocess

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from PIL import Image

from dsd import figures
from dsd.data import Photographs


@pytest.fixture
def made(backbone):
    photographs = Photographs.from_folder("embedded")
    return figures.provenance({"preset": "quick", "seed": 3}, backbone, {"images": photographs}, 1.23)


def test_provenance_tells_how_a_figure_came_about(made):
    assert made["parameters"] == {"preset": "quick", "seed": 3}
    assert made["weights"] == "random"
    assert made["datasets"]["images"]["count"] == 10
    assert made["seconds"] == 1.2
    assert set(made["versions"]) == {"dsd", "python", "torch", "torchvision", "numpy"}
    json.dumps(made)


def test_commit_is_the_repositorys(made):
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=figures.HERE, capture_output=True, text=True, check=False
    ).stdout.strip()
    assert made["commit"].removesuffix("+dirty") == (head or "unknown (not a git checkout)")


def test_files_carry_numbers_and_provenance(made, tmp_path):
    table = pd.DataFrame({"x": ["a", "b"], "y": [0.1, 2e-9]})
    figures.save_table(table, made, "fig0", tmp_path / "new")
    figures.use_style()
    figure, axis = plt.subplots()
    axis.plot([1, 2])
    figures.save_figure(figure, made, "fig0", tmp_path / "new")
    plt.close(figure)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "fig0.csv",
        "fig0.json",
        "fig0.pdf",
        "fig0.png",
    ]
    again, provenance = figures.load_table("fig0", tmp_path / "new")
    pd.testing.assert_frame_equal(again, table)
    assert provenance == made
    with Image.open(tmp_path / "new" / "fig0.png") as image:
        assert json.loads(image.text["Description"]) == made
        assert round(image.info["dpi"][0]) == 300
    assert made["datasets"]["images"]["files_sha256"].encode() in (tmp_path / "new" / "fig0.pdf").read_bytes()


def test_random_weights_are_written_on_the_figure(made):
    figure = plt.figure()
    figures.stamp(figure, made)
    assert "RANDOM WEIGHTS" in figure.get_suptitle()
    for text in ("quick", "vgg19", "random", "scikit-image's photographs"):
        assert text in figure.get_supxlabel()
    figures.stamp(figure, {**made, "weights": "vgg19-dcbb9e9d.pth"})
    plt.close(figure)


def test_parameters_are_the_plain_values():
    namespace = {"seed": 1, "layers": ["a"], "out_dir": "x", "In": [""], "_hidden": 2, "module": json, "none": None}
    assert figures.parameters(namespace) == {"seed": 1, "layers": ["a"], "none": None}


def test_colours_are_the_papers():
    assert list(figures.COLORS) == ["Random", "Same class", "Self"]


def test_checkpoints_are_apart_for_every_setting(backbone, monkeypatch):
    folders = [figures.checkpoints("fig0", {"seed": seed}, backbone) for seed in (0, 1, 0)]
    assert folders[0] == folders[2] != folders[1]
    monkeypatch.setattr(figures, "_commit", lambda: "another")
    assert figures.checkpoints("fig0", {"seed": 0}, backbone) != folders[0]


def test_a_figure_is_not_drawn_again_with_other_images(made):
    same = Photographs.from_folder("embedded")
    figures.check_data(made, {"images": same})
    with pytest.raises(ValueError, match=r"photographs is not what the figure was made from: it was .*10.*, it is .*9"):
        figures.check_data(made, {"images": Photographs.from_folder("embedded", count=9)})
