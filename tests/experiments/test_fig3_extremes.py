from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dsd import VGG19, dsd_norm, paper
from dsd.experiments import fig3_extremes, provenance
from dsd.experiments.style import WIDTHS
from dsd.quality.follows import follows
from dsd.quality.statistics import STATISTICS


@pytest.fixture
def images(tmp_path):
    """The paper's two classes and twelve others, of two noisy images each."""
    for number, wnid in enumerate([*paper.CLASS_STATISTICS, *(f"n0000000{k}" for k in range(12))]):
        (tmp_path / "images" / wnid).mkdir(parents=True)
        for k in range(2):
            pixels = np.random.default_rng(2 * number + k).integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / wnid / f"{k}.png")
    return tmp_path / "images"


@pytest.fixture
def parameters(parameters_of, images):
    size = {"resize": 40, "crop": 32, "count": 28, "class_count": 24, "crops": 1, "shown": 2}
    folders = {"images": str(images), "class_images": str(images)}
    return parameters_of("fig3", backbone="vgg19", also=["lite"], layers=["relu1_2"], **size, **folders)


def test_every_network_measures_the_images_and_the_first_the_classes(parameters, tmp_path):
    result = provenance.load_or_compute(fig3_extremes, parameters, tmp_path)
    assert list(result.table) == ["panel", "file", "group", "vgg19", "lite", *STATISTICS]
    of_images, of_classes = (fig3_extremes.of_panel(result.table, panel) for panel in ("images", "classes"))
    assert (len(of_images), len(of_classes)) == (28, 24)
    assert of_images.lite.notna().all()
    assert of_classes.lite.isna().all()
    photographs, _ = fig3_extremes.load_photographs(**parameters)
    network = VGG19(("relu1_2",), weights="random")
    assert of_images.vgg19[5] == pytest.approx(dsd_norm(photographs[5][None], network)["relu1_2", 2].item(), rel=1e-4)
    assert [network["backbone"] for network in result.provenance["also"]] == ["lite"]


def test_draws_both_ends_and_the_papers_classes(parameters, tmp_path):
    result = provenance.load_or_compute(fig3_extremes, parameters, tmp_path)
    values = sorted(fig3_extremes.of_panel(result.table, "images").vgg19)
    for width, inches in WIDTHS.items():
        figure = fig3_extremes.draw(result, width)
        assert figure.get_figwidth() == inches
        *ends, classes, correlations = figure.axes
        shown = [float(axis.get_xlabel()) for axis in ends]
        assert shown == pytest.approx([1e3 * value for value in values[:2] + values[-2:]], abs=0.06)
        assert len(classes.get_yticklabels()) >= 12
        assert [text.get_text() for text in classes.get_legend().get_texts()] == ["here", "paper"]
        assert [text.get_text() for text in correlations.get_legend().get_texts()] == ["vgg19", "lite"]
    caption = fig3_extremes.caption(result)
    contrast = follows(fig3_extremes.of_panel(result.table, "images"), ["vgg19"]).contrast.item()
    assert f"contrast {contrast:.2f}" in caption
    assert "among 28, with" in caption


def test_any_backbone_and_any_number_of_further_ones_are_drawn(parameters, tmp_path):
    result = provenance.load_or_compute(fig3_extremes, parameters, tmp_path)
    names = ["resnet18", *(f"folder/{k}.pth" for k in range(6))]
    table = result.table.assign(**dict.fromkeys(names, result.table.vgg19))
    result.provenance["parameters"] |= {"backbone": names[0], "also": names[1:]}
    figure = fig3_extremes.draw(replace(result, table=table))
    assert len(figure.axes[-1].get_legend().get_texts()) == 7


def test_other_images_are_not_drawn(parameters, images, tmp_path):
    result = provenance.load_or_compute(fig3_extremes, parameters, tmp_path)
    (images / "n00000001" / "0.png").rename(images / "n00000001" / "another.png")
    with pytest.raises(ValueError, match="images is not what the figure was made from"):
        fig3_extremes.draw(result)


def test_summaries():
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.random((12, 4)), columns=["vgg19", *STATISTICS])
    table = table.assign(panel=6 * ["images"] + 6 * ["classes"], group=[*"xxxxxxaabbbc"])
    classes = fig3_extremes.by_class(table, "vgg19")
    assert classes["mean"].is_monotonic_increasing
    assert classes.loc["b", "std"] == pytest.approx(table.vgg19[8:11].std())
    assert classes["count"].to_dict() == {"a": 2, "b": 3, "c": 1}


def test_networks_by_name_or_file():
    networks = fig3_extremes.load_networks("lite", ["lite"], ["relu2_1"], "random", precision="float32")
    assert list(networks) == ["lite"]
    assert networks["lite"].layers == ("relu2_1",)
    with pytest.raises(FileNotFoundError, match=r"no weight file at nowhere\.pth"):
        fig3_extremes.load_networks("lite", ["nowhere.pth"], ["relu2_1"], "random")
