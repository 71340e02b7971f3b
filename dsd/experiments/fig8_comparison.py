"""Fig. 8: ×4 super-resolution beside that of published networks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isfinite, isnan
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle
from torch import Tensor

from dsd.backbones import find_device
from dsd.backbones.any import FeatureExtractor
from dsd.data.images import load_image
from dsd.data.restoration_sets import results_of
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.restorations import picture_name, tested_on
from dsd.experiments.style import Width, draw_image, figure_width
from dsd.paths import find_folder
from dsd.resize import downscale, enlarge
from dsd.restore.apply import restore
from dsd.restore.evaluate import Evaluator
from dsd.restore.model import load_model
from dsd.restore.networks import SRResNet
from dsd.restore.shipped import find_model
from dsd.restore.testing import Pair, pairs_of

WHOLE, BICUBIC, TRUTH = "Whole", "Bicubic", "Ground truth"
PUBLISHED = {"vdsr": "VDSR", "enhancenet": "EnhanceNet", "esrgan": "ESRGAN"}
VALUES = {"psnr_y": "{:.2f} dB", "lpips": "LPIPS {:.3f}", "niqe": "NIQE {:.2f}"}
COLUMNS = {"page": 7, "column": 4}  # at most
SHRUNK = 2  # of the whole image, which is only an overview


def compute(
    *,
    weights: str,
    models: Mapping[str, str],
    methods: Sequence[str],
    shown: Mapping[str, Sequence[int]],
    device: str,
    seed: int,
) -> Computed:
    """Restore each image, read what published networks made of it, and measure. Args: the parameters of the notebook.

    Returns:
        A row for each image and method: `set`, `image`, `method`, `psnr_y`, `lpips`, `niqe` of the whole image under
        the usual protocol; images "set image method", close-ups.
    """
    if unknown := [method for method in methods if method not in PUBLISHED]:
        raise ValueError(f"there are no results of {', '.join(unknown)}; there are: {', '.join(PUBLISHED)}")
    networks = {label: _load(model, weights, device, seed) for label, model in models.items()}
    evaluator = Evaluator(list(VALUES), device="cpu")
    rows, images = [], {}
    for name, part in shown.items():
        pair = _find(name)
        clean = pair.clean[None]
        images[picture_name(name, WHOLE)] = downscale(clean, SHRUNK)[0].clamp(0, 1)
        for method, restored in _restored(name, pair, networks, methods):
            values = evaluator(restored, clean, notes={})
            row = {"set": name.partition("/")[0], "image": pair.image, "method": method}
            rows.append(row | {key: values[key].item() if key in values else float("nan") for key in VALUES})
            images[picture_name(name, method)] = _cut(restored[0], part, name)
    about = {label: network.about for label, network in networks.items()}
    table = pd.DataFrame(rows)
    return Computed(
        table,
        next(iter(networks.values())).as_backbone(),
        tested_on(table),
        images,
        extra=_models(about) | {"protocol": evaluator.protocols()["usual"]},
    )


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw each image with a frame, and what is framed by method, with its numbers.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    shown, table = result.parameters["shown"], result.table
    table = table.assign(name=table.set + "/" + table.image.astype(str)).set_index("name")
    most = max(len(table.loc[[name]]) for name in shown)
    columns = min(COLUMNS[width], most + 1)
    size = figure_width(width)
    lines = {name: ceil((len(table.loc[[name]]) + 1) / columns) for name in shown}
    words = 0.36 + 0.13 * sum(table[key].map(isfinite).any() for key in VALUES)  # title and numbers, in inches
    figure = plt.figure(figsize=(size, sum(lines.values()) * (0.93 * size / columns + words) + 0.2))
    grid = GridSpec(sum(lines.values()), columns, figure)
    line = 0
    for name in shown:
        rows = table.loc[[name]]
        spare = lines[name] * columns - len(rows)
        wide = min(2, spare)
        _draw_whole(figure.add_subplot(grid[line, :wide]), result, name)
        for index, row in enumerate(rows.itertuples(), wide):
            axis = figure.add_subplot(grid[line + index // columns, index % columns])
            _draw_close_up(axis, result.images[picture_name(name, str(row.method))], row)
        line += lines[name]
    return figure


def caption(result: Result) -> str:
    """What the figure shows."""
    done = result.parameters
    names = ", ".join(name.replace("/", " ") for name in done["shown"])
    published = [PUBLISHED[method] for method in done["methods"] if PUBLISHED[method] in set(result.table.method)]
    others = f", published networks ({', '.join(published)})" if published else ""
    return (
        f"×4 super-resolution of {names}: the framed part by bicubic enlargement{others}, the network here trained "
        f"with {', '.join(done['models'])}, and the ground truth. Below each, {_measured(result.table)} of the whole "
        f"image ({result.provenance['protocol']}). Less is better for LPIPS and NIQE."
        + (" A method that is missing has no published result of that image." if published else "")
    )


def _measured(table: pd.DataFrame) -> str:
    """The numbers that there are."""
    names = {"psnr_y": "PSNR of Y", "lpips": "LPIPS (AlexNet)", "niqe": "NIQE"}
    there = [name for key, name in names.items() if table[key].notna().any()]
    return " and ".join(filter(None, [", ".join(there[:-1]), there[-1]]))


@dataclass(frozen=True)
class _Model:
    network: SRResNet
    about: Mapping[str, Any]

    def as_backbone(self) -> FeatureExtractor:
        """What provenance is asked of."""
        return FeatureExtractor(self.network, {"head": 1}, name="xSRResNet")


def _load(model: str, weights: str, device: str, seed: int) -> _Model:
    """A trained network, or, for tests, one of random weights."""
    where = find_device(device)
    if weights != "random":
        return _Model(*load_model(find_model(model), where))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _Model(SRResNet().eval().to(where), {"model": "random", "model_sha256": "random"})


def _models(about: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What provenance says of the networks' weights."""
    files = [each["model"] for each in about.values()]
    digests = [each["model_sha256"] for each in about.values()]
    return {
        "weights": "random" if set(files) == {"random"} else ", ".join(files),
        "weights_sha256": " ".join(digest if len(digests) == 1 else digest[:8] for digest in digests),
        "models": dict(about),
    }


def _find(name: str) -> Pair:
    """An image of a test set, by "set/image"."""
    of_set, _, image = name.partition("/")
    for pair in pairs_of(of_set):
        if pair.image == image:
            return pair
    raise ValueError(f"{of_set} has no image {image!r}")


def _restored(
    name: str, pair: Pair, networks: Mapping[str, _Model], methods: Sequence[str]
) -> Iterator[tuple[str, Tensor]]:
    """What each method makes of an image, by what it is called; (1, 3, H, W)."""
    degraded = pair.degraded[None]
    yield BICUBIC, enlarge(degraded, pair.clean.shape[1] // degraded.shape[2]).clamp(0, 1)
    for method in methods:
        if path := _published(name, method):
            yield PUBLISHED[method], load_image(path)[None]
    for label, model in networks.items():
        yield label, restore(model.network, degraded)
    yield TRUTH, pair.clean[None]


def _published(name: str, method: str) -> Path | None:
    """The file of a published result, where there is one."""
    of_set, _, image = name.partition("/")
    if method == "esrgan":
        path = find_folder("sr/esrgan") / f"{image}_esrgan.png"
        return path if of_set == "Set14" and path.is_file() else None
    return results_of(method).get(image) if of_set == "BSD100" else None


def _cut(image: Tensor, part: Sequence[int], name: str) -> Tensor:
    """A square part: its top, left and side, in pixels."""
    top, left, side = part
    cut = image[:, top : top + side, left : left + side]
    if cut.shape[1:] != (side, side) or min(top, left) < 0:
        raise ValueError(f"the part of {name} at ({top}, {left}), {side}×{side} pixels, is not within it")
    return cut


def _draw_whole(axis: Axes, result: Result, name: str) -> None:
    """The image, with a frame around what is shown."""
    top, left, side = (place / SHRUNK for place in result.parameters["shown"][name])
    draw_image(axis, result.images[picture_name(name, WHOLE)])
    for color, thick in (("black", 1.8), ("white", 0.8)):
        axis.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=color, linewidth=thick))
    axis.set_title(name.replace("/", "\n"), fontsize=7)
    axis.set_anchor("N")


def _draw_close_up(axis: Axes, image: Tensor, row: Any) -> None:
    """The framed part, with the numbers of the whole image."""
    draw_image(axis, image)
    axis.set_title(row.method)
    measured = {key: getattr(row, key) for key in (["niqe"] if row.method == TRUTH else VALUES)}
    texts = [VALUES[key].format(value) for key, value in measured.items() if not isnan(value)]
    axis.set_xlabel("\n".join(texts), fontsize=7, linespacing=1.1)
    axis.set_anchor("N")
