import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb

from dsd.experiments import style


def lightness(color):
    """As a grey printer sees it."""
    return np.dot(to_rgb(color), [0.299, 0.587, 0.114])


def test_the_papers_colours_are_told_apart_in_grey():
    assert list(style.COLORS) == list(style.HATCHES) == ["Random", "Same class", "Self"]
    values = [lightness(color) for color in style.COLORS.values()]
    assert np.diff(values).min() > 0.15


@pytest.mark.parametrize("looks", [style.MEASURES, style.NETWORKS])
def test_no_two_looks_are_the_same(looks):
    filled = [look for look in looks.values() if "markerfacecolor" not in look]
    assert len({look["marker"] for look in filled}) == len({look["color"] for look in filled}) == len(filled)
    assert len({tuple(look.values()) for look in looks.values()}) == len(looks)  # open ones are variants of filled ones
    colors = {to_hex(look["color"]) for look in looks.values()}
    assert not colors & {to_hex(color) for color in style.COLORS.values()}  # one meaning per colour


def test_every_network_has_a_look():
    names = ["vgg19", "resnet18", "lite", *"abc", "resnet18"]
    looks = style.looks_of(names)
    assert looks == style.looks_of(names[:-1])
    assert [looks[name] for name in ("vgg19", "lite")] == [style.NETWORKS[name] for name in ("vgg19", "lite")]
    assert len({(look["color"], look["marker"]) for look in looks.values()}) == len(looks) == 6
    assert len(style.looks_of(map(str, range(50)))) == 50


def test_figures_have_one_of_two_widths():
    assert style.figure_width("page") == 5.5
    assert style.figure_width("column") * 2.54 == pytest.approx(8.4)
    with pytest.raises(ValueError, match="width must be one of page, column; got 'wide'"):
        style.figure_width("wide")


def test_all_figures_have_one_look():
    with plt.rc_context():
        style.use_style()
        assert plt.rcParams["savefig.dpi"] == 300
        assert plt.rcParams["pdf.fonttype"] == 42  # text stays text


def test_close_up_is_the_framed_part():
    image = torch.rand(3, 20, 30)
    figure, (whole, close) = plt.subplots(1, 2)
    style.draw_close_up(whole, close, image, [0.5, 0.25, 0.4])
    pixels = image.permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(np.asarray(whole.images[0].get_array()), pixels)
    np.testing.assert_array_equal(np.asarray(close.images[0].get_array()), pixels[1:9, 11:19])
    (frame,) = whole.patches
    assert (*frame.get_xy(), frame.get_width(), frame.get_height()) == (11, 1, 8, 8)
    plt.close(figure)
