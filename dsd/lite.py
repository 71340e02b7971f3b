"""VGG-19 lite: a small network distilled from VGG-19, with Gram matrices of the same entries."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import safetensors.torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

from dsd.frozen import Backbone, Precision, fill_randomly

CHANNELS = {"relu1_2": 64, "relu2_1": 128, "relu2_2": 128, "relu3_1": 256, "relu4_1": 512}  # VGG-19's
FINE, HALF, QUARTER, EIGHTH = 16, 48, 96, 160  # the trunk's own, at each resolution
WEIGHTS = Path(__file__).with_name("vgg19-lite.safetensors")
SHA256 = "93f2df6517d87408317eeff57977dc91d428c4096ea8de2467e51610525d4b57"


class VGG19Lite(Backbone):
    """Approximate activations of VGG-19 at five layers, several times faster, with weights of under 2 MB.

    A narrow trunk of dense 3×3 convolutions with VGG's pooling, in which each layer sees at least what VGG's sees, and
    a 1×1 convolution for each layer that spreads the trunk's channels to VGG-19's, in VGG-19's order. ReLU1_2, at full
    resolution, has two convolutions of its own, so that deeper layers alone cost nothing there.
    ``figures/sample/lite-report.csv`` tells how closely it agrees with the VGG-19 it was distilled from: well as far as
    ReLU2_2, in ranks at ReLU3_1, less at ReLU4_1. Numbers to cite are VGG-19's.

    Args:
        layers: names out of ``relu1_2``, ``relu2_1``, ``relu2_2``, ``relu3_1``, ``relu4_1``.
        weights: ``"auto"`` (those that come with the package), ``"random"`` (seeded; to train, or for tests), or a
            file that `scripts/train_lite.py` wrote.
        precision: as for :class:`dsd.frozen.Backbone`.

    Raises:
        ValueError: unknown layer or precision; a file that is damaged or of another network.
        FileNotFoundError: no such file.

    Example:
        >>> import torch
        >>> network = VGG19Lite(("relu1_2", "relu3_1"))
        >>> {layer: tuple(f.shape) for layer, f in network(torch.rand(2, 3, 32, 32)).items()}
        {'relu1_2': (2, 64, 32, 32), 'relu3_1': (2, 256, 8, 8)}
    """

    NAME = "lite"
    LAYERS = tuple(CHANNELS)

    def __init__(
        self,
        layers: Sequence[str] = LAYERS,
        weights: str | Path = "auto",
        *,
        precision: Precision = "float32",
    ) -> None:
        super().__init__(layers, precision)
        self.fine = nn.Conv2d(3, FINE, 3, padding=1)
        self.stem = nn.Conv2d(3, HALF, 6, stride=2, padding=2)  # its windows are what conv1_2 sees of a pooled position
        self.blocks = nn.ModuleDict(
            {
                "relu2_1": _convolutions(HALF, HALF),
                "relu2_2": _convolutions(HALF, HALF),
                "relu3_1": _convolutions(HALF, QUARTER, QUARTER, QUARTER),
                "relu4_1": _convolutions(QUARTER, EIGHTH, EIGHTH, EIGHTH),
            }
        )
        trunk = {"relu2_1": HALF, "relu2_2": HALF, "relu3_1": QUARTER, "relu4_1": EIGHTH}
        self.heads = nn.ModuleDict({layer: nn.Conv2d(width, CHANNELS[layer], 1) for layer, width in trunk.items()})
        self.heads["relu1_2"] = nn.Conv2d(FINE, CHANNELS["relu1_2"], 3, padding=1)
        self.weights_name, self.weights_sha256 = _load(self, weights)
        self.freeze()

    def activations(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Each of `self.layers` and its features (N, C, H', W'), as they are computed from normalised images."""
        if "relu1_2" in self.layers:
            yield "relu1_2", self.heads["relu1_2"](self.fine(x).relu_()).relu_()
        deepest = self.layers[-1]
        if deepest == "relu1_2":
            return
        x = self.stem(x).relu_()
        for layer, block in self.blocks.items():
            if layer in ("relu3_1", "relu4_1"):
                x = F.max_pool2d(x, 2)
            for convolution in block.children():
                x = convolution(x).relu_()
            if layer in self.layers:
                yield layer, self.heads[layer](x).relu_()
            if layer == deepest:
                return


def _convolutions(*channels: int) -> nn.ModuleList:
    return nn.ModuleList(nn.Conv2d(inputs, outputs, 3, padding=1) for inputs, outputs in pairwise(channels))


def _load(network: VGG19Lite, weights: str | Path) -> tuple[str, str]:
    """Fill the network and tell what with: (name, SHA-256)."""
    if weights == "random":
        fill_randomly(network)
        return "random", "random"
    if not isinstance(weights, str | Path):
        raise ValueError(f"weights of VGG-19 lite must be 'auto', 'random' or a file, got {type(weights).__name__}")
    path = WEIGHTS if weights == "auto" else Path(weights)
    if not path.is_file():
        raise FileNotFoundError(f"no weight file at {path}")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if weights == "auto" and digest != SHA256:
        raise ValueError(f"{path} is damaged: its SHA-256 is {digest}, it should be {SHA256}")
    try:
        network.load_state_dict(safetensors.torch.load(content))
    except (SafetensorError, RuntimeError) as error:
        raise ValueError(
            f"{path} holds no weights of VGG-19 lite, or is damaged (VGG-19's own: backbone='vgg19'): {error}"
        ) from error
    if not all(parameter.isfinite().all() for parameter in network.parameters()):
        raise ValueError(f"{path} has NaN or infinite values")
    return path.name, digest
