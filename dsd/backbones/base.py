"""What every backbone is: a frozen network that gives the activations of named layers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from dsd.checks import check_choice, check_images
from dsd.precision import full_precision

Precision = Literal["float32", "bfloat16"]
Padding = Literal["zeros", "reflect", "replicate"]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of R, G and B


class Backbone(nn.Module, ABC):
    """Activations of a frozen network at named layers, for images in [0, 1].

    A subclass declares `backbone_name` and `strides`, and yields the features of its layers in :meth:`activations`.
    Input is normalised with `mean` and `std`, ImageNet's. The network is frozen: its parameters take no gradient and
    ``train()`` leaves it in evaluation mode. Images do take gradients.

    Args:
        layers: names out of `strides`.
        precision: ``"float32"`` (TF32 off: the numbers to cite) or ``"bfloat16"`` (weights and activations; faster on
            GPUs and on CPUs with bfloat16 instructions, slower on others). Gram matrices are accumulated in float32
            either way.
        padding: what convolutions see beyond the border: ``"zeros"`` (the paper's), ``"reflect"`` (the mirror image) or
            ``"replicate"`` (the last pixel).

    Raises:
        ValueError: unknown layer, precision or padding.
    """

    backbone_name: str
    """What figures and command lines call it."""
    strides: Mapping[str, int]
    """{layer: pixels between its positions}, in the network's order."""
    smallest: int
    """Shortest side in pixels that the layers asked for need."""
    weights_name: str
    weights_sha256: str
    padding: str
    """What convolutions see beyond the border."""
    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[str], precision: Precision, padding: Padding = "zeros") -> None:
        super().__init__()
        self.layers = self._choose(layers, self.strides)
        check_choice(precision, "precision", get_args(Precision))
        check_choice(padding, "padding", get_args(Padding))
        self.precision: Precision = precision
        self.padding = padding
        # Every pooling leaves at least one position, or the two that a mirror needs.
        self.smallest = max(self.strides[layer] for layer in self.layers) * (2 if padding == "reflect" else 1)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    def _choose(self, layers: Collection[str], valid: Collection[str]) -> tuple[str, ...]:
        """Those of the valid layers, in the network's order, each once."""
        if not isinstance(layers, Collection) or isinstance(layers, str) or not len(layers):
            raise ValueError(f"layers must be a sequence of layer names, got {layers!r}")
        if unknown := [layer for layer in layers if not isinstance(layer, str) or layer not in valid]:
            raise ValueError(
                f"unknown layer {', '.join(map(repr, unknown))} for {self.backbone_name}; "
                f"valid ones: {', '.join(valid)}"
            )
        return tuple(layer for layer in valid if layer in layers)

    def freeze(self) -> None:
        """Bring filled parameters to the layout and precision asked for, convolutions to the padding; freeze them."""
        self.to(memory_format=torch.channels_last)
        if self.padding != "zeros":
            for module in self.modules():
                if isinstance(module, nn.Conv2d) and any(module.padding):
                    module.padding_mode = self.padding  # type: ignore[assignment]
        if self.precision == "bfloat16":
            own = {id(self.mean), id(self.std)}  # what images are normalised by stays exact
            for tensor in chain(self.parameters(), self.buffers()):
                if tensor.is_floating_point() and id(tensor) not in own:
                    tensor.data = tensor.data.bfloat16()
        self.requires_grad_(False)
        self.eval()

    @abstractmethod
    def activations(self, x: Tensor, layers: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        """Each of `layers`, which are some of `self.layers`, and its features, the deepest last.

        Args:
            x: normalised images (N, 3, H, W).
            layers: what is wanted; nothing after the deepest of them need be computed.
        """

    def forward(
        self,
        x: Tensor,
        reduce: Callable[[str, Tensor], Tensor] = lambda layer, features: features,
        layers: Collection[str] | None = None,
    ) -> dict[str, Tensor]:
        """Activations φ(x) of every layer, or what `reduce` makes of them.

        Args:
            x: images, float (N, 3, H, W), RGB in [0, 1] (values are not checked here).
            reduce: called with each layer's name and features (N, C, H', W') as soon as they exist, so that features
                that are reduced (to Gram matrices, say) need not be kept.
            layers: some of `self.layers`; the network stops after the deepest of them. None: all.

        Returns:
            {layer: reduce(layer, features)}, in the network's order. Features come in the network's precision.

        Raises:
            TypeError: `x` is no tensor.
            ValueError: `x` is not an image batch, smaller than `self.smallest`, or not where the network is; `layers`
                that it was not made with.
        """
        check_images(x, smallest=self.smallest, device=self.device, check_values=False)
        wanted = self.layers if layers is None else self._choose(layers, self.layers)
        with full_precision():
            reduced = {
                layer: reduce(layer, features) for layer, features in self.activations(self.normalise(x), wanted)
            }
        return {layer: reduced[layer] for layer in wanted}

    def normalise(self, x: Tensor) -> Tensor:
        """Images as the network takes them: less the mean, over the deviation, in its layout and precision."""
        dtype = next(self.parameters(), self.mean).dtype
        return ((x - self.mean) / self.std).to(dtype, memory_format=torch.channels_last)

    @property
    def device(self) -> torch.device:
        """Where the network is, and images must be."""
        return self.mean.device

    def train(self, mode: bool = True) -> "Backbone":
        """Stay in evaluation mode, whatever the surrounding model does."""
        return super().train(False)

    def provenance(self) -> dict[str, str]:
        """What a figure must say about its backbone: network, weights, their SHA-256, precision, padding."""
        return {
            "backbone": self.backbone_name,
            "weights": self.weights_name,
            "weights_sha256": self.weights_sha256,
            "precision": self.precision,
            "padding": self.padding,
        }
