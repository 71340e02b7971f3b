"""What every loss on deep features is: a sum over layers of distances between what two images are encoded by."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from dsd.backbones import PAPER_LAYERS, available_layers, load_backbone
from dsd.backbones.base import Backbone
from dsd.checks import check_choice, check_images, check_number
from dsd.descriptor import ByLayerAndAlpha, reduce_scales

Reduction = Literal["mean", "sum", "none"]


class Encoding(dict[tuple, Tensor]):
    """What an image batch is compared by: {(layer, scale) or (layer, scale, scale): tensor whose first dimension is N}.

    Args:
        tensors: the entries.
        by: which loss on which network encoded it: only that one can compare it.
    """

    def __init__(self, tensors: Mapping[tuple, Tensor], by: str) -> None:
        super().__init__(tensors)
        self.by = by


class FeatureLoss(nn.Module, ABC):
    """A weighted sum over layers (and scales) of distances between what two images are encoded by.

    Call with predictions and targets, float (N, 3, H, W); predictions may overshoot [0, 1]. A target that is compared
    many times is encoded once: ``loss(x, loss.encode(y))``. An encoding of one image serves a whole batch.

    Args:
        backbone: the frozen network, or its name: then with the layers of `layer_weights`, else with `LAYERS` or, if it
            has not all of these, with all of its own.
        layer_weights: {layer: weight}, the layers that are compared. None: all of the backbone's, each with weight 1.
        reduction: over the batch: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        TypeError: `backbone` is neither a network nor a name.
        ValueError: unknown layer or reduction; a weight that is negative or no finite number, or no weight above 0.
    """

    LAYERS: tuple[str, ...] = PAPER_LAYERS
    equal_sizes = False
    """Whether predictions and targets must be of one size."""
    part: str
    """What :meth:`reduce` makes of features, in a word: losses of the same word share it."""
    scales: tuple[float, ...] = (1,)
    """At which the network sees an image."""

    def __init__(
        self,
        backbone: Backbone | str,
        *,
        layer_weights: Mapping[str, float] | None,
        reduction: Reduction,
    ) -> None:
        super().__init__()
        check_choice(reduction, "reduction", get_args(Reduction))
        if layer_weights is not None and (not isinstance(layer_weights, Mapping) or not layer_weights):
            raise ValueError(
                f"layer_weights must be a mapping of at least one layer to its weight, got {layer_weights!r}"
            )
        weights = {layer: check_number(w, f"the weight of {layer}") for layer, w in (layer_weights or {}).items()}
        if weights and not any(weights.values()):
            raise ValueError(f"one of layer_weights must be above 0, or the loss is 0 for all; got {layer_weights!r}")
        if isinstance(backbone, str):
            layers = tuple(weights or available_layers(backbone, self.LAYERS))
            backbone = load_backbone(backbone, layers, device="cpu")
        if not isinstance(backbone, Backbone):
            raise TypeError(f"backbone must be a network or the name of one, got {type(backbone).__name__}")
        if unknown := set(weights) - set(backbone.layers):
            raise ValueError(
                f"layer_weights has {', '.join(sorted(map(str, unknown)))}, the backbone {', '.join(backbone.layers)}"
            )
        self.backbone = backbone
        self.layer_weights = weights or dict.fromkeys(backbone.layers, 1.0)
        self.reduction = reduction

    @abstractmethod
    def reduce(self, features: Tensor) -> Tensor:
        """What is kept of one layer's features (N, C, H', W') at one scale."""

    @property
    def encoder(self) -> str:
        """What makes this loss's encodings: another one's cannot be compared."""
        return f"{type(self).__name__} ({self.part}) on {', '.join(self.backbone.provenance().values())}"

    def combine(self, parts: ByLayerAndAlpha) -> Mapping[tuple, Tensor]:
        """The encoding's entries, out of {(layer, scale): what :meth:`reduce` returned}."""
        return parts

    @abstractmethod
    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance (N,) of two entries of encodings."""

    def encode(self, x: Tensor) -> Encoding:
        """What an image batch is compared by.

        Args:
            x: images, float (N, 3, H, W).

        Returns:
            {(layer, scale): tensor whose first dimension is N}; a DSD pyramid's keys are (layer, scale, scale).

        Raises:
            TypeError: `x` is no tensor.
            ValueError: not an image batch, too small for the layers, or not where the backbone is.
        """
        return encode_together(x, [self])[0]

    def forward(self, x: Tensor, y: Tensor | Encoding) -> Tensor:
        """Distance of predictions to targets.

        Args:
            x: predictions, float (N, 3, H, W).
            y: targets (N, 3, H, W), or their encoding, or that of one image for all.

        Returns:
            A scalar, or (N,) without reduction.

        Raises:
            TypeError: `x` or `y` is something else.
            ValueError: not image batches, too small for the layers; of another batch size, device or type; of different
                sizes where equal ones are needed; an encoding by another loss.
        """
        check_pair(x, y, self.equal_sizes)
        return self.compare(self.encode(x), encode_together(y, [self], "y")[0] if isinstance(y, Tensor) else y)

    def compare(self, prediction: Mapping[tuple, Tensor], target: Mapping[tuple, Tensor]) -> Tensor:
        """Distance of two encodings, reduced over the batch.

        Raises:
            TypeError: one is no encoding.
            ValueError: one is by another loss; the target's is of another batch size, shape, device or type.
        """
        for name, encoding in {"prediction": prediction, "target": target}.items():
            if not isinstance(encoding, Mapping) or not all(isinstance(entry, Tensor) for entry in encoding.values()):
                raise TypeError(f"the {name} must be what encode() returned, got {type(encoding).__name__}")
            if isinstance(encoding, Encoding) and encoding.by != self.encoder:
                raise ValueError(f"the {name} was encoded by {encoding.by}; this is {self.encoder}")
        if prediction.keys() != target.keys():
            raise ValueError(f"the target's encoding has {list(target)}, this loss compares {list(prediction)}")
        distances = []
        for key, a in prediction.items():
            b = target[key]
            if b.ndim != a.ndim or len(b) not in (1, len(a)) or b.dtype != a.dtype or b.device != a.device:
                raise ValueError(
                    f"the target's encoding must be of one image or like the prediction's: {key} is {tuple(a.shape)}, "
                    f"{a.dtype} on {a.device} there and {tuple(b.shape)}, {b.dtype} on {b.device} in the target's"
                )
            distances.append(self.layer_weights[key[0]] * self.distance(a, b.expand(len(a), *b.shape[1:])))
        values = torch.stack(distances).sum(dim=0)
        return values if self.reduction == "none" else getattr(values, self.reduction)()


def check_pair(x: Tensor, y: object, equal_sizes: bool, names: tuple[str, str] = ("x", "y")) -> None:
    """Refuse predictions and targets that don't fit each other; encodings are checked where they are compared.

    Args:
        x: predictions.
        y: targets, or an encoding.
        equal_sizes: whether their sizes must be equal.
        names: of the two arguments in the caller.

    Raises:
        TypeError: `x` is no tensor, or `y` neither a tensor nor an encoding.
        ValueError: not image batches; of another batch size, device or type; of different sizes if `equal_sizes`.
    """
    check_images(x, names[0], check_values=False)
    both = " and ".join(names)
    if isinstance(y, Mapping):
        return
    if not isinstance(y, Tensor):
        raise TypeError(
            f"{names[1]} must be a torch.Tensor (N, 3, H, W) or what encode() returned, got {type(y).__name__}"
        )
    check_images(y, names[1], check_values=False)
    if len(x) != len(y):
        raise ValueError(f"{both} must have the same batch size, got {len(x)} and {len(y)}")
    if x.dtype != y.dtype or x.device != y.device:
        raise ValueError(
            f"{both} must have one type and device, got {x.dtype} on {x.device} and {y.dtype} on {y.device}"
        )
    if equal_sizes and x.shape != y.shape:
        raise ValueError(
            f"{both} must be images of the same size, got {x.shape[2]}×{x.shape[3]} and {y.shape[2]}×{y.shape[3]}"
        )


def encode_together(x: Tensor, losses: Sequence[FeatureLoss], name: str = "x") -> list[Encoding]:
    """Encodings of an image batch by several losses on one backbone, which runs once for each scale.

    Args:
        x: images, float (N, 3, H, W).
        losses: all of one backbone; what two of them need is made once.
        name: what messages call `x`.

    Returns:
        What ``loss.encode(x)`` is, for each loss.

    Raises:
        TypeError: `x` is no tensor.
        ValueError: not an image batch, too small for the layers, or not where the backbone is.
    """
    reductions: dict[float, dict[str, dict[str, FeatureLoss]]] = {}  # scale → layer → part → a loss that makes it
    for loss in losses:
        for scale in loss.scales:
            for layer in loss.layer_weights:
                reductions.setdefault(scale, {}).setdefault(layer, {})[loss.part] = loss
    parts = reduce_scales(
        x,
        losses[0].backbone,
        reductions,
        lambda scale, layer, features: {
            (part, layer, scale): loss.reduce(features) for part, loss in reductions[scale][layer].items()
        },
        name,
    )
    return [
        Encoding(
            loss.combine({(layer, s): parts[loss.part, layer, s] for s in loss.scales for layer in loss.layer_weights}),
            loss.encoder,
        )
        for loss in losses
    ]
