import pytest
import torch
from PIL import Image

from dsd.backbones import load_backbone
from dsd.data.images import load_image
from dsd.learned import channels
from dsd.learned.channels import measure_channels, pairs_of
from dsd.learned.triplets import load_triplets
from dsd.quality.lpips import LPIPS
from tests.learned.samples import write_rated


@pytest.fixture
def distance():
    return LPIPS(load_backbone("lite", ["relu1_2"], device="cpu"), "uniform")


@pytest.fixture
def pairs(tmp_path):
    return pairs_of(load_triplets(write_rated(tmp_path / "set")).judgements)


def test_each_pair_is_there_once_beside_those_of_its_reference(pairs, tmp_path):
    names = [(reference.name, image.name) for reference, image in pairs]
    assert names == [(f"ref{k}.png", f"{k}_{level}.png") for k in range(2) for level in (10, 20, 40, 80)]


def test_is_what_the_distance_sees(distance, pairs, tmp_path):
    found = measure_channels(distance, pairs, tmp_path / "channels", {}, quiet=True)
    expected = torch.stack([distance(*(load_image(path)[None] for path in pair))[0] for pair in pairs])
    torch.testing.assert_close(found.sum(dim=1), expected)
    assert found.shape == (8, 64)


def test_goes_on_where_it_was(distance, pairs, tmp_path, monkeypatch):
    monkeypatch.setattr(channels, "PART", 3)
    whole = measure_channels(distance, pairs, tmp_path / "whole", {"a": 1}, quiet=True)

    def stopped(path):
        if path == pairs[-1][1]:
            raise KeyboardInterrupt
        return load_image(path)

    monkeypatch.setattr(channels, "load_image", stopped)
    with pytest.raises(KeyboardInterrupt):
        measure_channels(distance, pairs, tmp_path / "parts", {"a": 1}, quiet=True)
    read = []
    monkeypatch.setattr(channels, "load_image", lambda path: read.append(path) or load_image(path))
    assert torch.equal(measure_channels(distance, pairs, tmp_path / "parts", {"a": 1}, quiet=True), whole)
    assert read == [pairs[6][0], pairs[6][1], pairs[7][1]]
    with pytest.raises(ValueError, match="is of another run"):
        measure_channels(distance, pairs, tmp_path / "parts", {"a": 2}, quiet=True)
    monkeypatch.setattr(channels, "PART", 4)
    with pytest.raises(ValueError, match="is of another run"):
        measure_channels(distance, pairs, tmp_path / "parts", {"a": 1}, quiet=True)


def test_refuses_images_of_another_size(distance, pairs, tmp_path):
    Image.new("RGB", (40, 40)).save(pairs[1][1])
    with pytest.raises(ValueError, match=r"0_20.png has 40×40 pixels, its reference .*ref0.png 48×40"):
        measure_channels(distance, pairs, tmp_path / "channels", {}, quiet=True)
