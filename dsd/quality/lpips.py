"""LPIPS 0.1: the learned distance of AlexNet's or SqueezeNet's features."""

from collections.abc import Mapping
from pathlib import Path

import torch
import torchmetrics
from torch import Tensor, nn

from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone
from dsd.backbones.weights import read_state
from dsd.losses.base import check_pair
from dsd.precision import at_least_float32

# Version 0.1 of the weights of channels, one set per layer, as torchmetrics ships them (LPIPS: BSD-2-Clause).
HEADS = {
    "alexnet": ("alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
    "squeezenet": ("squeeze.pth", "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76"),
}
EPSILON = 1e-8  # torchmetrics'; keeps gradients finite where all channels are 0


class LPIPS(nn.Module):
    r"""LPIPS, version 0.1: the weighted squared distance of feature vectors of length 1, summed over layers.

    .. math:: \sum_\ell \frac{1}{HW} \sum_{h,w} \sum_c w_{\ell c} (\hat\varphi_\ell(x) - \hat\varphi_\ell(y))_{chw}^2

    Args:
        backbone: ``"alexnet"`` or ``"squeezenet"``, or such a network with all its layers.

    Raises:
        ValueError: another network; heads of another version.
        FileNotFoundError: weights are missing; the message lists the ways to get them.

    Reference:
        Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018.

    Example:
        >>> lpips = LPIPS(load_backbone("alexnet", weights="random", device="cpu"))
        >>> lpips(torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)).shape
        torch.Size([2])
    """

    def __init__(self, backbone: Backbone | str = "alexnet") -> None:
        super().__init__()
        name = backbone if isinstance(backbone, str) else backbone.backbone_name
        if name not in HEADS:
            raise ValueError(f"LPIPS needs one of {', '.join(HEADS)}, got {name}")
        self.backbone = load_backbone(backbone, device="cpu") if isinstance(backbone, str) else backbone
        if self.backbone.layers != tuple(self.backbone.strides):
            raise ValueError(f"LPIPS needs all layers of {name}, got {', '.join(self.backbone.layers)}")
        for layer, head in zip(self.backbone.layers, read_heads(name), strict=True):
            self.register_buffer(layer, head.to(self.backbone.device), persistent=False)

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """φ̂: each layer's features, scaled to length 1 over channels.

        Args:
            x: images, float (N, 3, H, W).

        Returns:
            {layer: (N, C, H', W')}, float32.
        """
        return self.backbone(x, lambda layer, features: _unit(at_least_float32(features)))

    def compare(self, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Tensor:
        """The distance (N,) of two encodings."""
        return torch.stack(
            [((a[layer] - b[layer]).square() * self.get_buffer(layer)).sum(dim=1).mean(dim=(1, 2)) for layer in a]
        ).sum(dim=0)

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


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=1, keepdim=True) + EPSILON).sqrt()


def read_heads(backbone: str) -> list[Tensor]:
    """Weights (C, 1, 1) of each layer's channels, out of the installed torchmetrics.

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
    return [state[f"lin{index}.model.1.weight"][0] for index in range(len(state))]


def on_alexnet(device: torch.device) -> LPIPS:
    """LPIPS with AlexNet, the usual one."""
    return LPIPS("alexnet").to(device)


def on_squeezenet(device: torch.device) -> LPIPS:
    """LPIPS with SqueezeNet."""
    return LPIPS("squeezenet").to(device)
