"""The deep self-dissimilarity of an image: the difference of its Gram matrices at two scales (Eq. 2)."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from dsd.backbones.base import Backbone
from dsd.checks import check_alphas, check_factors, check_images
from dsd.gram import Normalize, gram_matrix, l1_norm
from dsd.precision import at_least_float32, full_precision
from dsd.resize import downscale

# Values of a descriptor, by layer and scaling factor: ("relu3_1", 2) → one matrix or number per sample.
ByLayerAndAlpha = dict[tuple[str, float], Tensor]

# Pixels that go through the network together on a CPU, two images of 224²: VGG's largest activations then fit the 32 MB
# up to which the C library recycles memory. Larger ones cost a page fault per 4 KB.
PIXELS_AT_ONCE = 2**17


def reduce_scales(
    x: Tensor,
    backbone: Backbone,
    layers: Mapping[float, Collection[str]],
    reduce: Callable[[float, str, Tensor], Mapping[Hashable, Tensor]],
    name: str = "x",
) -> dict[Hashable, Tensor]:
    """What `reduce` makes of the features of x↓α: one pass of the network for each scale.

    Features are reduced as soon as they are computed. On a CPU a large batch goes through the network in parts. Values
    of `x` are not checked: losses feed predictions that overshoot [0, 1].

    Args:
        x: images, float (N, 3, H, W).
        backbone: the network.
        layers: {alpha: those of the backbone's layers that are wanted at this scale}; alpha = 1 is the image itself.
        reduce: alpha, layer, features (N, C, H', W') → tensors with a first dimension of N, by any keys.
        name: what messages call `x`.

    Returns:
        All of those tensors, by their keys.

    Raises:
        TypeError: `x` is no tensor, `backbone` no network.
        ValueError: `x` is not an image batch, not where the network is, or too small for the deepest layer at the
            largest alpha.
    """
    check_input(x, backbone, check_alphas(list(layers)), check_values=False, name=name)
    at_once = max(1, PIXELS_AT_ONCE // x[0, 0].numel()) if x.device.type == "cpu" else len(x)
    with full_precision():
        parts = [
            {
                key: value
                for alpha, wanted in layers.items()
                for reduced in backbone(downscale(part, alpha), partial(reduce, alpha), wanted).values()
                for key, value in reduced.items()
            }
            for part in map(at_least_float32, x.split(at_once))  # or x↓α would be rounded to the type of x
        ]
    if len(parts) == 1:  # keeps the memory layout, and so the last digit of sums
        return parts[0]
    return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def check_input(x: Tensor, backbone: Backbone, alpha: float, *, check_values: bool, name: str = "x") -> None:
    """Refuse what :func:`reduce_scales` cannot take, and, if asked to, values outside [0, 1].

    Args:
        x: images, to be float (N, 3, H, W).
        backbone: the network that they are for.
        alpha: the largest scaling factor.
        check_values: refuse values outside [0, 1], too.
        name: what messages call `x`.

    Raises:
        TypeError: `x` is no tensor, `backbone` no network.
        ValueError: `x` is not such a batch, not where the network is, or too small for it at this alpha.
    """
    if not isinstance(backbone, Backbone):
        raise TypeError(f"backbone must be a network (load_backbone makes one), got {backbone!r}")
    check_images(x, name, smallest=backbone.smallest, alpha=alpha, device=backbone.device, check_values=check_values)


def gram_matrices(
    x: Tensor, backbone: Backbone, alphas: Sequence[float] = (1,), normalize: Normalize = "chw"
) -> ByLayerAndAlpha:
    """Gram matrices of every layer of the backbone at every scale x↓α (alpha = 1: the image itself).

    Without gradients only one layer's features are in memory at a time. Values of `x` are not checked.

    Args:
        x: images, float (N, 3, H, W).
        backbone: the network; its layers are the ones reported.
        alphas: scaling factors, each at least 1.
        normalize: ``"chw"`` (Gram matrices divided by C·H·W, the paper's numbers) or ``"hw"`` (its Eq. 1).

    Returns:
        {(layer, alpha): (N, C, C)}.

    Raises:
        TypeError: `x` is no tensor, `backbone` no network.
        ValueError: `x` is not an image batch, not where the network is, or too small for the deepest layer at the
            largest alpha; `alphas` is no sequence of different numbers from 1.

    Example:
        >>> from dsd import VGG19
        >>> backbone = VGG19(("relu1_2", "relu2_1"), weights="random")
        >>> {key: tuple(g.shape) for key, g in gram_matrices(torch.rand(1, 3, 32, 32), backbone, (1, 2)).items()}
        {('relu1_2', 1): (1, 64, 64), ('relu2_1', 1): (1, 128, 128), ('relu1_2', 2): (1, 64, 64), \
('relu2_1', 2): (1, 128, 128)}
    """
    check_input(x, backbone, check_alphas(alphas), check_values=False)
    return reduce_scales(  # type: ignore[return-value]
        x,
        backbone,
        dict.fromkeys(alphas, backbone.layers),
        lambda alpha, layer, features: {(layer, alpha): gram_matrix(features, normalize)},
    )


def dsd_matrices(
    x: Tensor,
    backbone: Backbone,
    alphas: Sequence[float] = (2,),
    normalize: Normalize = "chw",
    *,
    check_values: bool = True,
) -> ByLayerAndAlpha:
    """Deep self-dissimilarity DSD_α(x) = G(x) − G(x↓α) of every layer of the backbone (Eq. 2).

    Args:
        x: images, float (N, 3, H, W) in [0, 1], RGB.
        backbone: the network; its layers are the ones reported.
        alphas: scaling factors above 1; the paper uses 2 or 4.
        normalize: ``"chw"`` (Gram matrices divided by C·H·W, the paper's numbers) or ``"hw"`` (its Eq. 1).
        check_values: refuse values outside [0, 1]; a training loss switches this off, since networks overshoot.

    Returns:
        {(layer, alpha): (N, C, C)}, symmetric; differentiable in `x`.

    Raises:
        TypeError: `x` is no tensor, `backbone` no network.
        ValueError: `x` is not an image batch in [0, 1], not where the network is, or too small for the deepest layer at
            the largest alpha; or an alpha is 1, for which a DSD is zero.

    Reference:
        Kligvasser et al., NeurIPS 2021, Eq. 2.

    Example:
        >>> from dsd import VGG19
        >>> x = torch.rand(2, 3, 32, 32)
        >>> dsd_matrices(x, VGG19(("relu2_1",), weights="random"))["relu2_1", 2].shape
        torch.Size([2, 128, 128])
    """
    check_input(x, backbone, check_factors(alphas), check_values=check_values)
    scales = gram_matrices(x, backbone, (1, *alphas), normalize)
    return {(layer, alpha): scales[layer, 1] - scales[layer, alpha] for alpha in alphas for layer in backbone.layers}


def dsd_norm(
    x: Tensor, backbone: Backbone, alphas: Sequence[float] = (2,), normalize: Normalize = "chw"
) -> ByLayerAndAlpha:
    """‖DSD_α(x)‖₁ of every layer, the mean of |·| over the C² entries: low for smooth images, in the paper's reading.

    Args:
        x: images, float (N, 3, H, W) in [0, 1], RGB.
        backbone: the network; its layers are the ones reported.
        alphas: scaling factors above 1; the paper uses 2 or 4.
        normalize: ``"chw"`` (Gram matrices divided by C·H·W, the paper's numbers) or ``"hw"`` (its Eq. 1).

    Raises:
        TypeError, ValueError: as for :func:`dsd_matrices`.

    Returns:
        {(layer, alpha): (N,)}. Where the paper uses several layers, it sums them.

    Example:
        >>> from dsd import VGG19
        >>> x = torch.rand(2, 3, 32, 32, requires_grad=True)
        >>> norms = dsd_norm(x, VGG19(("relu1_2", "relu2_1"), weights="random"))
        >>> sum(norms.values()).mean().backward()
    """
    return {key: l1_norm(value) for key, value in dsd_matrices(x, backbone, alphas, normalize).items()}
