"""Answers as HTML: images, heat-maps, bars, curves. Nothing in it is loaded from elsewhere."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from dsd.experiments.style import MEASURES, pretty

DSD_COLOR = MEASURES["DSD_2"]["color"]
MARK_COLOR = MEASURES["Style"]["color"]
GREY = "#595959"  # of small print: dark enough on white
_TEXT = f'font-size="11" fill="{GREY}"'


def number(value: float) -> str:
    """A value with three digits, without needless zeros.

    Example:
        >>> number(0.0123456), number(1234.5), number(0)
        ('0.0123', '1234', '0')
    """
    return f"{value:.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def subscript(text: str) -> str:
    """A subscript that leaves the line's height; `text` is HTML."""
    return f'<sub style="line-height:0">{text}</sub>'


def column(*parts: str, width: int) -> str:
    """Parts below each other, `width` CSS pixels wide."""
    return f'<div style="width:{width}px">{"".join(parts)}</div>'


def row(*parts: str) -> str:
    """Parts beside each other, as long as there is room."""
    return f'<div style="display:flex;flex-wrap:wrap;gap:18px;align-items:flex-start">{"".join(parts)}</div>'


def paragraph(text: str) -> str:
    """Small print; `text` is HTML."""
    return f'<p style="max-width:78em;margin:6px 0;font-size:12px;line-height:1.45;color:{GREY}">{text}</p>'


def heading(text: str) -> str:
    """A small heading; `text` is HTML."""
    return f'<h3 style="font-size:14px;font-weight:600;margin:14px 0 6px">{text}</h3>'


def photograph(x: Tensor, caption: str, side: int = 200) -> str:
    """An image and what stands below it.

    Args:
        x: float (3, H, W) in [0, 1].
        caption: plain text.
        side: of the square that it is shown in, in CSS pixels.
    """
    pixels = (x.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy(force=True)
    width = round(side * x.shape[2] / max(x.shape[1:]))
    return _figure(pixels, escape(caption), width, side, smooth=x.shape[1] > side)


def heat_map(values: Tensor, limit: float, title: str, *, signed: bool = False, side: int = 200) -> str:
    """A matrix in colours, as dsd.experiments.story draws it, with its scale of colours.

    Args:
        values: (C, C).
        limit: the value of the last colour; what lies beyond has that colour, too.
        title: HTML.
        signed: colours from −limit to limit, white at 0; else from 0 to limit.
        side: in CSS pixels.
    """
    limit = limit or 1.0  # a constant image's DSD is 0 everywhere
    low = -limit if signed else 0.0
    colours = colormaps["RdBu_r" if signed else "viridis"]
    shares = ((values.numpy(force=True) - low) / (limit - low)).clip(0, 1)
    scale = _image(_bytes(colours(np.linspace(0, 1, 64)[None])), side, 10, smooth=True)
    ticks = [number(tick) for tick in ((low, 0, limit) if signed else (low, limit))]
    ends = "".join(f"<span>{tick}</span>" for tick in ticks)
    bar = f'{scale}<div style="display:flex;justify-content:space-between;font-size:11px;color:{GREY}">{ends}</div>'
    return _figure(_bytes(colours(shares)), title, side, side, below=bar)


def _bytes(colours: np.ndarray) -> np.ndarray:
    return (colours[..., :3] * 255).round().astype(np.uint8)


def _figure(pixels: np.ndarray, caption: str, width: int, height: int, *, smooth: bool = False, below: str = "") -> str:
    below = f'<div style="margin-top:4px">{below}</div>' if below else ""
    title = f'<figcaption style="font-size:12px;line-height:20px;height:20px;margin-bottom:4px">{caption}</figcaption>'
    image = _image(pixels, width, height, smooth=smooth)
    return f'<figure style="margin:0;width:{max(width, 120)}px">{title}{image}{below}</figure>'


def _image(pixels: np.ndarray, width: int, height: int, *, smooth: bool) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    data = base64.b64encode(file.getvalue()).decode()
    style = f"width:{width}px;height:{height}px;display:block;" + ("" if smooth else "image-rendering:pixelated")
    return f'<img alt="" src="data:image/png;base64,{data}" style="{style}">'


def bars(norms: Mapping[str, float], chosen: str) -> str:
    """A bar and a number for each layer; the chosen one stands out.

    Args:
        norms: ‖DSD‖ by layer.
        chosen: a layer.
    """
    largest = max(norms.values()) or 1.0
    rows = "".join(
        f'<tr style="font-weight:{600 if layer == chosen else 400}"><td style="padding:2px 10px 2px 0">{pretty(layer)}'
        f'</td><td style="width:180px"><div style="height:12px;width:{100 * norm / largest:.1f}%;'
        f'background:{DSD_COLOR if layer == chosen else "#C9B6D6"}"></div></td>'
        f'<td style="padding-left:10px;text-align:right">{number(1e3 * norm)}</td></tr>'
        for layer, norm in norms.items()
    )
    return f'<table style="border-collapse:collapse;font-size:12px">{rows}</table>'


def histogram(values: Sequence[float], at: float, label: str, bins: int = 24) -> str:
    """How many values lie where, and where one of them, `at`, is.

    Args:
        values: at least one, at least 0.
        at: the value that is marked.
        label: of the axis; plain text.
        bins: columns.
    """
    width, height, top = 440, 150, 18
    last = 1.02 * max(*values, at)
    counts, _ = np.histogram(values, bins=bins, range=(0, last))
    step = width / bins
    columns = "".join(
        f'<rect x="{k * step:.1f}" y="{top + height * (1 - count / max(counts)):.1f}" width="{step - 1:.1f}" '
        f'height="{height * count / max(counts):.1f}" fill="#B5B5B5"/>'
        for k, count in enumerate(counts)
    )
    x = width * at / last
    anchor = "end" if x > 0.6 * width else "start"
    mark = (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{top + height}" stroke="{DSD_COLOR}" stroke-width="2.5"/>'
        f'<text x="{x + (-6 if anchor == "end" else 6):.1f}" y="13" text-anchor="{anchor}" font-size="12" '
        f'fill="{DSD_COLOR}">this image: {number(1e3 * at)}</text>'
    )
    ticks = "".join(
        f'<text x="{width * share:.1f}" y="{top + height + 14}" text-anchor="{where}" {_TEXT}>'
        f"{number(1e3 * last * share)}</text>"
        for share, where in ((0, "start"), (0.5, "middle"), (1, "end"))
    )
    axis = f'<line x1="0" x2="{width}" y1="{top + height}" y2="{top + height}" stroke="{GREY}"/>'
    name = f'<text x="{width / 2}" y="{top + height + 30}" text-anchor="middle" {_TEXT}>{escape(label)}</text>'
    return _svg(width, top + height + 36, columns + axis + ticks + name + mark, label)


def curve(
    title: str, values: Sequence[float], amounts: Sequence[str], strength: int, note: str, *, width: int = 178
) -> str:
    """A small diagram: a measure against strength.

    Args:
        title: the measure's name; plain text.
        values: of strengths 0, 1, …; NaN or infinite where there is no point.
        amounts: what stands at each strength; plain text.
        strength: the one that is marked.
        note: shown when the pointer rests on it; plain text.
        width: in CSS pixels.
    """
    left, top, right, height = 8, 38, width - 8, 74
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    points = [
        (left + (right - left) * k / (len(values) - 1), top + height * (1 - (value - low) / (high - low or 1)))
        for k, value in enumerate(values)
        if math.isfinite(value)
    ]
    shown = [k for k, value in enumerate(values) if math.isfinite(value)]
    now = values[strength]
    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{5 if k == strength else 2.6}" '
        f'fill="{MARK_COLOR if k == strength else DSD_COLOR}"/>'
        for k, (x, y) in zip(shown, points, strict=True)
    )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    body = (
        f"<title>{escape(note)}</title>"
        f'<text x="{left}" y="13" font-size="12" font-weight="600">{escape(title)}</text>'
        f'<text x="{right}" y="13" text-anchor="end" font-size="12">{number(now) if math.isfinite(now) else "–"}</text>'
        f'<text x="{left}" y="28" {_TEXT}>{number(low)} to {number(high)}</text>'
        f'<line x1="{left}" x2="{right}" y1="{top + height + 8}" y2="{top + height + 8}" stroke="#BFBFBF"/>'
        f'<polyline points="{line}" fill="none" stroke="{DSD_COLOR}" stroke-width="1.6"/>{marks}'
        f'<text x="{left}" y="{top + height + 22}" {_TEXT}>{escape(amounts[0])}</text>'
        f'<text x="{right}" y="{top + height + 22}" text-anchor="end" {_TEXT}>{escape(amounts[-1])}</text>'
    )
    return _svg(width, top + height + 28, body, f"{title} against strength")


def losses(values: Sequence[float], steps: int, label: str) -> str:
    """A loss over the steps so far, on a logarithmic scale.

    Args:
        values: at least one; what is not above 0 is left out.
        steps: that there will be at most.
        label: what the loss is; plain text.
    """
    width, height, left, top = 440, 150, 52, 22
    above = [(k, value) for k, value in enumerate(values) if value > 0]
    logs = [math.log(value) for _, value in above] or [0.0]
    low, high = min(logs), max(logs)
    line = " ".join(
        f"{left + (width - left) * k / steps:.1f},{top + height * (1 - (log - low) / (high - low or 1)):.1f}"
        for (k, _), log in zip(above, logs, strict=False)
    )
    body = (
        f'<text x="{left}" y="13" font-size="12">{escape(label)}: {number(values[0])} → {number(values[-1])}</text>'
        f'<polyline points="{line}" fill="none" stroke="{DSD_COLOR}" stroke-width="1.8"/>'
        f'<text x="{left - 6}" y="{top + 9}" text-anchor="end" {_TEXT}>{number(math.exp(high))}</text>'
        f'<text x="{left - 6}" y="{top + height}" text-anchor="end" {_TEXT}>{number(math.exp(low))}</text>'
        f'<path d="M{left} {top}V{top + height}H{width}" fill="none" stroke="#BFBFBF"/>'
        f'<text x="{left}" y="{top + height + 16}" {_TEXT}>0</text>'
        f'<text x="{width}" y="{top + height + 16}" text-anchor="end" {_TEXT}>step {steps}</text>'
    )
    return _svg(width, top + height + 22, body, f"{label} over steps")


def _svg(width: float, height: float, body: str, label: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" role="img" '
        f'aria-label="{escape(label)}" font-family="inherit">{body}</svg>'
    )
