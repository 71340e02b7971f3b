"""Fig. 1: what a classifier calls the same photograph at another scale."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision.models import VGG19_Weights, vgg19
from tqdm import tqdm

from dsd.backbone import TORCHVISION_FILE, VGG19, find_device, find_weights, read_state
from dsd.data import Photographs, data_root
from dsd.descriptor import downscale
from dsd.frozen import Backbone, Precision

EXPAND = "expand_vgg19.py"  # a script beside the weights, which writes the full network out of a compressed one
TEMPERATURE = 0.05  # of the similarities of `photograph_classifier`


@dataclass(frozen=True)
class Classifier:
    """A network that takes images of any size and gives the probability of each label."""

    backbone: Backbone
    """Of one layer, whose features are classified."""
    head: Callable[[Tensor], Tensor]
    """Features (N, C, H', W') → scores (N, K)."""
    labels: Sequence[str]

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
            root, else what `expand_vgg19.py` there writes, else torchvision's download.
        precision: of the convolutions.
        device: as for :func:`dsd.load_backbone`.

    Returns:
        A classifier of images of at least 32×32.

    Raises:
        FileNotFoundError: no weights found; the message lists the ways to get them.
        ValueError: the file is damaged, or lacks the classifier.
        CalledProcessError: the script failed.
    """
    folder = data_root() / "weights"
    if weights == "auto" and not (folder / TORCHVISION_FILE).is_file() and (folder / EXPAND).is_file():
        with tempfile.TemporaryDirectory() as temporary:
            path = Path(temporary) / "vgg19-oxford.pth"
            subprocess.run([sys.executable, folder / EXPAND, path], check=True)
            return imagenet_classifier(path, precision=precision, device=device)
    path = find_weights((TORCHVISION_FILE,)) if weights == "auto" else Path(weights)
    backbone = VGG19(("relu5_4",), path, precision=precision).to(find_device(device))
    state, _ = read_state(path)
    with torch.device("meta"):
        network = vgg19()
    head = network.classifier.requires_grad_(False).eval()
    needed = {key: state.get(f"classifier.{key}") for key in head.state_dict()}
    if missing := [f"classifier.{key}" for key, value in needed.items() if value is None]:
        raise ValueError(f"{path} lacks {', '.join(missing)}: Fig. 1 needs the whole network, as torchvision has it")
    try:
        head.load_state_dict(needed, assign=True)
    except RuntimeError as error:
        raise ValueError(f"{path} has another classifier than VGG-19's: {error}") from error
    if not all(parameter.isfinite().all() for parameter in head.parameters()):
        raise ValueError(f"{path} has NaN or infinite values in its classifier")
    head.float().to(backbone.device)
    backbone.smallest = 32  # one more pooling follows
    return Classifier(
        backbone,
        lambda features: head(network.avgpool(F.max_pool2d(features, 2)).flatten(1)),
        VGG19_Weights.IMAGENET1K_V1.meta["categories"],
    )


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
