"""The networks that can be explored: those whose weights are here; nothing is downloaded."""

from functools import lru_cache
from typing import TYPE_CHECKING

from dsd import paper
from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone
from dsd.backbones.vgg19 import WEIGHT_FILES
from dsd.backbones.weights import find_weights

if TYPE_CHECKING:  # it takes seconds to import: when it is asked for
    from dsd.quality.lpips import LPIPS

LAYERS = {"lite": tuple(paper.FIG2["layers"]), "vgg19": (*paper.FIG2["layers"], "relu5_1")}
LEARNED = {"lpips": "alexnet", "lpips-squeeze": "squeezenet", "lpips-vgg": "vgg16"}  # LPIPS by its network


@lru_cache
def load_network(backbone: str, layers: tuple[str, ...] = ()) -> Backbone:
    """A network; loaded once.

    Args:
        backbone: a key of `LAYERS`.
        layers: of it; () are all that can be chosen.

    Raises:
        FileNotFoundError: its weights are not under the data root.
        ValueError: they are damaged.

    Example:
        >>> load_network("lite").layers
        ('relu1_2', 'relu2_1', 'relu2_2', 'relu3_1', 'relu4_1')
    """
    weights = find_weights(WEIGHT_FILES, backbone) if backbone == "vgg19" else "auto"  # lite's come along
    return load_backbone(backbone, layers or LAYERS[backbone], weights)


@lru_cache
def load_learned(measure: str) -> "LPIPS":
    """LPIPS; loaded once.

    Args:
        measure: a key of `LEARNED`.

    Raises:
        FileNotFoundError: its network's weights are not under the data root.
        ValueError: they are damaged.
    """
    from dsd.backbones.torchvision import ALEXNET_FILES, SQUEEZENET_FILES, VGG16_FILES
    from dsd.quality.lpips import LPIPS

    backbone = LEARNED[measure]
    files = {"alexnet": ALEXNET_FILES, "squeezenet": SQUEEZENET_FILES, "vgg16": VGG16_FILES}[backbone]
    return LPIPS(load_backbone(backbone, weights=find_weights(files, backbone)))
