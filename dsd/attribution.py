"""Where in an image its DSD comes from."""

import torch
from torch import Tensor

from dsd.backbones.base import Backbone
from dsd.checks import check_factors
from dsd.descriptor import check_input, reduce_scales
from dsd.gram import Normalize, gram_matrix
from dsd.precision import full_precision


def dsd_attribution(x: Tensor, backbone: Backbone, alpha: float = 2, normalize: Normalize = "chw") -> dict[str, Tensor]:
    r"""Each position's share of ‖DSD_α(x)‖₁, by layer: maps whose sums are the norms.

    A Gram matrix has no place, but it is a sum over places, and so is a DSD:

    .. math:: \Vert D \Vert_1 = \frac{1}{C^2} \sum_{ij} S_{ij} D_{ij}
              = \sum_k \frac{\varphi_k^T S \varphi_k}{C^2 Z} - \sum_l \frac{\psi_l^T S \psi_l}{C^2 Z'}
              \quad\text{with } S = \operatorname{sign} D

    with φ the features of x, ψ those of x↓α, and Z, Z' as in :func:`dsd.gram_matrix`. What position l of the smaller
    grid has is spread evenly over the area that it covers of the larger one; a share is the difference of both there.

    What it cannot show: S comes of the whole image, so the map of a part is not that part of the map, and a place that
    is changed changes the shares of all others. Shares may be negative: such a place lowers the norm. They are at the
    layer's resolution, and each position sees its receptive field.

    Args:
        x: images, float (N, 3, H, W) in [0, 1], RGB.
        backbone: the network; its layers are the ones reported.
        alpha: scaling factor above 1.
        normalize: ``"chw"`` or ``"hw"``, as for :func:`dsd.gram_matrix`.

    Returns:
        {layer: (N, H', W')} at the layer's resolution; the sum over both sides is ‖DSD_α‖₁ of
        :func:`dsd.dsd_norm`. Features of all layers are in memory at once.

    Raises:
        TypeError: `x` is no tensor, `backbone` no network.
        ValueError: `x` is not an image batch in [0, 1], not where the network is, or too small for the deepest layer at
            this alpha; `alpha` is not above 1; unknown `normalize`.

    Example:
        >>> from dsd import VGG19, dsd_norm
        >>> x, backbone = torch.rand(1, 3, 32, 32), VGG19(("relu2_1",), weights="random")
        >>> shares = dsd_attribution(x, backbone)["relu2_1"]
        >>> shares.shape
        torch.Size([1, 16, 16])
        >>> torch.allclose(shares.sum(dim=(1, 2)), dsd_norm(x, backbone)["relu2_1", 2], rtol=1e-3)
        True
    """
    check_input(x, backbone, check_factors([alpha]), check_values=True)
    features = reduce_scales(
        x,
        backbone,
        dict.fromkeys((1, alpha), backbone.layers),
        lambda scale, layer, values: {(layer, scale): values},
    )
    return {layer: _shares(features[layer, 1], features[layer, alpha], normalize) for layer in backbone.layers}


def _shares(large: Tensor, small: Tensor, normalize: Normalize) -> Tensor:
    """Shares of the norm of the difference of two Gram matrices, on the grid of the first features."""
    signs = (gram_matrix(large, normalize) - gram_matrix(small, normalize)).sign()
    height, width = large.shape[2:]
    with full_precision():
        of_large, of_small = (_quadratic_form(features, signs, normalize) for features in (large, small))
        rows, columns = (
            _spread(fine, coarse).to(of_small) for fine, coarse in zip((height, width), small.shape[2:], strict=True)
        )
        return of_large - rows @ of_small @ columns.T


def _quadratic_form(features: Tensor, signs: Tensor, normalize: Normalize) -> Tensor:
    """What each position adds to the sum over S ∘ G, divided by C²: (N, H, W)."""
    channels, positions = features.shape[1], features[0, 0].numel()
    flat = features.flatten(2).to(signs.dtype)
    values = (flat * (signs @ flat)).sum(dim=1) / (channels**2 * positions * (channels if normalize == "chw" else 1))
    return values.unflatten(1, features.shape[2:])


def _spread(fine: int, coarse: int) -> Tensor:
    """(fine, coarse): the part of each coarse cell of a line that lies in each fine one. Columns add up to 1."""
    edges, starts = torch.arange(fine + 1.0) / fine, torch.arange(coarse + 1.0) / coarse
    upper = torch.minimum(edges[1:, None], starts[None, 1:])
    lower = torch.maximum(edges[:-1, None], starts[None, :-1])
    return (upper - lower).clamp(min=0) * coarse
