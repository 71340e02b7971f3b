from dataclasses import replace

import numpy as np
import pytest
import torch

from dsd.backbones import load_backbone
from dsd.contextual import contextual
from dsd.data.bapps import JudgedImages
from dsd.data.images import load_image, save_image
from dsd.quality.full_reference import compare, encode
from dsd.quality.judged import ALL, PEOPLE, distances, scores
from dsd.quality.lpips import LPIPS
from dsd.quality.two_afc import jnd_precision
from tests.data.bapps_writer import write_bapps

SHARES = {"cnn": [0.8, 1.0, 0.6], "color": [0.4, 0.2]}


@pytest.fixture(scope="module")
def network():
    return load_backbone("lite", ["relu1_2", "relu2_1"], "random", device="cpu")


@pytest.fixture(scope="module")
def triplets(tmp_path_factory):
    return JudgedImages.read(write_bapps(tmp_path_factory.mktemp("bapps"), SHARES), "2afc")


@pytest.fixture(scope="module")
def found(triplets, network):
    lpips = LPIPS(load_backbone("alexnet", weights="random", device="cpu"))
    return distances(triplets, network, [lpips], batch=2)


def test_distances_are_those_of_single_images(triplets, network, found):
    assert len(found) == 2
    for row, at in enumerate(triplets.judgements):
        reference = load_image(at.reference)[None]
        target = encode(reference, network)
        for table, path in zip(found, at.images, strict=True):
            x = load_image(path)[None]
            encoded = encode(x, network)
            expected = compare(encoded, target)
            for layer in network.layers:
                expected[f"CX {layer}"] = contextual(encoded.features[layer], target.features[layer]).item()
            expected["PSNR"] = 10 * (x - reference).square().mean().log10().item()
            assert expected == pytest.approx(table.loc[row, list(expected)].to_dict(), rel=1e-3)
            assert set(table) - set(expected) == {"LPIPS alexnet", "SSIM"}


def test_2afc_by_subset_and_their_mean(triplets, found):
    table = scores(triplets, found)
    value = table[table.minus == ""].set_index(["subset", "measure"])
    # p1 is closer in every triplet, and PSNR knows.
    assert value.value["cnn", "PSNR"] == pytest.approx(0.8)
    assert value.value["color", "PSNR"] == pytest.approx(0.3)
    assert value.value[ALL, "PSNR"] == pytest.approx(0.55)
    assert value.value["color", PEOPLE] == pytest.approx((0.4**2 + 0.6**2 + 0.2**2 + 0.8**2) / 2)
    assert value["count"].xs("PSNR", level="measure").to_dict() == {"cnn": 3, "color": 2, ALL: 5}
    assert (value.low <= value.value + 1e-9).all()
    assert (value.value <= value.high + 1e-9).all()
    assert value.low["cnn", "PSNR"] == pytest.approx(0.6)


def test_differences_are_of_the_same_resamples(triplets, found):
    table = scores(triplets, [frame.assign(**{"DSD_2 relu2_1": frame.PSNR}) for frame in found])
    differences = table[table.minus != ""].set_index(["measure", "minus"])
    row = differences.loc["DSD_2 relu2_1", "PSNR"]
    assert (row.value, row.low, row.high) == (0, 0, 0)
    layers = {tuple(name.split(" ")[-1] for name in pair) for pair in differences.index}
    assert ("relu2_1", "relu1_2") not in layers
    assert {("relu2_1", "relu2_1"), ("relu2_1", "alexnet"), ("relu1_2", "SSIM")} < layers
    assert set(differences.subset) == {ALL}


def test_jnd_by_subset(tmp_path, network):
    shares = {"traditional": [1.0, 0.0, 0.5, 0.25], "cnn": [0.0, 1.0]}
    pairs = JudgedImages.read(write_bapps(tmp_path, shares, "jnd"), "jnd")
    (table,) = distances(pairs, network, batch=4)
    value = scores(pairs, [table]).query("minus == ''").set_index(["subset", "measure"]).value
    for subset, own in (("traditional", table.PSNR[:4]), ("cnn", table.PSNR[4:])):
        expected = jnd_precision(own.to_numpy(), np.array(shares[subset])).item()
        assert value[subset, "PSNR"] == pytest.approx(expected)
    assert value[ALL, "PSNR"] == pytest.approx((value["traditional", "PSNR"] + value["cnn", "PSNR"]) / 2)
    assert PEOPLE not in value.index.get_level_values("measure")


def test_where_nobody_was_asked_there_is_no_ceiling(triplets, found):
    assert PEOPLE not in set(scores(replace(triplets, by_people=False), found).measure)


def test_another_size_is_named(tmp_path, network):
    triplets = JudgedImages.read(write_bapps(tmp_path, {"cnn": [0.5, 0.5]}), "2afc")
    path = triplets.judgements[1].images[0]
    save_image(torch.rand(3, 32, 48), path)
    with pytest.raises(ValueError, match=r"p0.000001.png has 48×32 pixels, .*ref.000000.png has 32×32"):
        distances(triplets, network)
