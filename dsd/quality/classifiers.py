"""Classifiers: a backbone's features, and a head that gives labels their probabilities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dsd.backbones import find_device
from dsd.backbones.base import Backbone, Precision
from dsd.backbones.vgg19 import OXFORD_FILE, TORCHVISION_FILE, TORCHVISION_WEIGHTS, VGG19
from dsd.backbones.weights import find_weights, read_compressed_classifier, read_state
from dsd.data.views import Photographs
from dsd.paths import data_root

CLASSIFIER_FILE = "vgg19-oxford-classifier-q.pth"  # the rest of `OXFORD_FILE`, compressed
TEMPERATURE = 0.05  # of the similarities of `photograph_classifier`


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
        raise ValueError(
            f"{source} lacks {', '.join(missing)}: a classifier needs the whole network, as torchvision has it"
        )
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
