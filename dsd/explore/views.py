"""What each tab shows of a choice, as HTML: answers, in the form of pages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from math import inf, nan
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from dsd.backbones import PAPER_LAYERS
from dsd.experiments.story import most_active_channels
from dsd.experiments.style import pretty
from dsd.explore import pages
from dsd.explore.answers import CROP, UNREFERENCED, curves, enlarged, fingerprint, shares, unreferenced
from dsd.explore.descent import STEPS
from dsd.explore.networks import load_network
from dsd.explore.photographs import natural_norms
from dsd.explore.pictures import CENTRE, DEGRADATIONS, Picture, degrade
from dsd.quality.metrics import METRICS, NO_REFERENCE
from dsd.resize import downscale

FIRST_LAYER = "relu3_1"
CHANNELS = 48  # of a heat-map
CELLS = 64  # of a map's side


@dataclass(frozen=True)
class Choice:
    """What the controls say."""

    picture: Picture
    backbone: str = "lite"
    layer: str = FIRST_LAYER
    alpha: float = 2
    kind: str = "blur"
    strength: int = 0

    def changed(self, **values: Any) -> "Choice":
        """The same with other values."""
        return replace(self, **values)

    @property
    def words(self) -> str:
        """The choice in words, as captions and messages say it.

        Example:
            >>> from dsd.explore.pictures import open_photograph
            >>> Choice(open_photograph("coffee.png"), strength=2).words
            'coffee.png, blur, σ in pixels 1.2, lite'
        """
        amount = f"{DEGRADATIONS[self.kind].label} {amounts(self.kind)[self.strength][0]}"
        return f"{self.picture.name}, {amount if self.strength else 'as it is'}, {self.backbone}"


def amounts(kind: str) -> list[tuple[str, int]]:
    """The strengths of a degradation as a slider takes them: (what stands there, strength).

    Example:
        >>> amounts("noise")[:2]
        [('none', 0), ('0.02', 1)]
    """
    return [("none", 0), *((f"{amount:g}", k) for k, amount in enumerate(DEGRADATIONS[kind].amounts, 1))]


def fingerprint_tab(choice: Choice) -> str:
    """G(x), G(x↓α), DSD at the layer; ‖DSD‖ at all of them; where its sum lies among those of photographs."""
    image = degrade(choice.picture, choice.kind, choice.strength)
    grams = fingerprint(choice.picture, choice.kind, choice.strength, choice.backbone, choice.alpha)
    full, small = grams.full[choice.layer], grams.small[choice.layer]
    channels = most_active_channels(torch.stack([full, small]), CHANNELS)
    full, small = (matrix[channels][:, channels] for matrix in (full, small))
    # As in dsd.experiments.story: the largest 2 % of the entries exceed a scale.
    largest = float(torch.stack([full, small]).quantile(0.98))
    limit = float((full - small).abs().quantile(0.98))
    alpha = pages.subscript(f"{choice.alpha:g}")
    copy = torch.ones_like(image)
    reduced = downscale(image[None], choice.alpha)[0].clamp(0, 1)
    copy[:, : reduced.shape[1], : reduced.shape[2]] = reduced
    return (
        pages.row(
            pages.photograph(image, "x"),
            pages.photograph(copy, f"x↓{choice.alpha:g}"),
            pages.heat_map(full, largest, "G(x)"),
            pages.heat_map(small, largest, f"G(x↓{alpha})"),
            pages.heat_map(full - small, limit, f"DSD{alpha}(x) = G(x) − G(x↓{alpha})", signed=True),
        )
        + pages.paragraph(
            f"{escape(choice.picture.note)}. Matrices: {pretty(choice.layer)} of {choice.backbone}, the "
            f"{len(channels)} most active of {len(grams.full[choice.layer])} channels. "
            "Colours end where 2 % of the entries lie beyond."
        )
        + pages.row(
            pages.column(
                pages.heading(f"10³ ‖DSD{alpha}(x)‖₁ by layer"), pages.bars(grams.norms, choice.layer), width=400
            ),
            pages.column(pages.heading("Among photographs (as in Fig. 7)"), _place(choice, grams.norms), width=460),
        )
    )


def _place(choice: Choice, norms: dict[str, float]) -> str:
    """Where the sum of the paper's layers lies among photographs' of the same network, or why that is not known."""
    network = load_network(choice.backbone)
    natural = natural_norms(network.weights_sha256, choice.alpha)
    if not natural:
        return pages.paragraph(f"Not known for these weights of {choice.backbone}, {escape(network.weights_name)}.")
    own = sum(norms[layer] for layer in PAPER_LAYERS)
    share = sum(value < own for value in natural) / len(natural)
    layers = ", ".join(map(pretty, PAPER_LAYERS))
    label = f"10³ ‖DSD‖₁ at α = {choice.alpha:g}, sum of {layers}"
    return pages.histogram(natural, own, label) + pages.paragraph(
        f"Higher than {share:.0%} of {len(natural)} photographs (BSDS500, test), measured by the same network "
        f"({choice.backbone}) at the same size. Other networks have other values."
    )


def places_tab(choice: Choice) -> str:
    """The image beside the map of its places' shares of ‖DSD‖ at the layer."""
    image = degrade(choice.picture, choice.kind, choice.strength)
    map_ = shares(choice.picture, choice.kind, choice.strength, choice.backbone, choice.alpha)[choice.layer]
    cells = F.adaptive_avg_pool2d(map_[None], min(CELLS, len(map_)))[0]
    relative = cells / cells.mean() if map_.sum() > 0 else torch.zeros_like(cells)  # an image without any DSD
    limit = float(relative.abs().quantile(0.98))
    alpha = pages.subscript(f"{choice.alpha:g}")
    return pages.row(
        pages.photograph(image, "x", side=384),
        pages.heat_map(relative, limit, f"share of ‖DSD{alpha}(x)‖₁ ÷ an even share", signed=True, side=384),
    ) + pages.paragraph(
        f"{pretty(choice.layer)} of {choice.backbone}. Red places raise ‖DSD‖, blue ones lower it; all shares add "
        f"up to the value, 10³ ‖DSD‖₁ = {pages.number(1e3 * map_.sum().item())}. The map of a part would be "
        "another one: the signs of DSD's entries come of the whole image (make fig-attribution)."
    )


def measures_tab(choice: Choice) -> str:
    """Measures without a reference of the image as it is and degraded; every measure with one, against strength."""
    original = degrade(choice.picture, choice.kind, 0)
    shown = degrade(choice.picture, choice.kind, choice.strength)
    answer = curves(choice.picture, choice.kind, choice.backbone)
    labels = [label for label, _ in amounts(choice.kind)]
    diagrams = []
    for name, values in answer.values.items():
        info = METRICS[name]
        best = info.range[1] if info.higher_is_better else info.range[0]  # of the image with itself
        direction = "↑" if info.higher_is_better else "↓"
        first = nan if best == inf else best
        diagrams.append(
            pages.curve(f"{name} {direction}", [first, *values], labels, choice.strength, f"{name}: {info.summary}")
        )
    missing = "".join(f"<br>{escape(name)}: {escape(why)}" for name, why in answer.missing.items())
    return (
        pages.row(
            pages.photograph(original, "the original"),
            pages.photograph(shown, "degraded" if choice.strength else "degraded: not yet, move the slider"),
            pages.column(pages.heading("Without a reference (lower is better)"), _unreferenced(choice), width=480),
        )
        + pages.heading(f"Against the original: {escape(DEGRADATIONS[choice.kind].label)}")
        + pages.row(*diagrams)
        + pages.paragraph(
            f"Of the middle {CENTRE}×{CENTRE} pixels. The orange point is the slider's. ↓: lower is better; ↑: "
            f"higher is better. Axes begin at the least value. Deep measures: {choice.backbone}.{missing}"
        )
    )


def _unreferenced(choice: Choice) -> str:
    columns = {
        strength: unreferenced(choice.picture, choice.kind, strength, choice.backbone)
        for strength in dict.fromkeys((0, choice.strength))
    }
    cell = 'style="padding:3px 14px 3px 0;text-align:right;vertical-align:top"'
    heads = "".join(f"<th {cell}>{'degraded' if strength else 'original'}</th>" for strength in columns)
    rows, words = [], []
    for name in UNREFERENCED:
        values = [column[name] for column in columns.values()]
        words += [f"{name}: {escape(value)}" for value in values if isinstance(value, str)][:1]
        cells = "".join(f"<td {cell}>{'–' if isinstance(v, str) else pages.number(v)}</td>" for v in values)
        summary = escape(NO_REFERENCE[name].summary)
        rows.append(f'<tr><td style="padding:3px 14px 3px 0" title="{summary}">{name}</td>{cells}</tr>')
    table = f'<table style="font-size:12px;border-collapse:collapse"><tr><th></th>{heads}</tr>{"".join(rows)}</table>'
    return table + (pages.paragraph("<br>".join(words)) if words else "")


def enlarge_tab(choice: Choice) -> str:
    """A crop of the image, enlarged four times: bicubic, and by the package's network."""
    shown = enlarged(choice.picture, choice.kind, choice.strength)
    crop = degrade(choice.picture, choice.kind, choice.strength, CROP)
    return pages.row(
        pages.photograph(crop, f"the middle {CROP}×{CROP} pixels", side=320),
        *(pages.photograph(x, f"×4: {name}", side=320) for name, x in shown.items()),
    ) + pages.paragraph(
        "dsd restore: the network that comes along, trained with L1, a perceptual loss and DSD (docs/restoration.md). "
        "It was trained on photographs that were reduced without noise; other degradations are not what it knows."
    )


def way(choice: Choice, x: Tensor, values: Sequence[float], goal: str = "") -> str:
    """An optimisation on its way: where it began, where it is, and the loss so far.

    Args:
        choice: what it began with.
        x: the image now, float (3, H, W).
        values: the losses so far; none before it is started.
        goal: what the loss is.
    """
    start = degrade(choice.picture, choice.kind, choice.strength, CENTRE)
    parts = [pages.photograph(start, "start", side=264)]
    if values:
        parts.append(pages.photograph(x, f"after {len(values) - 1} steps", side=264))
        parts.append(pages.losses(values, STEPS, goal))
    return pages.row(*parts) + pages.paragraph(
        f"Adam on the middle {CENTRE}×{CENTRE} pixels, at most {STEPS} steps; {choice.backbone}, α = {choice.alpha:g}, "
        f"sum of {', '.join(map(pretty, PAPER_LAYERS))}."
    )
