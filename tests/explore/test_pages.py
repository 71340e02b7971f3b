"""Answers as HTML: the images in it, the places of its marks; nothing from elsewhere, no name unescaped."""

import base64
import io
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from dsd.explore import pages


def images(html):
    """The PNG files in a page, as arrays."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def svg(html):
    """The drawing in a page, and its shapes by their tag."""
    root = ElementTree.fromstring(html[html.index("<svg") :])
    return root, lambda tag: root.findall(f"{{http://www.w3.org/2000/svg}}{tag}")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0123456, "0.0123"), (-0.5, "-0.5"), (25.67, "25.7"), (999.6, "1000"), (12345, "12345")],
)
def test_numbers(value, text):
    assert pages.number(value) == text


def test_an_image_is_its_pixels():
    x = torch.rand(3, 4, 6)
    (pixels,) = images(pages.photograph(x, "a <b>"))
    np.testing.assert_array_equal(pixels, (x * 255).round().byte().permute(1, 2, 0).numpy())
    assert "a &lt;b&gt;" in pages.photograph(x, "a <b>")


def test_a_heat_map_has_the_scales_ends():
    values = torch.tensor([[-2.0, 0.0], [1.0, 9.0]])
    pixels, scale = images(pages.heat_map(values, 2.0, "DSD", signed=True))
    assert pixels.shape == (2, 2, 3)
    np.testing.assert_array_equal(pixels[0, 0], scale[0, 0])  # −limit
    np.testing.assert_array_equal(pixels[1, 1], scale[0, -1])  # beyond the limit
    assert (pixels[0, 1] > 240).all()  # 0 is white
    assert images(pages.heat_map(torch.zeros(2, 2), 0.0, "G"))  # a black image's


def test_bars_are_proportional():
    html = pages.bars({"relu1_2": 0.02, "relu2_1": 0.01}, "relu2_1")
    assert re.findall(r"width:([\d.]+)%", html) == ["100.0", "50.0"]
    assert re.findall(r'font-weight:600"><td[^>]*>(\w+)', html) == ["ReLU2_1"]
    assert ">20<" in html
    assert "width:0.0%" in pages.bars({"relu1_2": 0.0}, "relu1_2")


def test_a_histogram_counts_and_marks():
    root, find = svg(pages.histogram([0.01, 0.01, 0.04], 0.02, "a & b", bins=4))
    heights = [float(rect.get("height")) for rect in find("rect")]
    assert heights == [0.0, 150.0, 0.0, 75.0] or heights == [150.0, 0.0, 0.0, 75.0]
    mark = [line for line in find("line") if line.get("stroke") == pages.DSD_COLOR]
    assert float(mark[0].get("x1")) == pytest.approx(440 * 0.02 / (1.02 * 0.04), abs=0.1)
    assert root.get("aria-label") == "a & b"


@pytest.mark.parametrize("first", [0.0, math.nan])
def test_a_curve_has_a_point_for_each_value(first):
    _, find = svg(pages.curve("psnr", [first, 1.0, 3.0], ["none", "1", "2"], 2, "what it is"))
    points = [(float(at.get("cx")), float(at.get("cy"))) for at in find("circle")]
    assert len(points) == (3 if first == 0 else 2)
    assert points[-1] == (170, 38)  # the largest is on top, on the right
    assert [at.get("r") for at in find("circle")][-1] == "5"  # the slider's
    assert find("title")[0].text == "what it is"


def test_a_curve_says_where_there_is_no_value():
    assert ">–<" in pages.curve("psnr", [math.nan, 1.0, 3.0], ["none", "1", "2"], 0, "")


def test_a_loss_curve_ends_where_it_is():
    _, find = svg(pages.losses([4.0, 2.0, 1.0], 4, "‖DSD‖"))
    (line,) = find("polyline")
    points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    assert points == [(52.0, 22.0), (149.0, 97.0), (246.0, 172.0)]  # logarithmic
    assert svg(pages.losses([0.0], 4, "zero"))


def test_nothing_is_loaded_from_elsewhere():
    html = pages.photograph(torch.rand(3, 4, 4), "x") + pages.curve("a", [1.0, 2.0], ["b", "c"], 0, "d")
    assert set(re.findall(r'(?:src|href)="(\w+):', html)) == {"data"}


def test_a_measure_that_is_infinite_everywhere():
    assert ">–<" in pages.curve("psnr", [math.nan, math.inf, math.inf], ["none", "1", "2"], 1, "")
