"""How closely one backbone stands in for another: a student for its teacher."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd import paper
from dsd.backbones.base import Backbone
from dsd.data.rated import RatedImages
from dsd.data.views import Photographs
from dsd.descriptor import ByLayerAndAlpha, dsd_matrices, gram_matrices
from dsd.gram import l1_norm
from dsd.losses import DSDLoss
from dsd.optimize import optimize
from dsd.quality.evaluate import correlations, score

COLUMNS = ["what", "layer", "alpha", "value", "student", "teacher"]


@torch.inference_mode()
def fingerprints(
    photographs: Photographs, student: Backbone, teacher: Backbone, alphas: Sequence[float], batch_size: int = 8
) -> pd.DataFrame:
    """Agreement on photographs, by layer and alpha.

    - ``rank of ‖DSD‖``: Spearman correlation of student's and teacher's ‖DSD_α(x)‖₁ over the photographs x.
    - ``rank of L_DSD``: that of ‖DSD_α(x) − DSD_α(y)‖₁ over pairs x, y, of which no two share a photograph.
    - ``error of DSD``: median over x of ‖DSD of the student − DSD of the teacher‖₁ / ‖DSD of the teacher‖₁.
    - ``‖DSD‖``: medians of both over x; `value` is the median of the student's over the teacher's.
    - ``worst ‖DSD‖``: of the x for which the student's over the teacher's is farthest from 1, likewise.
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
    pairs = photographs.subset(index for pair in _consecutive_pairs(photographs) for index in pair)
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
        norms = np.stack([v["norm"] for v in of.values()])
        off = norms[0] / norms[1]
        worst = np.abs(np.log(off)).argmax()
        rows.append(("‖DSD‖", *key, np.median(off), *np.median(norms, axis=1)))
        rows.append(("worst ‖DSD‖", *key, off[worst], *norms[:, worst]))
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
    for pair in _consecutive_pairs(photographs):
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


def _consecutive_pairs(photographs: Photographs) -> Iterator[tuple[int, int]]:
    """Indices of the first and the second, the third and the fourth, …; an odd last one is left out."""
    return ((index, index + 1) for index in range(0, len(photographs) - 1, 2))
