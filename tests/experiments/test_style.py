import matplotlib.pyplot as plt
import numpy as np
import torch

from dsd.experiments import style


def test_colours_are_the_papers():
    assert list(style.COLORS) == ["Random", "Same class", "Self"]


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
