"""AlexNet and SqueezeNet 1.1 of torchvision, the backbones of LPIPS, with its layers."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from torch import nn
from torchvision import models

from dsd.backbones.any import FeatureExtractor
from dsd.backbones.base import Precision
from dsd.backbones.weights import Weights, load_weights

ALEXNET = {"relu1": 2, "relu2": 5, "relu3": 8, "relu4": 10, "relu5": 12}  # how many of `features` end in each layer
SQUEEZENET = {"relu1": 2, "relu2": 5, "relu3": 8, "relu4": 10, "relu5": 11, "relu6": 12, "relu7": 13}


class AlexNet(FeatureExtractor):
    """Activations of an ImageNet AlexNet after its five ReLUs, for images in [0, 1] of at least 31×31 pixels.

    Args:
        layers: names out of ``relu1 … relu5``.
        weights: ``"auto"`` (``alexnet-features.pth`` or torchvision's file under the data root's ``weights/``, then
            torchvision's cache, then its download), ``"random"`` (seeded; for tests), a file, or a state dict. Files
            and dicts have torchvision's keys ``features.N.weight/bias``.
        precision: as for :class:`dsd.backbones.base.Backbone`.

    Raises:
        ValueError: unknown layer or precision; a weight file that is damaged or of another network.
        FileNotFoundError: no weights found; the message lists the ways to get them.

    Reference:
        Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.

    Example:
        >>> import torch
        >>> network = AlexNet(("relu1", "relu3"), weights="random")
        >>> {layer: tuple(f.shape) for layer, f in network(torch.rand(1, 3, 64, 64)).items()}
        {'relu1': (1, 64, 15, 15), 'relu3': (1, 384, 3, 3)}
    """

    def __init__(
        self, layers: Sequence[str] = tuple(ALEXNET), weights: Weights = "auto", *, precision: Precision = "float32"
    ) -> None:
        features = models.alexnet().features
        about = _fill(
            features, weights, "AlexNet", "alexnet-features.pth", "alexnet-owt-7be5be79.pth", "AlexNet_Weights"
        )
        strides = dict(zip(ALEXNET, (4, 8, 16, 16, 16), strict=True))
        super().__init__(_named(features, ALEXNET), strides, layers, name="alexnet", smallest=31, precision=precision)
        self.weights_name, self.weights_sha256 = about


class SqueezeNet(FeatureExtractor):
    """Activations of an ImageNet SqueezeNet 1.1 at LPIPS's seven layers, for images in [0, 1] of at least 17×17 pixels.

    Args:
        layers: names out of ``relu1 … relu7``: after the first convolution and after the fire modules 2, 4, 5, 6, 7, 8.
        weights: ``"auto"`` (``squeezenet1_1-features.pth`` or torchvision's file under the data root's ``weights/``,
            then torchvision's cache, then its download), else as for :class:`AlexNet`.
        precision: as for :class:`dsd.backbones.base.Backbone`.

    Raises:
        ValueError: unknown layer or precision; a weight file that is damaged or of another network.
        FileNotFoundError: no weights found; the message lists the ways to get them.

    Reference:
        Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", 2016.

    Example:
        >>> import torch
        >>> network = SqueezeNet(("relu1", "relu3"), weights="random")
        >>> {layer: tuple(f.shape) for layer, f in network(torch.rand(1, 3, 64, 64)).items()}
        {'relu1': (1, 64, 31, 31), 'relu3': (1, 256, 7, 7)}
    """

    def __init__(
        self, layers: Sequence[str] = tuple(SQUEEZENET), weights: Weights = "auto", *, precision: Precision = "float32"
    ) -> None:
        features = models.squeezenet1_1().features
        about = _fill(
            features,
            weights,
            "SqueezeNet",
            "squeezenet1_1-features.pth",
            "squeezenet1_1-b8a52dc0.pth",
            "SqueezeNet1_1_Weights",
        )
        strides = dict(zip(SQUEEZENET, (2, 4, 8, 16, 16, 16, 16), strict=True))
        super().__init__(
            _named(features, SQUEEZENET), strides, layers, name="squeezenet", smallest=17, precision=precision
        )
        self.weights_name, self.weights_sha256 = about


def _fill(
    features: nn.Module, weights: Weights, network: str, small_file: str, torchvision_file: str, enum: str
) -> tuple[str, str]:
    return load_weights(
        {f"features.{key}": parameter for key, parameter in features.named_parameters()},
        weights,
        network=network,
        files=(Path(small_file), Path(torchvision_file)),
        torchvision=f"{enum}.IMAGENET1K_V1",
    )


def _named(features: nn.Sequential, ends: Mapping[str, int]) -> nn.Sequential:
    """The same network in parts, each called by the layer that it ends with."""
    parts = zip(ends, pairwise((0, *ends.values())), strict=True)
    return nn.Sequential(OrderedDict((layer, features[start:end]) for layer, (start, end) in parts))
