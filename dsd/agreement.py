"""How closely one backbone stands in for another: VGG-19 lite for VGG-19 (`make lite-report`)."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from dsd import paper
from dsd.data import Photographs, View, data_root, find_images, held_out
from dsd.data.rated import RatedImages
from dsd.descriptor import ByLayerAndAlpha, dsd, grams
from dsd.evaluate import correlations, score
from dsd.frozen import Backbone
from dsd.gram import l1_norm
from dsd.losses import DSDLoss
from dsd.optimize import optimize

COLUMNS = ["what", "layer", "alpha", "value", "student", "teacher"]


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
    pairs = Subset(photographs, range(len(photographs) // 2 * 2))
    values: dict[tuple, list[Tensor]] = defaultdict(list)
    for x in tqdm(DataLoader(pairs, batch_size), desc=photographs.name, unit="batch"):
        x = x.to(teacher.device)
        described = [grams(x, network, (1, *alphas)) for network in (student, teacher)]
        for key in [(layer, alpha) for alpha in alphas for layer in teacher.layers]:
            full = [g[key[0], 1] for g in described]
            matrices = [g[key[0], 1] - g[key] for g in described]
            for name, g, m in zip(("student", "teacher"), full, matrices, strict=True):
                values[*key, "norm", name].append(l1_norm(m))
                values[*key, "loss", name].append(l1_norm(m[0::2] - m[1::2]))
                values[*key, "random", name].append(l1_norm(g[0::2] - g[1::2]))
            values[*key, "error"].append(l1_norm(matrices[0] - matrices[1]) / l1_norm(matrices[1]))
    found = {key: torch.cat(parts).cpu().numpy() for key, parts in values.items()}
    rows: list[tuple] = []
    for key in dict.fromkeys(key[:2] for key in found):
        of = {name: {what: found[*key, what, name] for what in ("norm", "loss", "random")} for name in COLUMNS[-2:]}
        for what, label in (("norm", "rank of ‖DSD‖"), ("loss", "rank of L_DSD")):
            rows.append((label, *key, spearmanr(*(v[what] for v in of.values())).statistic, None, None))
        rows.append(("error of DSD", *key, np.median(found[*key, "error"]), None, None))
        ratios = [v["norm"].mean() / v["random"].mean() for v in of.values()]
        rows.append(("Self/Random", *key, ratios[0] / ratios[1], *ratios))
    return pd.DataFrame(rows, columns=COLUMNS)


def ratings(rated: RatedImages, student: Backbone, teacher: Backbone, alphas: Sequence[float]) -> pd.DataFrame:
    """``agreement with people``: each network's Pearson correlation of L_DSD with human preference, as in Table 1.

    `value` is the student's less the teacher's. Args and Returns: see :func:`fingerprints`.
    """

    def compare(a: ByLayerAndAlpha, b: ByLayerAndAlpha) -> Mapping[str, float]:
        return {f"{layer} {alpha:g}": l1_norm(a[layer, alpha] - b[layer, alpha]).item() for layer, alpha in a}

    pearson = []
    for network in (student, teacher):
        describe = partial(dsd, backbone=network, alphas=alphas)
        scores = score(rated, describe, compare, device=network.device)
        pearson.append(correlations(scores, rated, resamples=1).pearson)
    keys = [(layer, alpha) for alpha in alphas for layer in teacher.layers]
    rows = [
        ("agreement with people", *key, ours - theirs, ours, theirs)
        for key, ours, theirs in zip(keys, *pearson, strict=True)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def as_a_loss(
    pairs: Photographs, student: Backbone, teacher: Backbone, *, steps: int, learning_rate: float
) -> pd.DataFrame:
    """``as a loss``: pixels of a photograph optimised to the DSD of another (as in Fig. 4), judged by the teacher.

    `student` and `teacher` are what is left, after optimising with each network, of the teacher's L_DSD of the
    beginning; `value` is the student's decrease over the teacher's own. `layer` names the photograph.

    Args:
        pairs: items 0 and 1, 2 and 3, … are content and reference.
        student: as for :func:`fingerprints`, with Fig. 4's layers among its own.
        teacher: likewise.
        steps: of Adam.
        learning_rate: of Adam.
    """
    alpha = paper.FIG4["alpha"]
    losses = [DSDLoss(network, (alpha,)) for network in (student, teacher)]
    rows = []
    for index in range(0, len(pairs) - 1, 2):
        content, reference = (pairs[k][None].to(teacher.device) for k in (index, index + 1))
        targets = [loss.describe(reference) for loss in losses]
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
                description=f"{pairs.views[index].path.stem} with {loss.backbone.NAME}",
            )
            with torch.no_grad():
                left.append((judge(path.image, aim) / before).item())
        rows.append(("as a loss", pairs.views[index].path.stem, alpha, (1 - left[0]) / (1 - left[1]), *left))
    return pd.DataFrame(rows, columns=COLUMNS)
