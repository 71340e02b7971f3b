import re
import shutil

import pytest
import torch

from dsd import VGG19, dsd_norm, norms
from dsd.data.images import embedded_photographs
from dsd.data.views import Photographs, View
from dsd.quality.norms import summed_norm, tabulate


@pytest.fixture(scope="module")
def photographs():
    return Photographs([View(path, path.name) for path in embedded_photographs()[:5]], "few", resize=48, crop=32)


@pytest.fixture(scope="module")
def network():
    return VGG19(("relu1_1", "relu1_2"), weights="random")


def test_norms_are_those_of_each_view(photographs, network):
    table = norms(photographs, network, (2, 4), batch_size=2)
    assert next(iter(table)) == "file"
    assert list(table.file) == [view.path.name for view in photographs.views]
    for k in range(5):
        for (layer, alpha), value in dsd_norm(photographs[k][None], network, (2, 4)).items():
            assert table[f"{layer}_dsd{alpha}"][k] == pytest.approx(value.item(), rel=1e-4)


def test_norms_of_a_folder_and_of_a_network_by_name(tmp_path, network):
    folder = tmp_path / "photos"
    for name, path in zip(("b/1.png", "b/2.png", "a/1.png"), embedded_photographs(), strict=False):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / name)
    table = norms(folder, "lite", resize=48, crop=32)
    assert list(table) == ["file", "relu2_1_dsd2", "relu2_2_dsd2", "relu3_1_dsd2"]
    assert table.file.tolist() == ["a/1.png", "b/1.png", "b/2.png"]
    assert list(norms(folder, "lite", layers=["relu1_2"], resize=48, crop=32)) == ["file", "relu1_2_dsd2"]
    with pytest.raises(ValueError, match="layers are those of the network that was given"):
        norms(folder, network, layers=["relu1_1"])
    with pytest.raises(FileNotFoundError, match="no folder nowhere"):
        norms("nowhere", "lite")


@pytest.mark.parametrize(
    "wrong", [{"crop": "32"}, {"resize": 0}, {"batch_size": 0}, {"workers": -1}, {"workers": [1]}], ids=str
)
def test_numbers_are_checked(network, wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"{name} must be an integer of at least .*, got {re.escape(repr(value))}"):
        norms("embedded", network, **wrong)


def test_images_are_a_folder_or_photographs(network):
    with pytest.raises(TypeError, match="images must be a folder or Photographs, got bytes"):
        norms(b"embedded", network)


@pytest.mark.parametrize("wrong", [3, None, torch.nn.ReLU()], ids=str)
def test_a_backbone_is_a_network_or_its_name(wrong):
    with pytest.raises(TypeError, match=f"backbone must be a network or the name of one, got {type(wrong).__name__}"):
        norms("embedded", wrong)


def test_numbers_that_are_too_large(network):
    for name in ("crop", "resize", "batch_size", "workers"):
        with pytest.raises(ValueError, match=rf"{name} must be at most \d+, got {10**30}"):
            norms("embedded", network, **{name: 10**30})


def test_summed_norm(photographs, network):
    x = torch.stack([photographs[k] for k in range(2)])
    expected = sum(dsd_norm(x, network, (3,)).values())
    torch.testing.assert_close(summed_norm(x, network, 3), expected)


def test_tabulates_what_it_is_told(photographs):
    table = tabulate(photographs, lambda x: {"mean": x.mean(dim=(1, 2, 3))}, batch_size=2)
    assert list(table) == ["file", "group", "mean"]
    assert table["mean"].tolist() == pytest.approx([photographs[k].mean().item() for k in range(5)])
