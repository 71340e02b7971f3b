"""LPIPS 0.1: the learned distance of AlexNet's, SqueezeNet's or VGG-16's features."""

from pathlib import Path
from typing import Literal

import torch
import torchmetrics
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone
from dsd.backbones.weights import read_state
from dsd.checks import check_choice
from dsd.precision import at_least_float32
from dsd.quality.weighted import ChannelWeighted

# Version 0.1 of the weights of channels, one set per layer, as torchmetrics ships them (LPIPS: BSD-2-Clause).
HEADS = {
    "alexnet": ("alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
    "squeezenet": ("squeeze.pth", "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"),
    "vgg16": ("vgg.pth", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"),
}
EPSILON = 1e-8  # torchmetrics'; keeps gradients finite where all channels are 0


class LPIPS(ChannelWeighted):
    r"""LPIPS, version 0.1: the weighted squared distance of feature vectors of length 1, summed over layers.

    .. math:: \sum_\ell \frac{1}{HW} \sum_{h,w} \sum_c w_{\ell c} (\hat\varphi_\ell(x) - \hat\varphi_\ell(y))_{chw}^2

    Args:
        backbone: ``"alexnet"``, ``"squeezenet"`` or ``"vgg16"``, or a network.
        heads: w. ``"published"``: version 0.1's, of those three with all layers; ``"uniform"``: 1 for each
            channel, of any network; or a tensor (K,), the layers' channels in order.

    Raises:
        ValueError: published weights of another network; other `heads`; files of heads of another version.
        FileNotFoundError: weights are missing; the message lists the ways to get them.

    Reference:
        Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018.

    Example:
        >>> lpips = LPIPS(load_backbone("alexnet", weights="random", device="cpu"))
        >>> lpips(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)).shape
        torch.Size([2])
    """

    def __init__(
        self, backbone: Backbone | str = "alexnet", heads: Tensor | Literal["published", "uniform"] = "published"
    ) -> None:
        name = backbone if isinstance(backbone, str) else backbone.backbone_name
        if isinstance(heads, str):
            check_choice(heads, "heads", ("published", "uniform"))
        published = isinstance(heads, str) and heads == "published"
        if published and name not in HEADS:
            raise ValueError(f"LPIPS needs one of {', '.join(HEADS)}, got {name}")
        network = load_backbone(backbone, device="cpu") if isinstance(backbone, str) else backbone
        if published and network.layers != tuple(network.strides):
            raise ValueError(f"LPIPS needs all layers of {name}, got {', '.join(network.layers)}")
        super().__init__(network, read_heads(name) if published else None if isinstance(heads, str) else heads)

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """φ̂: each layer's features, scaled to length 1 over channels.

        Args:
            x: images, float (N, 3, H, W).

        Returns:
            {layer: (N, C, H', W')}, float32.
        """
        return self.backbone(x, lambda layer, features: _unit(at_least_float32(features)))

    def in_channels(self, a: Tensor, b: Tensor) -> Tensor:
        """Mean (a − b)² over positions."""
        return (a - b).square().mean(dim=(2, 3))


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=1, keepdim=True) + EPSILON).sqrt()


def read_heads(backbone: str) -> Tensor:
    """Weights (K,) of all layers' channels in order, out of the installed torchmetrics.

    Args:
        backbone: a key of `HEADS`.

    Raises:
        FileNotFoundError: this torchmetrics has no such file.
        ValueError: its heads are not version 0.1's.
    """
    name, expected = HEADS[backbone]
    path = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models" / name
    state, digest = read_state(path)
    if digest != expected:
        raise ValueError(f"{path} does not hold LPIPS 0.1: its SHA-256 is {digest[:8]}…, {expected[:8]}… is expected")
    return torch.cat([state[f"lin{index}.model.1.weight"].flatten() for index in range(len(state))])


def on_alexnet(device: torch.device) -> LPIPS:
    """LPIPS with AlexNet, the usual one."""
    return LPIPS("alexnet").to(device)


def on_vgg16(device: torch.device) -> LPIPS:
    """LPIPS with VGG-16."""
    return LPIPS("vgg16").to(device)


def on_squeezenet(device: torch.device) -> LPIPS:
    """LPIPS with SqueezeNet."""
    return LPIPS("squeezenet").to(device)
