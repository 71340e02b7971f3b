"""Fig. 1: what a classifier calls the same photograph at another scale."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from dsd.backbones import find_device, load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.backbones.vgg19 import OXFORD_FILE, TORCHVISION_FILE, TORCHVISION_WEIGHTS, VGG19
from dsd.backbones.weights import find_weights, read_compressed_classifier, read_state
from dsd.data.views import Photographs
from dsd.experiments.provenance import Computed, Result, check_data
from dsd.experiments.style import COLORS
from dsd.paths import data_root
from dsd.resize import downscale

CLASSIFIER_FILE = "vgg19-oxford-classifier-q.pth"  # the rest of `OXFORD_FILE`, compressed
TEMPERATURE = 0.05  # of the similarities of `photograph_classifier`


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


@dataclass(frozen=True)
class Classifier:
    """A network that takes images of any size and gives the probability of each label."""

    backbone: Backbone
    """Of one layer, whose features are classified."""
    head: Callable[[Tensor], Tensor]
    """Features (N, C, H', W') → scores (N, K)."""
    labels: Sequence[str]
    provenance: Mapping[str, str] = field(default_factory=dict)
    """What a figure must say of the head, where its weights are in a file of their own."""

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Tensor:
        """Probabilities (N, K) of images (N, 3, H, W) in [0, 1]."""
        (features,) = self.backbone(x).values()
        return self.head(features.float()).softmax(dim=1)


def imagenet_classifier(
    weights: str | Path = "auto", *, precision: Precision = "float32", device: str = "auto"
) -> Classifier:
    """VGG-19 with its classifier of ImageNet's 1000 classes; smaller images are pooled to its 7×7 positions.

    Args:
        weights: a file with torchvision's keys, ``classifier.N`` included; ``"auto"``: torchvision's under the data
            root, else the Oxford features and their compressed classifier there, else torchvision's download.
        precision: of the convolutions.
        device: as for :func:`dsd.load_backbone`.

    Returns:
        A classifier of images of at least 32×32.

    Raises:
        FileNotFoundError: no weights found; the message lists the ways to get them.
        ValueError: the file is damaged, or lacks the classifier.
    """
    from torchvision.models import VGG19_Weights  # seconds of imports, for the labels

    folder = data_root() / "weights"
    whole, features, compressed = (folder / name for name in (TORCHVISION_FILE, OXFORD_FILE, CLASSIFIER_FILE))
    own_file = {}
    state: Mapping[str, Tensor]
    if weights == "auto" and not whole.is_file() and features.is_file() and compressed.is_file():
        path, source = features, compressed
        state, digest = read_compressed_classifier(compressed)
        own_file = {"classifier": compressed.name, "classifier_sha256": digest}
    else:
        path = find_weights([TORCHVISION_FILE], "VGG-19", TORCHVISION_WEIGHTS) if weights == "auto" else Path(weights)
        source = path
        state, _ = read_state(path)
    backbone = VGG19(("relu5_4",), path, precision=precision).to(find_device(device))
    backbone.smallest = 32  # one more pooling follows
    head = _head(state, source).to(backbone.device)
    return Classifier(
        backbone,
        lambda features: head(F.adaptive_avg_pool2d(F.max_pool2d(features, 2), 7).flatten(1)),
        VGG19_Weights.IMAGENET1K_V1.meta["categories"],
        own_file,
    )


def _head(state: Mapping[str, Tensor], source: Path) -> nn.Module:
    """VGG-19's three linear layers, in float32, from a state dict that came from `source`."""
    with torch.device("meta"):
        head = nn.Sequential(
            *(nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()),
            nn.Linear(4096, 1000),
        )
    needed = {key: state.get(f"classifier.{key}") for key in head.state_dict()}
    if missing := [f"classifier.{key}" for key, value in needed.items() if value is None]:
        raise ValueError(f"{source} lacks {', '.join(missing)}: Fig. 1 needs the whole network, as torchvision has it")
    try:
        head.load_state_dict(needed, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{source} has another classifier than VGG-19's: {error}") from error
    if not all(parameter.isfinite().all() for parameter in head.parameters()):
        raise ValueError(f"{source} has NaN or infinite values in its classifier")
    return head.float().requires_grad_(False).eval()


def photograph_classifier(photographs: Photographs, backbone: Backbone, *, batch_size: int = 8) -> Classifier:
    """Which of some photographs (or classes) an image is a view of: a classifier that needs no further weights.

    A label's score is the cosine between the image's mean features and the label's, the mean direction of its views'
    mean features, divided by a temperature of 0.05.

    Args:
        photographs: views to know each group by.
        backbone: of one layer.
        batch_size: views in memory at a time.

    Returns:
        A classifier whose labels are the views' groups.
    """
    labels = sorted({view.group for view in photographs.views})
    with torch.inference_mode():
        features = torch.cat(
            [_direction(*backbone(x.to(backbone.device)).values()) for x in DataLoader(photographs, batch_size)]
        )
    groups = torch.tensor([labels.index(view.group) for view in photographs.views], device=features.device)
    known = F.normalize(torch.stack([features[groups == k].mean(dim=0) for k in range(len(labels))]))
    return Classifier(backbone, lambda features: _direction(features) @ known.T / TEMPERATURE, labels)


def _direction(features: Tensor) -> Tensor:
    return F.normalize(features.float().mean(dim=(2, 3)))


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
