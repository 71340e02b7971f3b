"""BRISQUE: what human ratings an image's statistics predict."""

from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn

from dsd.backbones.weights import read_state
from dsd.checks import check_choice, check_images
from dsd.quality.natural_scenes import (
    CHUNK,
    RADIUS,
    Grey,
    contrast,
    fit_asymmetric,
    fit_symmetric,
    halve,
    moments,
    to_grey,
)

SMALLEST = 14  # pixels; at half size one window of 7×7
RELEASED = Path(__file__).with_name("parameters") / "brisque.safetensors"
SHA256 = "024876e7dbeede3db8d151c6d362a22b5f1b3ae5ce826932d2bc9190ac404c48"


class BRISQUE(nn.Module):
    r"""BRISQUE: a support vector regression of 36 features of the whole image, trained on the ratings of LIVE.

    .. math:: \sum_i \alpha_i \exp(-\gamma \lVert f - s_i \rVert^2) - \rho

    with features f scaled to about [−1, 1], support vectors s and the authors' parameters. There is no gradient.

    Args:
        grey: ``"rgb2gray"`` (MATLAB's, the authors') or ``"y"`` (luma of YCbCr).
        rounded: whether grey is rounded to 8 bits, as the authors do.

    Raises:
        ValueError: unknown `grey`.

    Reference:
        Mittal, Moorthy, Bovik, "No-reference image quality assessment in the spatial domain", TIP 2012.

    Example:
        >>> BRISQUE()(torch.rand(2, 3, 64, 48)).shape
        torch.Size([2])
    """

    low: Tensor
    high: Tensor
    vectors: Tensor
    weights: Tensor
    gamma: Tensor
    rho: Tensor

    def __init__(self, *, grey: Grey = "rgb2gray", rounded: bool = True) -> None:
        super().__init__()
        check_choice(grey, "grey", get_args(Grey))
        self.grey: Grey = grey
        self.rounded = bool(rounded)
        state, self.parameters_sha256 = read_state(RELEASED)
        if self.parameters_sha256 != SHA256:
            raise ValueError(f"{RELEASED} is damaged: install dsd again")
        for name, value in state.items():
            self.register_buffer(name, value)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """BRISQUE (N,), float64: about 0 (good) to 100 (bad).

        Args:
            x: images, float (N, 3, H, W) in [0, 1].

        Raises:
            TypeError: `x` is no tensor.
            ValueError: it is no image batch, smaller than 14×14, or on another device; an image is black, or all but
                constant: its features are not defined.
        """
        check_images(x, smallest=SMALLEST, device=self.vectors.device, purpose="BRISQUE")
        features = whole_features(x, grey=self.grey, rounded=self.rounded)
        if (bad := ~features.isfinite().all(dim=1)).any():
            raise ValueError(f"BRISQUE needs images with contrast, image {int(bad.nonzero()[0])} of the batch has none")
        low, high, vectors = self.low.double(), self.high.double(), self.vectors.double()
        scaled = 2 * (features - low) / (high - low) - 1
        distances = (scaled[:, None] - vectors).square().sum(dim=2)
        return (self.weights * (-self.gamma * distances).exp()).sum(dim=1) - self.rho

    def provenance(self) -> dict[str, Any]:
        """What its values depend on, as plain values."""
        return {
            "parameters": RELEASED.name,
            "parameters_sha256": self.parameters_sha256,
            "grey": self.grey,
            "rounded": self.rounded,
        }

    def extra_repr(self) -> str:
        """The settings."""
        return f"{RELEASED.name}, grey={self.grey!r}, rounded={self.rounded}"


def whole_features(x: Tensor, *, grey: Grey = "rgb2gray", rounded: bool = True) -> Tensor:
    """The 36 features of each image, 18 at full and 18 at half size: (N, 36), float64, NaN where there is no contrast.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].
        grey: ``"rgb2gray"`` or ``"y"``.
        rounded: whether grey is rounded to 8 bits.
    """
    together = max(1, CHUNK.get(x.device.type, CHUNK["cpu"]) // x[0, 0].numel())
    results = []
    for images in x.split(together):
        level = to_grey(images, grey, rounded)
        results.append(torch.cat((_at_one_scale(level), _at_one_scale(halve(level))), dim=1))
    return torch.cat(results)


def _at_one_scale(level: Tensor) -> Tensor:
    """The 18 features (N, 18), of sums over strips."""
    above = None
    sums = torch.zeros(())
    for strip, _ in contrast(level, "constant"):
        if above is None:  # the first row's neighbours are in the last, which is computed last
            *_, (bottom, _) = contrast(level[:, -RADIUS - 1 :], "constant")
            above = bottom[:, -1:]
        sums = sums + moments(strip, above)
        above = strip[:, -1:]
    shape, variance = fit_symmetric(sums[0])
    fit = fit_asymmetric(sums[1:])
    features = [shape, variance]
    for pair in range(4):
        features += [fit.shape[pair], fit.mean[pair], fit.left[pair].square(), fit.right[pair].square()]
    return torch.stack(features, dim=1)
