"""Fig. 1: what a classifier calls the same photograph at another scale."""

import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result, check_data
from dsd.experiments.style import COLORS
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


def draw(result: Result) -> Figure:
    """Draw (a) the most confident changes of label and (b) the share of labels that change, by scale.

    Raises:
        ValueError: the images are not those that were classified.
    """
    import seaborn as sns

    done = result.parameters
    photographs = load_photographs(**done)
    check_data(result.provenance, {"images": photographs})
    alpha = done["alpha"]
    figure = plt.figure(figsize=(6.75, 4.4))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[1.15, 1])
    grid = upper.subplots(2, done["shown"], height_ratios=[alpha, 1], squeeze=False)
    for axis in grid.flat:
        axis.axis("off")
    examples = striking(result.table, alpha, done["shown"]).to_dict("records")
    for column, example in zip(grid.T, examples, strict=False):
        x = photographs[example["view"]][None]
        versions = (
            (x, example["label"], example["probability"]),
            (downscale(x, alpha).clamp(0, 1), example["label_small"], example["probability_small"]),
        )
        for axis, (image, label, probability) in zip(column, versions, strict=True):
            axis.imshow(image[0].permute(1, 2, 0).numpy())
            name = textwrap.fill(label.rsplit(".", 1)[0].replace("_", " "), 14)
            axis.set_title(f"{name}\n{probability:.0%}", fontsize=7)
    upper.suptitle(
        f"(a) {done['crop']} pixels, and downscaled (α = {alpha:g}): most confident changes of label", fontsize=8
    )

    axis = lower.subplots()
    changed = changes(result.table)
    styles = {False: ("downscaled", COLORS["Random"]), True: ("downscaled, enlarged again", COLORS["Self"])}
    for enlarged, (label, color) in styles.items():
        some = changed[changed.enlarged == enlarged]
        sns.lineplot(
            x=some.alpha, y=100 * some.changed, seed=done["seed"], marker="o", color=color, label=label, ax=axis
        )
    factors = sorted(changed.alpha.unique())
    axis.set_xticks(factors, [f"{factor:g}" for factor in factors])
    axis.set_ylim(0, 100)
    axis.set_xlabel("Downscaling factor α")
    axis.set_ylabel("Label changed, %")
    axis.legend(loc="upper left")
    axis.set_title(f"(b) {photographs.name}: {len(photographs)} views, mean and 95 % interval over photographs")
    return figure


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


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """By photograph and version, the share of its views whose label is not that of the view as it is.

    Args:
        table: from :func:`classify`.

    Returns:
        `group`, `file`, `alpha`, `enlarged`, `changed`.
    """
    original = table[table.alpha == 1].set_index("view").label
    changed = table.assign(changed=table.label != table.view.map(original))
    return changed[changed.alpha != 1].groupby(["group", "file", "alpha", "enlarged"]).changed.mean().reset_index()


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
