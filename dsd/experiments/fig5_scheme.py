"""What a scheme is drawn with: words, pictures, arrows and signs at places given in inches."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

Place = tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """A part of a drawing. Places in it are to the right of the middle of its upper edge, and above it, in inches."""

    axes: Axes
    middle: float
    top: float

    def write(self, where: Place, text: str, **style: Any) -> None:
        """Write text, its middle at a place."""
        self.axes.text(*self._at(where), text, **{"ha": "center", "va": "center", "fontsize": 7, **style})

    def show(self, values: np.ndarray, centre: Place, side: float, colors: ScalarMappable | None = None) -> None:
        """Draw an image (H, W, 3), or a matrix in colours."""
        x, y = self._at(centre)
        style = {"norm": colors.norm, "cmap": colors.cmap, "interpolation": "nearest"} if colors else {}
        extent = (x - side / 2, x + side / 2, y - side / 2, y + side / 2)
        self.axes.imshow(values, extent=extent, **style)  # type: ignore[arg-type]

    def arrow(self, start: Place, end: Place, color: str, shape: str = "-|>") -> None:
        """Draw an arrow; of shape ``"<|-|>"`` it has two heads."""
        style: dict[str, Any] = {"mutation_scale": 6, "shrinkA": 0.8, "shrinkB": 0.8, "joinstyle": "miter"}
        ends = self._at(start), self._at(end)
        self.axes.add_patch(FancyArrowPatch(*ends, color=color, arrowstyle=shape, lw=1.4, **style))

    def sign(self, centre: Place, sign: str, color: str) -> None:
        """Draw a sign in white on a disc."""
        self.axes.add_patch(Circle(self._at(centre), 0.065, color=color, lw=0))
        self.write(centre, sign, va="center_baseline", color="white", fontsize=8, fontweight="bold")

    def box(self, top: Place, width: float, text: str, bold: str) -> None:
        """Draw a grey box that says something, and below it something in bold."""
        x, y = self._at(top)
        height = 0.1 + 0.14 * len(f"{text}\n{bold}".splitlines())
        style: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.05", "facecolor": "0.94", "linewidth": 0}
        self.axes.add_patch(FancyBboxPatch((x - width / 2, y - height), width, height, **style))
        self.write((top[0], top[1] - 0.05), text, va="top", linespacing=1.3)
        self.write((top[0], top[1] - height + 0.05), bold, va="bottom", linespacing=1.3, fontweight="bold")

    def colorbar(self, centre: Place, colors: ScalarMappable, name: str) -> None:
        """Draw a colour bar with its name above; a few entries exceed the ends of its scale."""
        low, high = colors.get_clim()
        ticks = sorted({low or 0, 0, high or 0})
        x, y = self._at(centre)
        place = self.axes.inset_axes((x - 0.5, y - 0.04, 1, 0.08), transform=self.axes.transData)
        extend: dict[str, Any] = {"extend": "both" if low else "max", "extendfrac": 0.05}
        bar = self.axes.figure.colorbar(colors, cax=place, orientation="horizontal", **extend)
        bar.set_ticks(ticks, labels=[f"{tick:.2g}".replace("-", "−") for tick in ticks])
        bar.ax.tick_params(length=1.5, pad=1.5)
        bar.outline.set_linewidth(0.4)
        self.write((centre[0], centre[1] + 0.07), name, va="bottom")

    def _at(self, place: Place) -> Place:
        return self.middle + place[0], self.top + place[1]
