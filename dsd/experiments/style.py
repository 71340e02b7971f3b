"""The one look of all figures."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

# The paper's blue, red and green, in the shades of Paul Tol's colour-blind-safe "bright" scheme.
COLORS = {"Random": "#4477AA", "Same class": "#EE6677", "Self": "#228833"}


def use_style() -> None:
    """Make matplotlib draw in the project's look."""
    plt.style.use(Path(__file__).with_name("style.mplstyle"))


def pretty(layer: str) -> str:
    """A layer's name as the paper prints it.

    Example:
        >>> pretty("relu1_2")
        'ReLU1_2'
    """
    return layer.replace("relu", "ReLU")


def draw_close_up(whole: Axes, close: Axes, image: Tensor, zoom: Sequence[float]) -> None:
    """Draw an image, with a frame around a square part of it, and that part alone.

    Args:
        whole: where the image goes.
        close: where the part goes.
        image: float (3, H, W) in [0, 1].
        zoom: the part's centre (x, y) and its side, as shares of the image.
    """
    pixels = image.permute(1, 2, 0).numpy()
    height, width = pixels.shape[:2]
    side = round(zoom[2] * min(height, width))
    left, top = (round(where * size - side / 2) for where, size in zip(zoom, (width, height), strict=False))
    whole.imshow(pixels)
    whole.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor="white", linewidth=0.8))
    close.imshow(pixels[max(top, 0) : top + side, max(left, 0) : left + side], interpolation="nearest")
    for axis in (whole, close):
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(False)
