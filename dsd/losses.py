"""Full-reference measures on deep features: perceptual, style, multi-scale style, PDL, contextual, DSD (Eq. 4).

A function each for the maths on one layer's features, and a module each for images: it holds the frozen backbone, sums
over layers and scales, and can describe a target once that is compared many times.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from dsd.descriptor import dsd, grams
from dsd.frozen import Backbone
from dsd.gram import Normalize, gram, l1_norm

Description = Mapping[Any, Tensor]  # by layer, or by (layer, alpha)
Reduction = Literal["mean", "sum", "none"]


def perceptual(a: Tensor, b: Tensor) -> Tensor:
    """Mean |a − b| over channels and positions.

    Args:
        a: features, (N, C, H, W).
        b: features of the reference, the same shape.

    Returns:
        (N,), at least 0.

    Raises:
        ValueError: the shapes differ.

    Reference:
        Johnson et al., "Perceptual losses for real-time style transfer and super-resolution", ECCV 2016.

    Example:
        >>> perceptual(torch.zeros(2, 4, 3, 3), torch.ones(2, 4, 3, 3))
        tensor([1., 1.])
    """
    _same_shape(a, b)
    return (_at_least_float32(a) - _at_least_float32(b)).abs().mean(dim=(1, 2, 3))


def style(a: Tensor, b: Tensor, normalize: Normalize = "chw") -> Tensor:
    """‖G(a) − G(b)‖₁, the mean absolute difference of Gram matrices (Eq. 1).

    Args:
        a: features, (N, C, H, W).
        b: features of the reference, (N, C, H', W').
        normalize: as for :func:`dsd.gram.gram`.

    Returns:
        (N,), at least 0.

    Reference:
        Gatys et al., "Image style transfer using convolutional neural networks", CVPR 2016.

    Example:
        >>> style(torch.rand(2, 4, 3, 3), torch.rand(2, 4, 5, 6)).shape
        torch.Size([2])
    """
    return l1_norm(gram(a, normalize) - gram(b, normalize))


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
        ValueError: the shapes differ, or another p.

    Reference:
        Delbracio et al., "Projected distribution loss for image enhancement", 2020.

    Example:
        >>> a = torch.rand(1, 4, 3, 3)
        >>> pdl(a, a.flip(3))  # the same values elsewhere
        tensor([0.])
    """
    return pdl_of_sorted(sorted_values(a), sorted_values(b), p)


def contextual(a: Tensor, b: Tensor, bandwidth: float = 0.5, *, entries: int = 2**24) -> Tensor:
    r"""Contextual loss −log CX(a, b): how well each position of b is found somewhere in a.

    .. math::
        d_{ij} = 1 - \cos(a_i - \bar b, b_j - \bar b), \quad
        w_{ij} = \exp\frac{1 - d_{ij} / (\min_k d_{ik} + \epsilon)}{h}, \quad
        CX = \frac{1}{P_b} \sum_j \max_i \frac{w_{ij}}{\sum_k w_{ik}}

    Exact in value and gradient, but the P_a × P_b matrix never exists: blocks of its rows are made to find the
    maximum of each column, and the backward pass makes those rows again that hold one.

    Args:
        a: features, (N, C, H, W).
        b: features of the reference, (N, C, H', W').
        bandwidth: h.
        entries: of the matrix that may exist at a time; memory is a few times this, plus a multiple of the features.

    Returns:
        (N,), at least 0; not 0 for a = b, whose repeated features share their similarity.

    Raises:
        ValueError: different channels or batch sizes, or a bandwidth that is not positive.

    Reference:
        Mechrez et al., "The contextual loss for image transformation with non-aligned data", ECCV 2018.

    Example:
        >>> a = torch.rand(2, 8, 5, 5, requires_grad=True)
        >>> contextual(a, torch.rand(2, 8, 6, 4)).sum().backward()
    """
    if a.shape[:2] != b.shape[:2]:
        raise ValueError(f"features must agree in batch size and channels, got {tuple(a.shape)} and {tuple(b.shape)}")
    if bandwidth <= 0:
        raise ValueError(f"bandwidth must be positive, got {bandwidth}")
    return torch.stack([_contextual_of_one(*pair, bandwidth, entries) for pair in zip(a, b, strict=True)])


def _contextual_of_one(a: Tensor, b: Tensor, bandwidth: float, entries: int) -> Tensor:
    a, b = (_at_least_float32(features.flatten(1).mT) for features in (a, b))
    mean = b.mean(dim=0)
    a, b = (F.normalize(features - mean, dim=1, eps=1e-5) for features in (a, b))
    return -_BestSimilarities.apply(a, b, bandwidth, max(1, entries // len(b))).mean().log()


class _BestSimilarities(torch.autograd.Function):
    """max_i p_ij for unit vectors a (P_a, C) and b (P_b, C), where p_i = softmax_j(−d_ij / ((min_k d_ik + ε) h)).

    A maximum's gradient is that of the entry which attains it, so only rows that hold a maximum are made again.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bandwidth: float, rows: int) -> Tensor:
        best = a.new_zeros(len(b))
        winner = torch.zeros(len(b), dtype=torch.long, device=a.device)
        for start in range(0, len(a), rows):
            p = _logits(a[start : start + rows], b, bandwidth)[0].exp_()
            p /= p.sum(dim=1, keepdim=True)
            better = (p.amax(dim=0) > best).nonzero().squeeze(1)
            best[better], row = p[:, better].max(dim=0)
            winner[better] = row + start
        ctx.save_for_backward(a, b, winner)
        ctx.settings = bandwidth, rows
        return best

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        a, b, winner = ctx.saved_tensors
        bandwidth, rows = ctx.settings
        a_gradient, b_gradient = torch.zeros_like(a), torch.zeros_like(b)
        winners, place = winner.unique(return_inverse=True)
        for start in range(0, len(winners), rows):
            index = winners[start : start + rows]
            logits, sharpness, nearest = _logits(a[index], b, bandwidth)
            p = logits.softmax(dim=1)
            # With respect to the logits: p_ij (u_ij − Σ_k p_ik u_ik), u holding the incoming gradient at the maxima.
            column = ((place >= start) & (place < start + rows)).nonzero().squeeze(1)
            row = place[column] - start
            at_maxima = p[row, column] * gradient[column]
            g = p.mul_(-p.new_zeros(len(index)).index_add_(0, row, at_maxima)[:, None])
            g[row, column] += at_maxima
            # With respect to the cosines: directly, and through the nearest one, which sets the row's sharpness.
            through_nearest = bandwidth * sharpness[:, 0] * (g * logits).sum(dim=1)
            g *= sharpness
            g[torch.arange(len(index), device=g.device), nearest] += through_nearest
            a_gradient[index] = g @ b
            b_gradient += g.mT @ a[index]
        return a_gradient, b_gradient, None, None


def _logits(a: Tensor, b: Tensor, bandwidth: float) -> tuple[Tensor, Tensor, Tensor]:
    """−d_ij / ((min_k d_ik + ε) h) up to a constant per row, made in place; 1 / ((min_k d_ik + ε) h); argmin_k d_ik."""
    cosine = a @ b.mT
    largest, nearest = cosine.max(dim=1, keepdim=True)
    sharpness = 1 / ((1 - largest).clamp_min(0).add(1e-5) * bandwidth)
    return cosine.sub_(largest).mul_(sharpness), sharpness, nearest[:, 0]


def sorted_values(features: Tensor) -> Tensor:
    """Each channel's values in order, (N, C, H·W): all that :func:`pdl` needs of features."""
    return _at_least_float32(features.flatten(2)).sort(dim=2).values


def _at_least_float32(features: Tensor) -> Tensor:
    return features if features.dtype == torch.float64 else features.float()


def pdl_of_sorted(a: Tensor, b: Tensor, p: int) -> Tensor:
    """:func:`pdl` of features that :func:`sorted_values` has sorted."""
    _same_shape(a, b)
    if p not in (1, 2):
        raise ValueError(f"p must be 1 or 2, got {p}")
    return ((a - b).abs() if p == 1 else (a - b).square()).mean(dim=(1, 2))


def _same_shape(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(
            f"this measure compares images of the same size, got features of {tuple(a.shape)} and {tuple(b.shape)}"
        )


class FeatureLoss(nn.Module):
    """A sum over layers (and scales) of distances between what two images are described by.

    Args:
        backbone: the frozen network; its layers are the ones compared.
        reduction: over the batch: ``"mean"``, ``"sum"`` or ``"none"``.

    Call with a prediction and a target, float (N, 3, H, W); predictions may overshoot [0, 1]. A target that is compared
    many times is described once: ``loss(x, loss.describe(y))``. A description of one image serves a whole batch.

    Raises:
        ValueError: not image batches, too small for the layers, or of different sizes where equal ones are needed.
    """

    def __init__(self, backbone: Backbone, *, reduction: Reduction = "mean") -> None:
        super().__init__()
        if reduction not in get_args(Reduction):
            raise ValueError(f"reduction must be one of {', '.join(get_args(Reduction))}; got {reduction!r}")
        self.backbone = backbone
        self.reduction = reduction

    def describe(self, x: Tensor) -> Description:
        """What an image batch is compared by: {layer, or (layer, alpha): one tensor whose first dimension is N}."""
        raise NotImplementedError

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance (N,) of two entries of descriptions."""
        raise NotImplementedError

    def forward(self, x: Tensor, y: Tensor | Description) -> Tensor:
        """Distance of predictions `x` to targets `y`, or to their description: a scalar, or (N,) without reduction."""
        target = self.describe(y) if isinstance(y, Tensor) else y
        mine = self.describe(x)
        if mine.keys() != target.keys():
            raise ValueError(f"the target's description has {list(target)}, this loss compares {list(mine)}")
        values = torch.stack(
            [self.distance(a, target[key].expand(len(a), *target[key].shape[1:])) for key, a in mine.items()]
        ).sum(dim=0)
        return values if self.reduction == "none" else getattr(values, self.reduction)()


class PerceptualLoss(FeatureLoss):
    """Mean |φ(x) − φ(y)|, summed over layers: see :func:`perceptual`. Images of equal size.

    Example:
        >>> from dsd import VGG19
        >>> loss = PerceptualLoss(VGG19(("relu2_1",), weights="random"))
        >>> x = torch.rand(2, 3, 32, 32, requires_grad=True)
        >>> loss(x, torch.rand(2, 3, 32, 32)).backward()
    """

    def describe(self, x: Tensor) -> Description:
        """Features, {layer: (N, C, H, W)}."""
        return self.backbone(x)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """See :func:`perceptual`."""
        return perceptual(a, b)


class StyleLoss(FeatureLoss):
    """Mean |G(x) − G(y)|, summed over layers and scales: see :func:`style`.

    Args:
        backbone: as for :class:`FeatureLoss`.
        alphas: scales x↓α at which Gram matrices are compared (default: `ALPHAS`); 1 is the image itself.
        normalize: as for :func:`dsd.gram.gram`.
        reduction: as for :class:`FeatureLoss`.

    Example:
        >>> from dsd import VGG19
        >>> loss = StyleLoss(VGG19(("relu1_2", "relu2_1"), weights="random"))
        >>> loss(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 48, 32)).shape
        torch.Size([])
    """

    ALPHAS: tuple[float, ...] = (1,)

    def __init__(
        self,
        backbone: Backbone,
        alphas: Sequence[float] | None = None,
        *,
        normalize: Normalize = "chw",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(backbone, reduction=reduction)
        self.alphas = self.ALPHAS if alphas is None else tuple(alphas)
        self.normalize: Normalize = normalize

    def describe(self, x: Tensor) -> Description:
        """Gram matrices, {(layer, alpha): (N, C, C)}."""
        return grams(x, self.backbone, self.alphas, self.normalize)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """‖a − b‖₁, see :func:`dsd.gram.l1_norm`."""
        return l1_norm(a - b)


class MultiScaleStyleLoss(StyleLoss):
    """The paper's MSS: the style loss at full and at half resolution, summed.

    Example:
        >>> from dsd import VGG19
        >>> loss = MultiScaleStyleLoss(VGG19(("relu2_1",), weights="random"))
        >>> list(loss.describe(torch.rand(1, 3, 32, 32)))
        [('relu2_1', 1), ('relu2_1', 2)]
    """

    ALPHAS = (1, 2)


class DSDLoss(StyleLoss):
    """L_DSD,α(x, y) = ‖DSD_α(x) − DSD_α(y)‖₁, summed over layers and alphas (Eq. 4).

    Args:
        backbone: as for :class:`FeatureLoss`.
        alphas: scaling factors (default: 2); the paper uses 2 or 4.
        normalize: as for :func:`dsd.gram.gram`.
        reduction: as for :class:`FeatureLoss`.

    Reference:
        Kligvasser et al., NeurIPS 2021, Eq. 4.

    Example:
        >>> from dsd import VGG19
        >>> loss = DSDLoss(VGG19(("relu2_1",), weights="random"), alphas=(2, 4))
        >>> x, y = torch.rand(2, 3, 32, 32, requires_grad=True), torch.rand(2, 3, 32, 32)
        >>> target = loss.describe(y)  # once
        >>> loss(x, target).backward()  # many times
    """

    ALPHAS = (2,)

    def describe(self, x: Tensor) -> Description:
        """DSD matrices, {(layer, alpha): (N, C, C)}."""
        return dsd(x, self.backbone, self.alphas, self.normalize, values=False)


class DSDPyramidLoss(StyleLoss):
    """DSD between consecutive scales of a pyramid, as in Fig. 4: for scales 1, 2, 4 nearly DSD_2 of x and of x↓2.

    Σ ‖(G(x↓a) − G(x↓b)) − (G(y↓a) − G(y↓b))‖₁ over layers and consecutive scales a, b. Its counterpart, the style
    pyramid, is ``StyleLoss(backbone, (1, 2, 4))``.

    Args:
        backbone: as for :class:`FeatureLoss`.
        alphas: the scales (default: 1, 2, 4), at least two.
        normalize: as for :func:`dsd.gram.gram`.
        reduction: as for :class:`FeatureLoss`.

    Reference:
        Kligvasser et al., NeurIPS 2021, Sec. 3.3.

    Example:
        >>> from dsd import VGG19
        >>> loss = DSDPyramidLoss(VGG19(("relu2_1",), weights="random"))
        >>> list(loss.describe(torch.rand(1, 3, 32, 32)))
        [('relu2_1', 1, 2), ('relu2_1', 2, 4)]
    """

    ALPHAS = (1, 2, 4)

    def __init__(self, backbone: Backbone, alphas: Sequence[float] | None = None, **options: Any) -> None:
        super().__init__(backbone, alphas, **options)
        if len(self.alphas) < 2:
            raise ValueError(f"alphas must be at least two scales, got {self.alphas}")

    def describe(self, x: Tensor) -> Description:
        """DSD matrices, {(layer, a, b): (N, C, C)}."""
        scales = super().describe(x)
        return {
            (layer, a, b): scales[layer, a] - scales[layer, b]
            for a, b in pairwise(self.alphas)
            for layer in self.backbone.layers
        }


class PDLLoss(FeatureLoss):
    """Per-channel Wasserstein distance, summed over layers: see :func:`pdl`. Images of equal size.

    Args:
        backbone: as for :class:`FeatureLoss`.
        p: 1 or 2.
        reduction: as for :class:`FeatureLoss`.

    Example:
        >>> from dsd import VGG19
        >>> loss = PDLLoss(VGG19(("relu2_1",), weights="random"), p=2)
        >>> loss(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)).shape
        torch.Size([])
    """

    def __init__(self, backbone: Backbone, p: int = 1, *, reduction: Reduction = "mean") -> None:
        super().__init__(backbone, reduction=reduction)
        self.p = p

    def describe(self, x: Tensor) -> Description:
        """Sorted features, {layer: (N, C, H·W)}."""
        return self.backbone(x, sorted_values)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Mean |a − b|^p."""
        return pdl_of_sorted(a, b, self.p)


class ContextualLoss(FeatureLoss):
    """−log CX, summed over layers: see :func:`contextual`.

    Args:
        backbone: as for :class:`FeatureLoss`.
        bandwidth: h; the paper uses 0.5.
        reduction: as for :class:`FeatureLoss`.

    Example:
        >>> from dsd import VGG19
        >>> loss = ContextualLoss(VGG19(("relu2_1",), weights="random"))
        >>> loss(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 24, 16)).shape
        torch.Size([])
    """

    def __init__(self, backbone: Backbone, bandwidth: float = 0.5, *, reduction: Reduction = "mean") -> None:
        super().__init__(backbone, reduction=reduction)
        self.bandwidth = bandwidth

    def describe(self, x: Tensor) -> Description:
        """Features, {layer: (N, C, H, W)}."""
        return self.backbone(x)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """See :func:`contextual`."""
        return contextual(a, b, self.bandwidth)
