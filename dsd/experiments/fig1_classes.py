"""Fig. 1: what a classifier calls the same photograph at another scale."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.imagenet_classes import imagenet_kinds
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result, check_data
from dsd.experiments.style import Width, figure_width
from dsd.quality.classifiers import Classifier, imagenet_classifier, photograph_classifier
from dsd.resize import downscale


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    images: str,
    alphas: Sequence[float],
    alpha: float,
    shown: int,
    resize: int,
    crop: int,
    count: int | None,
    crops: int,
    batch_size: int,
    workers: int,
    device: str,
    seed: int,
) -> Computed:
    """Classify every view at every scale. Args: the parameters of the notebook.

    Returns:
        The table of :func:`classify`.
    """
    photographs = load_photographs(images=images, resize=resize, crop=crop, count=count, crops=crops, seed=seed)
    if backbone == "vgg19":
        classifier = imagenet_classifier(weights, precision=precision, device=device)
    else:
        network = load_backbone(backbone, ["relu4_1"], weights, precision=precision, device=device)
        classifier = photograph_classifier(photographs.other_views(seed + 1), network, batch_size=batch_size)
    table = classify(photographs, classifier, [*{*alphas, alpha}], batch_size=batch_size, workers=workers)
    return Computed(table, classifier.backbone, {"images": photographs}, extra=classifier.provenance)


def load_photographs(
    *, images: str, resize: int, crop: int, count: int | None, crops: int, seed: int, **_: Any
) -> Photographs:
    """Load the views that the notebook's parameters ask for; further parameters are passed over."""
    return Photographs.from_folder(images, resize=resize, crop=crop, count=count, crops=crops, seed=seed)


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw (a) the most confident changes of label and (b) the share of labels that change, by scale.

    Raises:
        ValueError: the images are not those that were classified.
    """
    photographs = load_photographs(**result.parameters)
    check_data(result.provenance, {"images": photographs})
    rows = 1 if width == "page" else 2
    figure = plt.figure(figsize=(figure_width(width), 2.1 + 2.2 * rows))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[2.2 * rows, 2.1])
    _draw_examples(upper, result, photographs, rows)
    _draw_shares(lower.subplots(), result)
    return figure


def _draw_examples(panel: SubFigure, result: Result, photographs: Photographs, rows: int) -> None:
    """So many rows of pairs; of each pair, the view as it is above the downscaled one."""
    done, kinds = result.parameters, known_kinds(result)
    alpha = done["alpha"]
    examples = striking(result.table, alpha, done["shown"])
    columns = max(1, -(-len(examples) // rows))
    grid = panel.subplots(2 * rows, columns, height_ratios=rows * [alpha, 1], squeeze=False)
    for axis in grid.flat:
        axis.axis("off")
    pairs = grid.reshape(rows, 2, columns).swapaxes(1, 2).reshape(-1, 2)
    for pair, example in zip(pairs, examples.to_dict("records"), strict=False):
        label, label_small = example["label"], example["label_small"]
        distance = (", near" if kinds[label] == kinds[label_small] else ", far") if kinds else ""
        x = photographs[example["view"]][None]
        pair[0].imshow(x[0].permute(1, 2, 0).numpy())
        pair[0].set_title(_titled(label, example["probability"]), fontsize=7)
        pair[1].imshow(downscale(x, alpha).clamp(0, 1)[0].permute(1, 2, 0).numpy())
        pair[1].set_title(_titled(label_small, example["probability_small"]) + distance, fontsize=7)
    above = f"{done['crop']} pixels, and below it downscaled (α = {alpha:g})"
    panel.suptitle(f"(a) {above}:" + (" " if rows == 1 else "\n") + "label and its probability", fontsize=8)


def _titled(label: str, probability: float) -> str:
    name = textwrap.fill(label.rsplit(".", 1)[0].replace("_", " "), 14)
    return f"{name}\n{probability:.0%}"


def _draw_shares(axis: Axes, result: Result) -> None:
    """Two bars for each alpha; the lower, dark part of each are the far labels."""
    import seaborn as sns

    kinds = known_kinds(result)
    changed = changes(result.table, kinds)
    for share, shade, beside in [("changed", "0.75", -0.05), ("far", "0.4", 0.05)][: 2 if kinds else 1]:
        drawn = len(axis.lines)
        sns.barplot(
            x=changed.alpha,
            y=100 * changed[share],
            hue=changed.enlarged,
            palette=[shade, shade],
            saturation=1,
            width=0.7,
            err_kws={"color": "0.05", "linewidth": 0.8},
            capsize=0.08,
            seed=result.parameters["seed"],
            legend=False,
            ax=axis,
        )
        for whisker in axis.lines[drawn:] if kinds else ():  # of both shares, so that none covers the other
            whisker.set_xdata(np.asarray(whisker.get_xdata()) + beside)
    for enlarged in axis.containers[1::2]:
        for bar in enlarged:
            bar.set_hatch("/////")
    parts = {"near": "0.75", "far": "0.4"} if kinds else {"": "0.75"}
    versions = {"downscaled": "", "enlarged again": "/////"}
    axis.legend(
        [Patch(facecolor=shade, hatch=hatch) for hatch in versions.values() for shade in parts.values()],
        [f"{version}{part and ': '}{part}" for version in versions for part in parts],
        loc="upper left",
    )
    axis.set_xticks(axis.get_xticks(), [f"{alpha:g}" for alpha in sorted(changed.alpha.unique())])
    axis.set_ylim(0, 100)
    axis.set_xlabel("Downscaling factor α")
    axis.set_ylabel("Label changed, %")
    axis.set_title("(b) How often the label changes")


def caption(result: Result) -> str:
    """What the figure shows."""
    done, kinds = result.parameters, known_kinds(result)
    alpha = done["alpha"]
    changed = changes(result.table, kinds)
    share = changed[~changed.enlarged & (changed.alpha == alpha)].mean(numeric_only=True)
    views = result.table["view"].nunique()
    text = (
        f"(a) A view of {done['crop']} pixels and the same downscaled by {alpha:g}, with the classifier's label and "
        f"the probability that it gives this label: the most confident changes. (b) Share of {views} views whose label "
        "changes when they are downscaled, and when they are enlarged again afterwards; whiskers are 95% bootstrap "
        f"intervals over photographs. Downscaled by {alpha:g}, {share.changed:.0%} change"
    )
    if not kinds:
        return f"{text}."
    return (
        f"{text}, and {share.far:.0%} go far: to another of {len(set(kinds.values()))} kinds of things, after WordNet. "
        "Near labels are of the same kind. Upper whiskers: all changes; lower ones: far changes."
    )


def known_kinds(result: Result) -> Mapping[str, str]:
    """The kind of each label where labels are ImageNet's classes; nothing where they are photographs."""
    return imagenet_kinds() if result.parameters["backbone"] == "vgg19" else {}


def classify(
    photographs: Photographs, classifier: Classifier, alphas: Sequence[float], *, batch_size: int = 8, workers: int = 0
) -> pd.DataFrame:
    """The likeliest label of every view as it is, downscaled, and downscaled and enlarged again.

    The last tells what the lost detail alone does: such an image is as large as the original.

    Args:
        photographs: the views.
        classifier: of them.
        alphas: downscaling factors.
        batch_size: views in memory at a time.
        workers: processes that load images.

    Returns:
        `view` (its index), `file`, `group`, `alpha` (1: as it is), `enlarged` (again, to the original's size), `label`,
        `probability`.
    """
    rows = []
    index = 0
    for x in tqdm(DataLoader(photographs, batch_size, num_workers=workers), desc=photographs.name, unit="batch"):
        x = x.to(classifier.backbone.device)
        versions = {(1.0, False): x}
        for alpha in map(float, alphas):
            small = versions[alpha, False] = downscale(x, alpha)
            versions[alpha, True] = F.interpolate(small, x.shape[2:], mode="bicubic", align_corners=False)
        for version, images in versions.items():
            probabilities, indices = classifier(images.clamp(0, 1)).max(dim=1)
            for k, (probability, label) in enumerate(zip(probabilities.tolist(), indices.tolist(), strict=True)):
                view = photographs.views[index + k]
                rows.append((index + k, view.path.name, view.group, *version, classifier.labels[label], probability))
        index += len(x)
    return pd.DataFrame(rows, columns=["view", "file", "group", "alpha", "enlarged", "label", "probability"])


def changes(table: pd.DataFrame, kinds: Mapping[str, str] | None = None) -> pd.DataFrame:
    """By photograph and version, the share of its views whose label is not that of the view as it is.

    Args:
        table: from :func:`classify`.
        kinds: of the labels; with them there is a column `far`, the share of labels of another kind.

    Returns:
        `group`, `file`, `alpha`, `enlarged`, `changed`, and `far`.
    """
    original = table.view.map(table[table.alpha == 1].set_index("view").label)
    shares = {"changed": table.label != original}
    if kinds:
        shares["far"] = table.label.map(kinds) != original.map(kinds)
    changed = table.assign(**shares)
    by = ["group", "file", "alpha", "enlarged"]
    return changed[changed.alpha != 1].groupby(by)[list(shares)].mean().reset_index()


def striking(table: pd.DataFrame, alpha: float, count: int) -> pd.DataFrame:
    """Views that are called something else when downscaled, the ones of which the classifier is surest both times.

    Args:
        table: from :func:`classify`.
        alpha: of the downscaled view.
        count: at most as many, of different photographs.

    Returns:
        Surest first, by the smaller one of both probabilities; columns of `table`, those of the downscaled view with
        the suffix ``_small``.
    """
    original, small = (table[(table.alpha == scale) & ~table.enlarged] for scale in (1, alpha))
    both = original.merge(small, on="view", suffixes=("", "_small"))
    both = both[both.label != both.label_small]
    both = both.assign(sure=both[["probability", "probability_small"]].min(axis=1))
    return (
        both.sort_values("sure", ascending=False).drop_duplicates(["group", "file"]).head(count).reset_index(drop=True)
    )
