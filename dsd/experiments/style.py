"""The one look of all figures."""

from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from dsd.checks import check_choice

Width = Literal["page", "column"]
WIDTHS = {"page": 5.5, "column": 8.4 / 2.54}  # inches: a page of NeurIPS, a column of most journals

# One meaning per colour in all figures. Their lightness differs, and each has a hatch or marker: they are told apart in
# grey, too. The paper's blue, red and green, from dark to light:
COLORS = {"Random": "#1F4E8C", "Same class": "#E0555C", "Self": "#9BCB7E"}
HATCHES = {"Random": "", "Same class": "////", "Self": "...."}
MEASURES: dict[str, dict[str, Any]] = {
    "DSD_2": {"color": "#6A2C91", "marker": "D"},
    "DSD_4": {"color": "#A97BC4", "marker": "d"},
    "Style": {"color": "#E69F00", "marker": "^"},
    "MSS": {"color": "#8A5A00", "marker": "v"},
    "Perceptual": {"color": "0.35", "marker": "s"},
    "PDL": {"color": "0.6", "marker": "P"},
    "LPIPS": {"color": "0.1", "marker": "X"},
    "log DSD_2": {"color": "#6A2C91", "marker": "D", "markerfacecolor": "white"},
    "log DSD_4": {"color": "#A97BC4", "marker": "d", "markerfacecolor": "white"},
    "joint DSD_2": {"color": "#C0468F", "marker": "*"},
    "NIQE": {"color": "#0B5D57", "marker": "o"},
    "Ma": {"color": "0.5", "marker": "p"},
    "BRISQUE": {"color": "#D98E3F", "marker": "h"},
}
NETWORKS: dict[str, dict[str, Any]] = {  # beside each other
    "vgg19": {"color": "0.15", "marker": "o"},
    "lite": {"color": "#2AA198", "marker": "s"},
    "alexnet": {"color": "#C8501E", "marker": "^"},
    "squeezenet": {"color": "#8DB4E2", "marker": "v"},
}
OTHER_COLORS, OTHER_MARKERS = ("0.5", "0.7", "0.35"), "^vPX<>p"  # networks that have no look of their own


def figure_width(width: Width) -> float:
    """A figure's width in inches: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.

    Raises:
        ValueError: it is neither.
    """
    check_choice(width, "width", list(WIDTHS))
    return WIDTHS[width]


def looks_of(networks: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The colour and the marker of each network, as keywords of matplotlib's ``plot``.

    Args:
        networks: names. Those in `NETWORKS` keep their looks; of the others, each takes the next grey and marker.

    Example:
        >>> looks_of(["lite", "resnet18"])["resnet18"]
        {'color': '0.5', 'marker': '^'}
    """
    names = dict.fromkeys(networks)
    others = [name for name in names if name not in NETWORKS]
    greys = zip(others, cycle(OTHER_COLORS), cycle(OTHER_MARKERS), strict=False)
    further = {name: {"color": color, "marker": marker} for name, color, marker in greys}
    return {name: (NETWORKS | further)[name] for name in names}


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
        strip(axis)


def draw_image(axis: Axes, image: Tensor) -> None:
    """Draw an image, float (3, H, W) in [0, 1], pixel by pixel and without ticks."""
    axis.imshow(image.permute(1, 2, 0).numpy(), interpolation="nearest")
    strip(axis)


def strip(axis: Axes) -> None:
    """Take ticks, grid and frame from a picture."""
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
