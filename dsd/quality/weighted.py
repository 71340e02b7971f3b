"""Distances that weigh the channels of a network: the form of LPIPS, and of DSD where weights are learned."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dsd.backbones.base import Backbone
from dsd.descriptor import dsd_matrices
from dsd.losses.base import check_pair
from dsd.precision import at_least_float32


class ChannelWeighted(nn.Module, ABC):
    r"""A weighted sum of how far two images are apart in each channel of each layer.

    .. math:: d(x, y) = \sum_k w_k\, m_k(x, y), \quad w_k \ge 0

    Args:
        backbone: the network with its layers.
        heads: w, (K,), the layers' channels in order; None: 1 for each.

    Raises:
        ValueError: `heads` are not K finite numbers of at least 0.
    """

    heads: Tensor

    def __init__(self, backbone: Backbone, heads: Tensor | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        with torch.no_grad():
            smallest = torch.zeros(1, 3, backbone.smallest, backbone.smallest, device=backbone.device)
            self.widths = {layer: features.shape[1] for layer, features in backbone(smallest).items()}
        count = sum(self.widths.values())
        heads = torch.ones(count) if heads is None else heads
        if heads.shape != (count,) or not (heads.isfinite() & (heads >= 0)).all():
            raise ValueError(
                f"heads must be {count} finite numbers of at least 0, one for each channel of "
                f"{', '.join(self.widths)}; got shape {tuple(heads.shape)}"
                + (f", lowest {heads.min().item():.3g}" if heads.numel() else "")
            )
        self.register_buffer("heads", heads.float().to(backbone.device), persistent=False)

    @abstractmethod
    def encode(self, x: Tensor) -> Mapping[Any, Tensor]:
        """What is compared of images (N, 3, H, W): a tensor for each layer."""

    @abstractmethod
    def in_channels(self, a: Tensor, b: Tensor) -> Tensor:
        """m of one layer, (N, C), from two tensors of :meth:`encode`."""

    def channels(self, a: Mapping[Any, Tensor], b: Mapping[Any, Tensor]) -> Tensor:
        """m: how far two encodings are apart in each channel, (N, K)."""
        return torch.cat([self.in_channels(a[layer], b[layer]) for layer in a], dim=1)

    def compare(self, a: Mapping[Any, Tensor], b: Mapping[Any, Tensor]) -> Tensor:
        """The distance (N,) of two encodings."""
        return self.channels(a, b) @ self.heads

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance (N,).

        Args:
            x: images, float (N, 3, H, W), 0 to 1.
            y: their references, likewise.

        Raises:
            ValueError: no image batches, too small, or of different sizes, types or devices.
        """
        check_pair(x, y, equal_sizes=True)
        return self.compare(self.encode(x), self.encode(y))


class WeightedDSD(ChannelWeighted):
    r"""DSD with a weight for each channel: rows of the difference of two images' DSD.

    .. math:: m_{\ell c}(x, y) = \frac{1}{C^2} \sum_{c'} |\mathrm{DSD}_\alpha(x) - \mathrm{DSD}_\alpha(y)|_{\ell c c'}

    With weights 1 it is Eq. 4, ‖DSD_α(x) − DSD_α(y)‖₁, summed over layers.

    Args:
        backbone: the network with its layers.
        heads: weights (K,), the layers' channels in order; None: 1 for each.
        alpha: the scaling factor, above 1.

    Raises:
        ValueError: `heads` are not K finite numbers of at least 0.

    Example:
        >>> from dsd.backbones import load_backbone
        >>> distance = WeightedDSD(load_backbone("lite", ["relu2_1"], device="cpu"))
        >>> x = torch.rand(2, 3, 32, 32)
        >>> distance(x, x).tolist()
        [0.0, 0.0]
    """

    def __init__(self, backbone: Backbone, heads: Tensor | None = None, alpha: float = 2) -> None:
        super().__init__(backbone, heads)
        self.alpha = alpha

    def encode(self, x: Tensor) -> Mapping[Any, Tensor]:
        """DSD of each layer, (N, C, C)."""
        return dsd_matrices(x, self.backbone, (self.alpha,))

    def in_channels(self, a: Tensor, b: Tensor) -> Tensor:
        """Rows' sums of |a − b|, over C²."""
        return at_least_float32(a - b).abs().mean(dim=2) / a.shape[1]
