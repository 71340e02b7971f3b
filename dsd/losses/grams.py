"""Losses that compare Gram matrices: style, multi-scale style, DSD (Eq. 4), and its pyramid."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import get_args

from torch import Tensor

from dsd.backbones.base import Backbone
from dsd.checks import check_alphas, check_choice, check_factors, check_feature_pair
from dsd.descriptor import ByLayerAndAlpha
from dsd.gram import Normalize, gram_matrix, l1_norm
from dsd.losses.base import FeatureLoss, Reduction


def style(a: Tensor, b: Tensor, normalize: Normalize = "chw") -> Tensor:
    """‖G(a) − G(b)‖₁, the mean absolute difference of Gram matrices (Eq. 1).

    Args:
        a: features, (N, C, H, W).
        b: features of the reference, (N, C, H', W').
        normalize: as for :func:`dsd.gram.gram_matrix`.

    Returns:
        (N,), at least 0.

    Raises:
        TypeError: one is no tensor.
        ValueError: one is not of feature maps; they differ in batch size, channels, type or device; unknown
            `normalize`.

    Reference:
        Gatys et al., "Image style transfer using convolutional neural networks", CVPR 2016.

    Example:
        >>> import torch
        >>> style(torch.rand(2, 4, 3, 3), torch.rand(2, 4, 5, 6)).shape
        torch.Size([2])
    """
    check_feature_pair(a, b)
    return l1_norm(gram_matrix(a, normalize) - gram_matrix(b, normalize))


class GramLoss(FeatureLoss):
    """What losses on Gram matrices share. Each says its own default alphas, which mean another thing in each."""

    def __init__(
        self,
        backbone: Backbone | str,
        alphas: Sequence[float],
        *,
        normalize: Normalize,
        layer_weights: Mapping[str, float] | None,
        reduction: Reduction,
    ) -> None:
        check_alphas(alphas)
        check_choice(normalize, "normalize", get_args(Normalize))
        super().__init__(backbone, layer_weights=layer_weights, reduction=reduction)
        self.alphas = self.scales = tuple(alphas)
        self.normalize: Normalize = normalize
        self.part = f"gram {normalize}"

    def reduce(self, features: Tensor) -> Tensor:
        """See :func:`dsd.gram.gram_matrix`."""
        return gram_matrix(features, self.normalize)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """‖a − b‖₁, see :func:`dsd.gram.l1_norm`."""
        if a.shape != b.shape:
            raise ValueError(f"Gram matrices must have equal shapes, got {tuple(a.shape)} and {tuple(b.shape)}")
        return l1_norm(a - b)


class StyleLoss(GramLoss):
    """Mean |G(x) − G(y)|, summed over layers and scales: see :func:`style`. Sizes may differ.

    Args:
        backbone: a network, or its name: then at ReLU2_1, 2_2 and 3_1 or the layers of `layer_weights`.
        alphas: scales x↓α at which Gram matrices are compared; 1 is the image itself.
        normalize: ``"chw"`` (Gram matrices divided by C·H·W, the paper's numbers) or ``"hw"`` (its Eq. 1).
        layer_weights: {layer: weight}; None: all of the backbone's layers, each with weight 1.
        reduction: over the batch: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> import torch
        >>> from dsd import VGG19Lite
        >>> loss = StyleLoss(VGG19Lite(("relu1_2", "relu2_1")))
        >>> loss(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 48, 32)).shape
        torch.Size([])
    """

    def __init__(
        self,
        backbone: Backbone | str = "vgg19",
        alphas: Sequence[float] = (1,),
        *,
        normalize: Normalize = "chw",
        layer_weights: Mapping[str, float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(backbone, alphas, normalize=normalize, layer_weights=layer_weights, reduction=reduction)


class MultiScaleStyleLoss(GramLoss):
    """The paper's MSS: the style loss at full and at half resolution, summed. Sizes may differ.

    Args:
        backbone: a network, or its name: then at ReLU2_1, 2_2 and 3_1 or the layers of `layer_weights`.
        alphas: the scales; 1 is the image itself.
        normalize: ``"chw"`` (Gram matrices divided by C·H·W, the paper's numbers) or ``"hw"`` (its Eq. 1).
        layer_weights: {layer: weight}; None: all of the backbone's layers, each with weight 1.
        reduction: over the batch: ``"mean"``, ``"sum"`` or ``"none"``.

    Example:
        >>> import torch
        >>> from dsd import VGG19Lite
        >>> loss = MultiScaleStyleLoss(VGG19Lite(("relu2_1",)))
        >>> list(loss.encode(torch.rand(1, 3, 32, 32)))
        [('relu2_1', 1), ('relu2_1', 2)]
    """

    def __init__(
        self,
        backbone: Backbone | str = "vgg19",
        alphas: Sequence[float] = (1, 2),
        *,
        normalize: Normalize = "chw",
        layer_weights: Mapping[str, float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(backbone, alphas, normalize=normalize, layer_weights=layer_weights, reduction=reduction)


class DSDLoss(GramLoss):
    """L_DSD,α(x, y) = ‖DSD_α(x) − DSD_α(y)‖₁, summed over layers and alphas (Eq. 4). Sizes may differ.

    ``DSDLoss()`` is the paper's: VGG-19 at ReLU2_1, 2_2 and 3_1, alpha 2. It needs VGG-19's weights;
    ``DSDLoss("lite")`` needs none but the package's.

    Args:
        backbone: a network, or its name.
        alphas: scaling factors above 1; the paper uses 2 or 4.
        normalize: ``"chw"`` (Gram matrices divided by C·H·W, the paper's numbers) or ``"hw"`` (its Eq. 1).
        layer_weights: {layer: weight}; None: all of the backbone's layers, each with weight 1.
        reduction: over the batch: ``"mean"``, ``"sum"`` or ``"none"``.

    Raises:
        ValueError: an alpha of 1, for which the loss is zero; unknown layers or options.

    Reference:
        Kligvasser et al., NeurIPS 2021, Eq. 4.

    Example:
        >>> import torch
        >>> loss = DSDLoss("lite", alphas=(2, 4))
        >>> x, y = torch.rand(2, 3, 32, 32, requires_grad=True), torch.rand(2, 3, 32, 32)
        >>> target = loss.encode(y)  # once
        >>> loss(x, target).backward()  # many times
    """

    def __init__(
        self,
        backbone: Backbone | str = "vgg19",
        alphas: Sequence[float] = (2,),
        *,
        normalize: Normalize = "chw",
        layer_weights: Mapping[str, float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        check_factors(alphas)
        super().__init__(backbone, alphas, normalize=normalize, layer_weights=layer_weights, reduction=reduction)
        self.scales = (1, *self.alphas)

    def combine(self, parts: ByLayerAndAlpha) -> Mapping[tuple, Tensor]:
        """DSD matrices, {(layer, alpha): (N, C, C)}."""
        return {
            (layer, alpha): parts[layer, 1] - parts[layer, alpha]
            for alpha in self.alphas
            for layer in self.layer_weights
        }


class DSDPyramidLoss(GramLoss):
    """DSD between consecutive scales of a pyramid, as in Fig. 4: for scales 1, 2, 4 nearly DSD_2 of x and of x↓2.

    Σ ‖(G(x↓a) − G(x↓b)) − (G(y↓a) − G(y↓b))‖₁ over layers and consecutive scales a, b. Its counterpart, the style
    pyramid, is ``StyleLoss(backbone, (1, 2, 4))``.

    Args:
        backbone: a network, or its name: then at ReLU2_1, 2_2 and 3_1 or the layers of `layer_weights`.
        alphas: the scales, at least two; 1 is the image itself.
        normalize: ``"chw"`` (Gram matrices divided by C·H·W, the paper's numbers) or ``"hw"`` (its Eq. 1).
        layer_weights: {layer: weight}; None: all of the backbone's layers, each with weight 1.
        reduction: over the batch: ``"mean"``, ``"sum"`` or ``"none"``.

    Reference:
        Kligvasser et al., NeurIPS 2021, Sec. 3.3.

    Example:
        >>> import torch
        >>> from dsd import VGG19Lite
        >>> loss = DSDPyramidLoss(VGG19Lite(("relu2_1",)))
        >>> list(loss.encode(torch.rand(1, 3, 32, 32)))
        [('relu2_1', 1, 2), ('relu2_1', 2, 4)]
    """

    def __init__(
        self,
        backbone: Backbone | str = "vgg19",
        alphas: Sequence[float] = (1, 2, 4),
        *,
        normalize: Normalize = "chw",
        layer_weights: Mapping[str, float] | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(backbone, alphas, normalize=normalize, layer_weights=layer_weights, reduction=reduction)
        if len(self.alphas) < 2:
            raise ValueError(f"alphas must be at least two scales, got {self.alphas}")

    def combine(self, parts: ByLayerAndAlpha) -> Mapping[tuple, Tensor]:
        """DSD matrices, {(layer, a, b): (N, C, C)}."""
        return {
            (layer, a, b): parts[layer, a] - parts[layer, b]
            for a, b in pairwise(self.alphas)
            for layer in self.layer_weights
        }
