"""Losses that compare features themselves: perceptual, PDL, contextual.

A function each for the maths on one layer's features, and a module each for images.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from dsd.backbones.base import Backbone
from dsd.checks import check_feature_pair, check_integer, is_number
from dsd.contextual import at_random_positions, check_options, contextual
from dsd.losses.base import FeatureLoss, Reduction
from dsd.precision import at_least_float32


def perceptual(a: Tensor, b: Tensor) -> Tensor:
    """Mean |a − b| over channels and positions.

    Args:
        a: features, (N, C, H, W).
        b: features of the reference, the same shape.

    Returns:
        (N,), at least 0.

    Raises:
        TypeError: one is no tensor.
        ValueError: one is not of feature maps; or they differ in shape, type or device.

    Reference:
        Johnson et al., "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016.

    Example:
        >>> import torch
        >>> perceptual(torch.zeros(2, 4, 3, 3), torch.ones(2, 4, 3, 3))
        tensor([1., 1.])
    """
    check_feature_pair(a, b, equal_sizes=True)
    return (at_least_float32(a) - at_least_float32(b)).abs().mean(dim=(1, 2, 3))


def pdl(a: Tensor, b: Tensor, p: int = 1) -> Tensor:
    """Projected distribution loss: the 1-D Wasserstein distance of each channel's values, averaged over channels.

    Mean |sort(a) − sort(b)|^p over channels and positions: W₁ for p = 1 (the PDL paper), W₂² for p = 2 (the code
    behind Tables 1 and 3).

    Args:
        a: features, (N, C, H, W).
        b: features of the reference, the same shape.
        p: 1 or 2.

    Returns:
        (N,), at least 0.

    Raises:
        TypeError: one is no tensor.
        ValueError: one is not of feature maps; or they differ in shape, type or device; or another p.

    Reference:
        Delbracio et al., "Projected distribution loss for image enhancement", 2020.

    Example:
        >>> import torch
        >>> a = torch.rand(1, 4, 3, 3)
        >>> pdl(a, a.flip(3))  # the same values elsewhere
        tensor([0.])
    """
    check_feature_pair(a, b, equal_sizes=True)
    return pdl_of_sorted(sorted_values(a), sorted_values(b), p)


def sorted_values(features: Tensor) -> Tensor:
    """Each channel's values in order, (N, C, H·W): all that :func:`pdl` needs of features."""
    values = at_least_float32(features.flatten(2))
    if values.device.type == "cpu" and not values.requires_grad:  # NumPy sorts four times as fast
        return torch.from_numpy(np.sort(values.numpy(), axis=2))
    return values.sort(dim=2).values


def pdl_of_sorted(a: Tensor, b: Tensor, p: int) -> Tensor:
    """:func:`pdl` of features that :func:`sorted_values` has sorted."""
    if a.shape != b.shape:
        raise ValueError(f"a and b must be of images of the same size, got {tuple(a.shape)} and {tuple(b.shape)}")
    _check_p(p)
    return ((a - b).abs() if p == 1 else (a - b).square()).mean(dim=(1, 2))


def _check_p(p: int) -> None:
    if not is_number(p) or p not in (1, 2):
        raise ValueError(f"p must be 1 or 2, got {p!r}")


class PerceptualLoss(FeatureLoss):
    """Mean |φ(x) − φ(y)|, summed over layers: see :func:`perceptual`. Images of equal size.

    Args:
        backbone: a network, or its name: then at conv5_4, before its ReLU, as in the paper's Eq. 6.
        layer_weights: {layer: weight}; None: all of the backbone's layers, each with weight 1.
        reduction: over the batch: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> import torch
        >>> from dsd import VGG19Lite
        >>> loss = PerceptualLoss(VGG19Lite(("relu2_1",)))
        >>> x = torch.rand(2, 3, 32, 32, requires_grad=True)
        >>> loss(x, torch.rand(2, 3, 32, 32)).backward()
    """

    LAYERS = ("conv5_4",)
    equal_sizes = True
    part = "features"

    def __init__(
        self,
        backbone: Backbone | str = "vgg19",
        *,
        layer_weights: Mapping[str, float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(backbone, layer_weights=layer_weights, reduction=reduction)

    def reduce(self, features: Tensor) -> Tensor:
        """The features themselves."""
        return features

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """See :func:`perceptual`."""
        return perceptual(a, b)


class PDLLoss(FeatureLoss):
    """Per-channel Wasserstein distance, summed over layers: see :func:`pdl`. Images of equal size.

    Args:
        backbone: a network, or its name: then at ReLU2_1, 2_2 and 3_1 or the layers of `layer_weights`.
        p: 1 or 2.
        layer_weights: {layer: weight}; None: all of the backbone's layers, each with weight 1.
        reduction: over the batch: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> import torch
        >>> from dsd import VGG19Lite
        >>> loss = PDLLoss(VGG19Lite(("relu2_1",)), p=2)
        >>> loss(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)).shape
        torch.Size([])
    """

    equal_sizes = True
    part = "sorted"

    def __init__(
        self,
        backbone: Backbone | str = "vgg19",
        p: int = 1,
        *,
        layer_weights: Mapping[str, float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(backbone, layer_weights=layer_weights, reduction=reduction)
        _check_p(p)
        self.p = p

    def reduce(self, features: Tensor) -> Tensor:
        """See :func:`sorted_values`."""
        return sorted_values(features)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Mean |a − b|^p."""
        return pdl_of_sorted(a, b, self.p)


class ContextualLoss(FeatureLoss):
    """−log CX, summed over layers: see :func:`dsd.contextual.contextual`.

    Args:
        backbone: a network, or its name: then at ReLU2_1, 2_2 and 3_1 or the layers of `layer_weights`.
        bandwidth: h; the paper uses 0.5.
        offset: added to CX before the logarithm; 0 is the paper's −log CX, 1e-5 what its authors' code computes.
        pool: compare pool² positions of each layer only, drawn in each call from torch's random numbers, which no
            checkpoint here keeps; None: all of them.
        layer_weights: {layer: weight}; None: all of the backbone's layers, each with weight 1.
        reduction: over the batch: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> import torch
        >>> from dsd import VGG19Lite
        >>> loss = ContextualLoss(VGG19Lite(("relu2_1",)))
        >>> loss(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 24, 16)).shape
        torch.Size([])
    """

    part = "features"

    def __init__(
        self,
        backbone: Backbone | str = "vgg19",
        bandwidth: float = 0.5,
        *,
        offset: float = 0,
        pool: int | None = None,
        layer_weights: Mapping[str, float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        bandwidth, offset = check_options(bandwidth, offset)
        if pool is not None:
            check_integer(pool, "pool", 2)
        super().__init__(backbone, layer_weights=layer_weights, reduction=reduction)
        self.bandwidth, self.offset, self.pool = bandwidth, offset, pool

    def reduce(self, features: Tensor) -> Tensor:
        """The features themselves."""
        return features

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """See :func:`dsd.contextual.contextual`."""
        if self.pool is not None:
            a, b = at_random_positions(self.pool, a, b)
        return contextual(a, b, self.bandwidth, offset=self.offset)
