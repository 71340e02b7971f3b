"""What every backbone is: a frozen network that gives the activations of named layers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from dsd.checks import check_images
from dsd.precision import full_precision

Precision = Literal["float32", "bfloat16"]


class Backbone(nn.Module, ABC):
    """Activations of a frozen network at named layers, for images in [0, 1].

    Input is normalised with the ImageNet mean and standard deviation. The network is frozen: its parameters take no
    gradient and ``train()`` leaves it in evaluation mode. Images do take gradients.

    Args:
        layers: names out of `LAYERS`.
        precision: ``"float32"`` (TF32 off: the numbers to cite) or ``"bfloat16"`` (weights and activations; faster on
            GPUs and on CPUs with bfloat16 instructions, slower on others). Gram matrices are accumulated in float32
            either way.

    Raises:
        ValueError: unknown layer or precision.
    """

    NAME: str
    LAYERS: Sequence[str]
    weights_name: str
    weights_sha256: str
    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[str], precision: Precision) -> None:
        super().__init__()
        if isinstance(layers, str) or not (layers := tuple(layers)):
            raise ValueError(f"layers must be a sequence of layer names, got {layers!r}")
        if unknown := [layer for layer in layers if layer not in self.LAYERS]:
            raise ValueError(
                f"unknown layer {', '.join(map(repr, unknown))} for {self.NAME}; valid ones: {', '.join(self.LAYERS)}"
            )
        if precision not in get_args(Precision):
            raise ValueError(f"precision must be one of {', '.join(get_args(Precision))}; got {precision!r}")
        self.layers = tuple(layer for layer in self.LAYERS if layer in layers)  # in the network's order, each once
        self.precision: Precision = precision
        self.smallest = 2 ** (max(int(layer[-3]) for layer in layers) - 1)  # pixels: every pooling leaves at least one
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225])[:, None, None], persistent=False)

    def freeze(self) -> None:
        """Bring filled parameters to the layout and precision asked for, and freeze them."""
        self.to(memory_format=torch.channels_last)
        if self.precision == "bfloat16":
            for parameter in self.parameters():
                parameter.data = parameter.data.bfloat16()
        self.requires_grad_(False)
        self.eval()

    @abstractmethod
    def activations(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Each of `self.layers` and its features, as they are computed from normalised images."""

    def forward(self, x: Tensor, reduce: Callable[[Tensor], Tensor] = lambda features: features) -> dict[str, Tensor]:
        """Activations φ(x) of every layer, or what `reduce` makes of them.

        Args:
            x: images, float (N, 3, H, W), RGB in [0, 1] (values are not checked here).
            reduce: called on each layer's features (N, C, H', W') as soon as they exist, so that features that are
                reduced (to Gram matrices, say) need not be kept.

        Returns:
            {layer: reduce(features)}, in the network's order. Features come in the network's precision.

        Raises:
            ValueError: `x` is not an image batch, or smaller than `self.smallest`.
        """
        check_images(x, smallest=self.smallest, values=False)
        with full_precision(x.device.type):
            found = {layer: reduce(features) for layer, features in self.activations(self.normalise(x))}
        return {layer: found[layer] for layer in self.layers}

    def normalise(self, x: Tensor) -> Tensor:
        """Images as the network takes them: ImageNet's mean and deviation, the network's layout and precision."""
        return ((x - self.mean) / self.std).to(next(self.parameters()).dtype, memory_format=torch.channels_last)

    @property
    def device(self) -> torch.device:
        """Where the network is, and images must be."""
        return self.mean.device

    def train(self, mode: bool = True) -> "Backbone":
        """Stay in evaluation mode, whatever the surrounding model does."""
        return super().train(False)

    def describe(self) -> dict[str, str]:
        """What a figure must say about its backbone: network, weights, their SHA-256, precision."""
        return {
            "backbone": self.NAME,
            "weights": self.weights_name,
            "weights_sha256": self.weights_sha256,
            "precision": self.precision,
        }


def fill_randomly(network: nn.Module) -> None:
    """He initialisation, the same in every process."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in network.named_parameters():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)
