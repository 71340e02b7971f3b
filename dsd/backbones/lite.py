"""VGG-19 lite: a small network distilled from VGG-19, with Gram matrices of the same entries."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from dsd.backbones.base import Backbone, Padding, Precision
from dsd.backbones.weights import Weights, load_weights

CHANNELS = {"relu1_2": 64, "relu2_1": 128, "relu2_2": 128, "relu3_1": 256, "relu4_1": 512}  # VGG-19's
LAYERS = tuple(CHANNELS)
FINE = 16  # channels of its own at full resolution
TRUNK = {"relu2_1": (48, 48), "relu2_2": (48, 64)}  # and at half resolution: in and out
# VGG-19's convolutions after its second pooling, by the ReLU that follows: channels in, the two ranks, channels out.
FACTORED = {
    "relu3_1": (128, 64, 128, 256),
    "relu3_2": (256, 96, 112, 256),
    "relu3_3": (256, 64, 96, 256),
    "relu3_4": (256, 48, 80, 256),
    "relu4_1": (256, 80, 160, 512),
}
WEIGHTS = Path(__file__).with_name("vgg19-lite.safetensors")
TEACHER_SHA256 = "2716df107fd1b2f3369132742b9ef1f4306b6c237ec1aa28f6927096dcc225b1"  # vgg19-oxford-features.pth
SHA256 = "cc79d0668681d6ea20120319b78534de7a7b09cb82a09a7bd77dc1cd20639a37"


class VGG19Lite(Backbone):
    """Approximate activations of VGG-19 at five layers, several times faster, with weights of under 2 MB.

    Up to ReLU2_2 a narrow trunk (a 6×6 convolution of stride 2, then 3×3), in which each layer sees at least what VGG's
    sees, and a 1×1 convolution for each layer that spreads the trunk's channels to VGG-19's, in VGG-19's order.
    ReLU1_2, at full resolution, has two convolutions of its own, so that deeper layers alone cost nothing there. After
    ReLU2_2 each of VGG-19's convolutions is three, 1×1, 3×3 and 1×1 with fewer channels between (Tucker-2, Kim et al.,
    ICLR 2016), which began as a factorisation of VGG-19's; then all was trained together.
    ``figures/sample/lite-report.csv`` tells how closely it agrees with the VGG-19 it was distilled from. Numbers to
    cite are VGG-19's.

    Args:
        layers: names out of ``relu1_2``, ``relu2_1``, ``relu2_2``, ``relu3_1``, ``relu4_1``.
        weights: ``"auto"`` (those that come with the package), ``"random"`` or ``"random-1"`` (a seed; to train,
            for tests), a file that `dsd train lite` wrote, or a state dict.
        precision: ``"float32"`` (the numbers to cite) or ``"bfloat16"`` (faster on GPUs, and on CPUs that have it).
        padding: what convolutions see beyond the border: ``"zeros"`` (with which it was trained), ``"reflect"`` (the
            mirror image) or ``"replicate"`` (the last pixel).

    Raises:
        ValueError: unknown layer, precision or padding; a file that is damaged or of another network.
        FileNotFoundError: no such file.

    Example:
        >>> import torch
        >>> network = VGG19Lite(("relu1_2", "relu3_1"))
        >>> {layer: tuple(f.shape) for layer, f in network(torch.rand(2, 3, 32, 32)).items()}
        {'relu1_2': (2, 64, 32, 32), 'relu3_1': (2, 256, 8, 8)}
    """

    backbone_name = "lite"
    strides = {layer: 2 ** (int(layer[4]) - 1) for layer in CHANNELS}  # noqa: RUF012

    def __init__(
        self,
        layers: Sequence[str] = LAYERS,
        weights: Weights = "auto",
        *,
        precision: Precision = "float32",
        padding: Padding = "zeros",
    ) -> None:
        super().__init__(layers, precision, padding)
        self.fine = nn.Conv2d(3, FINE, 3, padding=1)
        # The stem's windows are what conv1_2 sees of a pooled position.
        self.stem = nn.Conv2d(3, TRUNK["relu2_1"][0], 6, stride=2, padding=2)
        self.blocks = nn.ModuleDict(
            {
                layer: nn.Sequential(nn.Conv2d(*channels, 3, padding=1), nn.ReLU(inplace=True))
                for layer, channels in TRUNK.items()
            }
        )
        self.heads = nn.ModuleDict({layer: nn.Conv2d(width, CHANNELS[layer], 1) for layer, (_, width) in TRUNK.items()})
        self.heads["relu1_2"] = nn.Conv2d(FINE, CHANNELS["relu1_2"], 3, padding=1)
        self.factored = nn.ModuleDict({layer: _factored(*channels) for layer, channels in FACTORED.items()})
        self.weights_name, self.weights_sha256 = load_weights(
            dict(self.named_parameters()), weights, network="VGG-19 lite", files=[WEIGHTS]
        )
        if weights == "auto" and self.weights_sha256 != SHA256:
            raise ValueError(f"{WEIGHTS} is damaged: its SHA-256 is {self.weights_sha256}, it should be {SHA256}")
        self.freeze()

    def activations(self, x: Tensor, layers: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        """Each of `layers` and its features (N, C, H', W'), as they are computed from normalised images."""
        if "relu1_2" in layers:
            yield "relu1_2", self.heads["relu1_2"](self.fine(x).relu_()).relu_()
        deepest = max(layers, key=LAYERS.index)
        if deepest == "relu1_2":
            return
        x = self.blocks["relu2_1"](self.stem(x).relu_())
        if "relu2_1" in layers:
            yield "relu2_1", self.heads["relu2_1"](x).relu_()
        if deepest == "relu2_1":
            return
        x = self.heads["relu2_2"](self.blocks["relu2_2"](x))
        if "relu2_2" in layers:
            x = x.relu_()
            yield "relu2_2", x
        if deepest == "relu2_2":
            return
        x = F.max_pool2d(x, 2).relu_()  # a ReLU commutes with pooling, and has a quarter of the work left after it
        for layer, convolution in self.factored.items():
            if layer == "relu4_1":
                x = F.max_pool2d(x, 2)
            x = convolution(x).relu_()
            if layer in layers:
                yield layer, x
            if layer == deepest:
                return


def _factored(inputs: int, before: int, after: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, before, 1, bias=False),
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.Conv2d(after, outputs, 1),
    )
