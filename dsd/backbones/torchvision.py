"""AlexNet, SqueezeNet 1.1 and VGG-16 of torchvision, the backbones of LPIPS, with its layers."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torchvision import models

from dsd.backbones.any import FeatureExtractor
from dsd.backbones.base import Precision
from dsd.backbones.weights import Weights, load_weights

ALEXNET = {"relu1": 2, "relu2": 5, "relu3": 8, "relu4": 10, "relu5": 12}  # how many of `features` end in each layer
SQUEEZENET = {"relu1": 2, "relu2": 5, "relu3": 8, "relu4": 10, "relu5": 11, "relu6": 12, "relu7": 13}
VGG16_LAYERS = {"relu1_2": 4, "relu2_2": 9, "relu3_3": 16, "relu4_3": 23, "relu5_3": 30}
ALEXNET_FILES = (Path("alexnet-features.pth"), Path("alexnet-owt-7be5be79.pth"))  # looked for in this order
SQUEEZENET_FILES = (Path("squeezenet1_1-features.pth"), Path("squeezenet1_1-b8a52dc0.pth"))
VGG16_FILES = (Path("vgg16-features.pth"), Path("vgg16-397923af.pth"))


class AlexNet(FeatureExtractor):
    """Activations of an ImageNet AlexNet after its five ReLUs, for images in [0, 1] of at least 31×31 pixels.

    Args:
        layers: names out of ``relu1 … relu5``.
        weights: ``"auto"`` (``alexnet-features.pth`` or torchvision's file under the data root's ``weights/``, then
            torchvision's cache, then its download), ``"random"`` or ``"random-1"`` (a seed; for tests), a file, or a
            state dict. Files and dicts have torchvision's keys ``features.N.weight/bias``.
        precision: ``"float32"`` (the numbers to cite) or ``"bfloat16"`` (faster on GPUs, and on CPUs that have it).

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

    strides = dict(zip(ALEXNET, (4, 8, 16, 16, 16), strict=True))  # noqa: RUF012

    def __init__(
        self, layers: Sequence[str] = tuple(ALEXNET), weights: Weights = "auto", *, precision: Precision = "float32"
    ) -> None:
        module = _named(models.alexnet, ALEXNET)
        super().__init__(module, self.strides, layers, name="alexnet", smallest=31, precision=precision)
        self.weights_name, self.weights_sha256 = load_weights(
            _parameters(self),
            weights,
            network="AlexNet",
            files=ALEXNET_FILES,
            torchvision="AlexNet_Weights.IMAGENET1K_V1",
        )


class SqueezeNet(FeatureExtractor):
    """Activations of an ImageNet SqueezeNet 1.1 at LPIPS's seven layers, for images in [0, 1] of at least 17×17 pixels.

    Args:
        layers: names out of ``relu1 … relu7``: after the first convolution and after the fire modules 3, 5, 6, 7, 8, 9.
        weights: ``"auto"`` (``squeezenet1_1-features.pth`` or torchvision's file under the data root's ``weights/``,
            then torchvision's cache, then its download), else as for :class:`AlexNet`.
        precision: ``"float32"`` (the numbers to cite) or ``"bfloat16"`` (faster on GPUs, and on CPUs that have it).

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

    strides = dict(zip(SQUEEZENET, (2, 4, 8, 16, 16, 16, 16), strict=True))  # noqa: RUF012

    def __init__(
        self, layers: Sequence[str] = tuple(SQUEEZENET), weights: Weights = "auto", *, precision: Precision = "float32"
    ) -> None:
        module = _named(models.squeezenet1_1, SQUEEZENET)
        super().__init__(module, self.strides, layers, name="squeezenet", smallest=17, precision=precision)
        self.weights_name, self.weights_sha256 = load_weights(
            _parameters(self),
            weights,
            network="SqueezeNet",
            files=SQUEEZENET_FILES,
            torchvision="SqueezeNet1_1_Weights.IMAGENET1K_V1",
        )


class VGG16(FeatureExtractor):
    """Activations of an ImageNet VGG-16 at LPIPS's five layers, for images in [0, 1] of at least 16×16 pixels.

    Args:
        layers: names out of ``relu1_2, relu2_2, relu3_3, relu4_3, relu5_3``, the last of each block.
        weights: ``"auto"`` (``vgg16-features.pth`` or torchvision's file under the data root's ``weights/``, then
            torchvision's cache, then its download of 528 MB), else as for :class:`AlexNet`.
        precision: ``"float32"`` (the numbers to cite) or ``"bfloat16"`` (faster on GPUs, and on CPUs that have it).

    Raises:
        ValueError: unknown layer or precision; a weight file that is damaged or of another network.
        FileNotFoundError: no weights found; the message lists the ways to get them.

    Reference:
        Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015.

    Example:
        >>> import torch
        >>> network = VGG16(("relu1_2", "relu3_3"), weights="random")
        >>> {layer: tuple(f.shape) for layer, f in network(torch.rand(1, 3, 64, 64)).items()}
        {'relu1_2': (1, 64, 64, 64), 'relu3_3': (1, 256, 16, 16)}
    """

    strides = dict(zip(VGG16_LAYERS, (1, 2, 4, 8, 16), strict=True))  # noqa: RUF012

    def __init__(
        self,
        layers: Sequence[str] = tuple(VGG16_LAYERS),
        weights: Weights = "auto",
        *,
        precision: Precision = "float32",
    ) -> None:
        module = _named(models.vgg16, VGG16_LAYERS)
        super().__init__(module, self.strides, layers, name="vgg16", smallest=16, precision=precision)
        self.weights_name, self.weights_sha256 = load_weights(
            _parameters(self),
            weights,
            network="VGG-16",
            files=VGG16_FILES,
            torchvision="VGG16_Weights.IMAGENET1K_V1",
        )


def _named(make: Callable[[], Any], ends: Mapping[str, int]) -> nn.Sequential:
    """The network's `features` in parts, each called by the layer that it ends with; their weights are not set."""
    with torch.device("meta"):
        features = make().features
    parts = zip(ends, pairwise((0, *ends.values())), strict=True)
    named = nn.Sequential(OrderedDict((layer, features[start:end]) for layer, (start, end) in parts))
    return named.to_empty(device="cpu")


def _parameters(network: FeatureExtractor) -> dict[str, nn.Parameter]:
    """Parameters by torchvision's keys, ``features.N…``; the parts count on from one to the next."""
    modules = [module for part in network.module.children() for module in part.children()]
    return {
        f"features.{index}.{key}": parameter
        for index, module in enumerate(modules)
        for key, parameter in module.named_parameters()
    }
