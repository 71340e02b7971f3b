"""How closely one backbone stands in for another: VGG-19 lite for VGG-19 (`make lite-report`)."""

import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd import paper
from dsd.backbones import find_device
from dsd.backbones.base import Backbone, Precision
from dsd.backbones.lite import TEACHER_SHA256, VGG19Lite
from dsd.backbones.vgg19 import TORCHVISION_WEIGHTS, VGG19, WEIGHT_FILES
from dsd.backbones.weights import find_weights
from dsd.data.images import find_images
from dsd.data.rated import RatedImages
from dsd.data.rated_sets import load_rated
from dsd.data.views import Photographs, View
from dsd.descriptor import ByLayerAndAlpha, dsd_matrices, gram_matrices
from dsd.distil.images import held_out
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.style import COLORS
from dsd.gram import l1_norm
from dsd.losses import DSDLoss
from dsd.optimize import optimize
from dsd.paths import data_root
from dsd.quality.evaluate import correlations, score

COLUMNS = ["what", "layer", "alpha", "value", "student", "teacher"]


def compute(
    *,
    weights: str,
    precision: Precision,
    layers: Sequence[str],
    alphas: Sequence[float],
    images: str,
    resize: int,
    crop: int,
    count: int,
    rated_images: str,
    files: Sequence[str],
    steps: int,
    learning_rate: float,
    device: str,
    seed: int,
) -> Computed:
    """Compare VGG-19 lite with VGG-19 on the same images. Args: the parameters of the notebook.

    Returns:
        The tables of :func:`fingerprints`, :func:`ratings` and :func:`as_a_loss`, one below the other.
    """
    place = find_device(device)
    if weights == "auto":
        weights = str(find_weights(WEIGHT_FILES[::-1], "VGG-19", TORCHVISION_WEIGHTS))  # the teacher's first

    def networks(layers: Sequence[str]) -> tuple[Backbone, Backbone]:
        both = VGG19Lite(layers, precision=precision), VGG19(layers, weights, precision=precision)
        return both[0].to(place), both[1].to(place)

    lite, vgg19 = networks(layers)
    photographs, contents = load(images, files, resize=resize, crop=crop, count=count)
    tables = [fingerprints(photographs, lite, vgg19, alphas)]
    with tempfile.TemporaryDirectory() as folder:
        rated = load_rated(rated_images, Path(folder) / "known distortions", resize=256, crop=160, count=5, seed=seed)
        tables.append(ratings(rated, lite, vgg19, alphas))
    lite, vgg19 = networks(paper.FIG4["layers"])
    tables.append(as_a_loss(contents, lite, vgg19, steps=steps, learning_rate=learning_rate))
    return Computed(
        pd.concat(tables, ignore_index=True),
        vgg19,
        {"photographs": photographs, "rated": rated, "optimised": contents},
        extra={"student": lite.provenance()},
    )


def consecutive_pairs(photographs: Photographs) -> Iterator[tuple[int, int]]:
    """Indices of the first and the second, the third and the fourth, …; an odd last one is left out."""
    return ((index, index + 1) for index in range(0, len(photographs) - 1, 2))


def unseen(*, resize: int, crop: int, count: int | None = None) -> Photographs:
    """Photographs on which VGG-19 lite was not trained: every third class of imagenet-sample, and BSDS500 `val`.

    Args:
        resize: as for :class:`Photographs`.
        crop: as for :class:`Photographs`.
        count: how many; all of them for None.
    """
    paths = held_out(find_images("imagenet-sample")) + find_images("bsds500/val")
    random.Random(0).shuffle(paths)
    views = [View(path, path.name) for path in paths[:count]]
    return Photographs(views, "held-out ImageNet sample and BSDS500", resize=resize, crop=crop)


def load(images: str, files: Sequence[str], *, resize: int, crop: int, count: int) -> tuple[Photographs, Photographs]:
    """Photographs to describe, and those to optimise: contents and references in turn.

    Args:
        images: ``"held out"`` for :func:`unseen`, else as for :meth:`Photographs.from_folder`.
        files: paths under the data root of what is to be optimised; with none, the first six of the photographs.
        resize: as for :class:`Photographs`.
        crop: as for :class:`Photographs`.
        count: how many photographs.
    """
    if images == "held out":
        photographs = unseen(resize=resize, crop=crop, count=count)
    else:
        photographs = Photographs.from_folder(images, resize=resize, crop=crop, count=count)
    views = [View(data_root() / name, name) for name in files] or photographs.views[:6]
    return photographs, Photographs(views, "contents and references", resize=resize, crop=crop)


@torch.inference_mode()
def fingerprints(
    photographs: Photographs, student: Backbone, teacher: Backbone, alphas: Sequence[float], batch_size: int = 8
) -> pd.DataFrame:
    """Agreement on photographs, by layer and alpha.

    - ``rank of ‖DSD‖``: Spearman correlation of student's and teacher's ‖DSD_α(x)‖₁ over the photographs x.
    - ``rank of L_DSD``: that of ‖DSD_α(x) − DSD_α(y)‖₁ over pairs x, y, of which no two share a photograph.
    - ``error of DSD``: median over x of ‖DSD of the student − DSD of the teacher‖₁ / ‖DSD of the teacher‖₁.
    - ``Self/Random`` (Fig. 2): mean ‖G(x) − G(x↓α)‖₁ over mean ‖G(x) − G(y)‖₁, each network's; `value` is their ratio.

    Args:
        photographs: what to measure on; an odd last one is left out.
        student: the network that stands in.
        teacher: the network that it stands in for; the same layers.
        alphas: scaling factors.
        batch_size: photographs described at a time, an even number.

    Returns:
        Columns `what`, `layer`, `alpha`, `value`, `student`, `teacher`.

    Raises:
        ValueError: an odd `batch_size`.
    """
    if batch_size % 2:
        raise ValueError(f"batch_size must be even, since pairs are compared, got {batch_size}")
    pairs = photographs.subset(index for pair in consecutive_pairs(photographs) for index in pair)
    values: dict[tuple, list[Tensor]] = defaultdict(list)
    for x in tqdm(DataLoader(pairs, batch_size), desc=photographs.name, unit="batch"):
        x = x.to(teacher.device)
        grams = [gram_matrices(x, network, (1, *alphas)) for network in (student, teacher)]
        for key in [(layer, alpha) for alpha in alphas for layer in teacher.layers]:
            full = [g[key[0], 1] for g in grams]
            matrices = [g[key[0], 1] - g[key] for g in grams]
            for name, g, m in zip(("student", "teacher"), full, matrices, strict=True):
                values[*key, "norm", name].append(l1_norm(m))
                values[*key, "loss", name].append(_distance(m))
                values[*key, "random", name].append(_distance(g))
            values[*key, "error"].append(l1_norm(matrices[0] - matrices[1]) / l1_norm(matrices[1]))
    measured = {key: torch.cat(parts).cpu().numpy() for key, parts in values.items()}
    rows: list[tuple] = []
    for key in dict.fromkeys(key[:2] for key in measured):
        of = {name: {what: measured[*key, what, name] for what in ("norm", "loss", "random")} for name in COLUMNS[-2:]}
        for what, label in (("norm", "rank of ‖DSD‖"), ("loss", "rank of L_DSD")):
            rows.append((label, *key, spearmanr(*(v[what] for v in of.values())).statistic, None, None))
        rows.append(("error of DSD", *key, np.median(measured[*key, "error"]), None, None))
        ratios = [v["norm"].mean() / v["random"].mean() for v in of.values()]
        rows.append(("Self/Random", *key, ratios[0] / ratios[1], *ratios))
    return pd.DataFrame(rows, columns=COLUMNS)


def _distance(matrices: Tensor) -> Tensor:
    """‖a − b‖₁ of each two that follow each other."""
    first, second = matrices.unflatten(0, (-1, 2)).unbind(dim=1)
    return l1_norm(first - second)


def ratings(rated: RatedImages, student: Backbone, teacher: Backbone, alphas: Sequence[float]) -> pd.DataFrame:
    """``agreement with people``: each network's Pearson correlation of L_DSD with human preference, as in Table 1.

    `value` is the student's less the teacher's. Args and Returns: see :func:`fingerprints`.
    """

    def compare(a: ByLayerAndAlpha, b: ByLayerAndAlpha) -> Mapping[str, float]:
        return {f"{layer} {alpha:g}": l1_norm(a[layer, alpha] - b[layer, alpha]).item() for layer, alpha in a}

    pearson = []
    for network in (student, teacher):
        encode = partial(dsd_matrices, backbone=network, alphas=alphas)
        scores = score(rated, encode, compare, device=network.device)
        pearson.append(correlations(scores, rated, resamples=1).pearson)
    keys = [(layer, alpha) for alpha in alphas for layer in teacher.layers]
    rows = [
        ("agreement with people", *key, ours - theirs, ours, theirs)
        for key, ours, theirs in zip(keys, *pearson, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def as_a_loss(
    photographs: Photographs, student: Backbone, teacher: Backbone, *, steps: int, learning_rate: float
) -> pd.DataFrame:
    """``as a loss``: pixels of a photograph optimised to the DSD of another (as in Fig. 4), judged by the teacher.

    `student` and `teacher` are what is left, after optimising with each network, of the teacher's L_DSD of the
    beginning; `value` is the student's decrease over the teacher's own. `layer` names the photograph.

    Args:
        photographs: a content, its reference, the next content, …
        student: as for :func:`fingerprints`, with Fig. 4's layers among its own.
        teacher: likewise.
        steps: of Adam.
        learning_rate: of Adam.
    """
    alpha = paper.FIG4["alpha"]
    losses = [DSDLoss(network, (alpha,)) for network in (student, teacher)]
    rows = []
    for pair in consecutive_pairs(photographs):
        name = photographs.views[pair[0]].path.stem
        content, reference = (photographs[k][None].to(teacher.device) for k in pair)
        targets = [loss.encode(reference) for loss in losses]
        judge, aim = losses[1], targets[1]
        with torch.no_grad():
            before = judge(content, aim)
        left = []
        for loss, target in zip(losses, targets, strict=True):
            path = optimize(
                content,
                lambda x, loss=loss, target=target: loss(x, target),  # type: ignore[misc]
                steps=steps,
                learning_rate=learning_rate,
                description=f"{name} with {loss.backbone.backbone_name}",
            )
            with torch.no_grad():
                left.append((judge(path.image, aim) / before).item())
        rows.append(("as a loss", name, alpha, (1 - left[0]) / (1 - left[1]), *left))
    return pd.DataFrame(rows, columns=COLUMNS)


def draw(result: Result) -> Figure:
    """Draw six panels of agreement by layer; dashed lines are what was aimed for."""
    student, other = result.provenance["student"], result.provenance["weights_sha256"] != TEACHER_SHA256
    lite = f"{student['backbone']}, weights {student['weights']} {student['weights_sha256'][:8]}"
    figure, axes = plt.subplots(2, 3, figsize=(6.75, 4.2))
    title = f"{lite}, against {result.provenance['backbone']}"
    figure.suptitle(title + ("\nwith other weights than it was distilled from" if other else ""))
    _draw_by_layer(axes[0, 0], result, "rank of ‖DSD‖", "Spearman of ‖DSD‖", 0.985)
    _draw_by_layer(axes[0, 1], result, "rank of L_DSD", "Spearman of L$_{DSD}$ of pairs", 0.98)
    _draw_by_layer(axes[0, 2], result, "error of DSD", "Relative L1 error of DSD", 0.2)
    axes[0, 2].set_ylim(bottom=0)
    _draw_by_layer(axes[1, 0], result, "Self/Random", "Self/Random: lite over VGG-19", 1.1, 0.9)
    _draw_by_layer(axes[1, 1], result, "agreement with people", "Pearson with ratings: lite − VGG-19", 0.03, -0.03)
    axes[0, 0].legend()
    optimised = result.table[result.table.what == "as a loss"]
    last = axes[1, 2]
    last.bar(range(len(optimised)), optimised.value, 0.5, color=COLORS["Random"])
    last.axhline(0.7, color="0.4", linestyle="--", linewidth=0.7)
    last.set_xticks(range(len(optimised)), optimised.layer)
    last.set_xlabel("photograph")
    last.set_title("As a loss: share of the decrease")
    return figure


def _draw_by_layer(axis: Axes, result: Result, what: str, title: str, *targets: float) -> None:
    """A row of dots for each alpha, with one target or two."""
    layers, alphas, table = result.parameters["layers"], result.parameters["alphas"], result.table
    for shift, alpha, color in zip((-0.1, 0.1), alphas, COLORS.values(), strict=False):
        rows = table[(table.what == what) & (table.alpha == alpha)].set_index("layer").loc[layers]
        axis.plot(np.arange(len(rows)) + shift, rows.value, "o", color=color, label=f"α = {alpha:g}")
    for target in targets:
        axis.axhline(
            target, color="0.4", linestyle="--", linewidth=0.7, label="target" if target == targets[0] else None
        )
    axis.set_title(title)
    axis.set_xticks(range(len(layers)), [layer.removeprefix("relu") for layer in layers])
    axis.set_xlabel("ReLU")
