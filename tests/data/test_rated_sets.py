import pytest
import torch
from PIL import Image

from dsd.data.rated_sets import load_rated
from dsd.data.synthetic import write_distorted
from dsd.data.views import Photographs


def test_loads_ratings_pieapp_and_photographs(tmp_path, monkeypatch):
    write_distorted(Photographs.from_folder("embedded", resize=64, crop=48, count=2), tmp_path / "set")
    assert load_rated(str(tmp_path / "set" / "ratings.csv"), tmp_path).name == "set"
    assert len(load_rated("embedded", tmp_path / "new", resize=64, crop=48, count=1).pairs) == 48
    for path in ("reference_images/test/x.png", "distorted_images/test/x/1.png", "distorted_images/test/x/2.png"):
        (tmp_path / "pieapp" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "pieapp" / path)
    labels = tmp_path / "pieapp" / "labels" / "test" / "ref_x_pairwise_labels.csv"
    labels.parent.mkdir(parents=True)
    labels.write_text("reference, A, B, preference for A\nx.png, 1.png, 2.png, 0.7\n")
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    assert load_rated("pieapp", tmp_path / "nothing").name == "PieAPP test"
    assert not (tmp_path / "nothing").exists()
    folder = tmp_path / "photographs"
    folder.mkdir()
    Image.fromarray((torch.rand(48, 48, 3) * 255).byte().numpy()).save(folder / "x.png")
    assert len(load_rated("photographs", tmp_path / "of the folder", resize=None, crop=48).images()) == 1


def test_what_is_not_there(tmp_path):
    for images in ("nowhere", "nowhere/ratings.csv"):
        with pytest.raises(FileNotFoundError, match="no folder nowhere"):
            load_rated(images, tmp_path)
