"""VGG-19 (Simonyan & Zisserman, 2015) with named layers, stopping at the deepest one asked for."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from dsd.backbones import PAPER_LAYERS
from dsd.backbones.base import Backbone, Padding, Precision
from dsd.backbones.weights import Weights, load_weights

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # channels and convolutions; pooling between blocks
CONVOLUTIONS = [(block, k) for block, (_, count) in enumerate(BLOCKS, 1) for k in range(1, count + 1)]
CHANNELS = [BLOCKS[block - 1][0] for block, _ in CONVOLUTIONS]
# Where torchvision's `features` keeps each convolution: a ReLU follows each of them, a pooling each block.
TORCHVISION_INDEX = [2 * i + block - 1 for i, (block, _) in enumerate(CONVOLUTIONS)]
LAYERS = (*(f"relu{block}_{k}" for block, k in CONVOLUTIONS), "conv5_4")

TORCHVISION_FILE, OXFORD_FILE = Path("vgg19-dcbb9e9d.pth"), Path("vgg19-oxford-features.pth")
WEIGHT_FILES = (TORCHVISION_FILE, OXFORD_FILE)  # looked for in this order
TORCHVISION_WEIGHTS = "VGG19_Weights.IMAGENET1K_V1"


class VGG19(Backbone):
    """Activations of an ImageNet VGG-19 at named layers, for images in [0, 1].

    Args:
        layers: names out of `LAYERS` (``relu1_1 … relu5_4``, and ``conv5_4`` before its ReLU).
        weights: ``"auto"`` (the data root's ``weights/``, then torchvision's download cache, then its download),
            ``"random"`` or ``"random-1"`` (a seed; for tests), a file, or a state dict. Files and dicts have
            torchvision's keys ``features.N.weight/bias``; those of deeper layers may be missing.
        precision: ``"float32"`` (the numbers to cite) or ``"bfloat16"`` (faster on GPUs, and on CPUs that have it).
        padding: what convolutions see beyond the border: ``"zeros"`` (the paper's; Fig. 2 tells what they do to
            deep layers of small images), ``"reflect"`` (the mirror image) or ``"replicate"`` (the last pixel).

    Raises:
        ValueError: unknown layer, precision or padding; a weight file that is damaged or not of this network.
        FileNotFoundError: no weights found; the message lists the ways to get them.

    Reference:
        Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014.

    Example:
        >>> import torch
        >>> network = VGG19(("relu1_2", "relu3_1"), weights="random")
        >>> {layer: tuple(f.shape) for layer, f in network(torch.rand(2, 3, 32, 32)).items()}
        {'relu1_2': (2, 64, 32, 32), 'relu3_1': (2, 256, 8, 8)}
    """

    backbone_name = "vgg19"
    strides = {layer: 2 ** (int(layer[4]) - 1) for layer in LAYERS}  # noqa: RUF012

    def __init__(
        self,
        layers: Sequence[str] = PAPER_LAYERS,
        weights: Weights = "auto",
        *,
        precision: Precision = "float32",
        padding: Padding = "zeros",
    ) -> None:
        super().__init__(layers, precision, padding)
        depth = 1 + max(convolution_index(layer) for layer in self.layers)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
            for inputs, outputs in zip([3, *CHANNELS], CHANNELS[:depth], strict=False)
        )
        self.weights_name, self.weights_sha256 = load_weights(
            {
                f"features.{index}.{part}": parameter
                for index, convolution in zip(TORCHVISION_INDEX, self.convolutions, strict=False)
                for part, parameter in convolution.named_parameters()
            },
            weights,
            network="VGG-19",
            files=WEIGHT_FILES,
            torchvision=TORCHVISION_WEIGHTS,
            known=[f"features.{index}.{part}" for index in TORCHVISION_INDEX for part in ("weight", "bias")],
        )
        self.freeze()

    def activations(self, x: Tensor, layers: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        """Each of `layers` and its features (N, C, H', W'), as they are computed from normalised images."""
        depth = 1 + max(convolution_index(layer) for layer in layers)
        for (block, k), convolution in zip(CONVOLUTIONS, self.convolutions[:depth], strict=False):
            if k == 1 and block > 1:
                x = F.max_pool2d(x, 2)
            if (block, k) != (1, 1):
                x = x.relu_()  # after the pooling, with which it commutes, there is a quarter of the work left
            x = convolution(x)
            if (layer := f"conv{block}_{k}") in layers:
                yield layer, x
            if (layer := f"relu{block}_{k}") in layers:
                yield layer, x.relu()


def convolution_index(layer: str) -> int:
    """Index, among the 16 convolutions, of the one that a layer needs last."""
    block, k = map(int, layer[-3:].split("_"))
    return CONVOLUTIONS.index((block, k))
