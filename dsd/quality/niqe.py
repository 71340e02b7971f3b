"""NIQE: how far an image's statistics are from those of sharp photographs."""

from pathlib import Path
from typing import Any, NamedTuple, get_args

import torch
from torch import Tensor, nn

from dsd.backbones.weights import read_about, read_state
from dsd.checks import check_choice, check_images, check_integer
from dsd.quality.natural_scenes import CHUNK, Grey, contrast, fit_asymmetric, halve, moments, to_grey

BLOCK = 96
RELEASED = Path(__file__).with_name("parameters") / "niqe.safetensors"
SHA256 = "3cf15e590e6708247aad8de12b0bf0efe75f747d6cfd2e1777444f1d587612f6"


class Normal(NamedTuple):
    """A normal distribution of the 36 features."""

    mean: Tensor
    """(…, 36)."""
    covariance: Tensor
    """(…, 36, 36)."""


@torch.no_grad()
def niqe(x: Tensor, model: Normal, *, grey: Grey = "rgb2gray", rounded: bool = True, border: int = 0) -> Tensor:
    r"""NIQE: the distance of two normal distributions of 36 features, the image's and a model's.

    .. math:: \sqrt{(\nu_1 - \nu_2)^T \left(\frac{\Sigma_1 + \Sigma_2}{2}\right)^{+} (\nu_1 - \nu_2)}

    with means ν and covariances Σ over the image's blocks of 96×96 pixels; what is left on the right and below is cut.
    Values to cite name `grey`, `rounded` and `border`: each can change NIQE by more than 1. There is no gradient.

    Where a photograph is exactly constant (black bars, blown-out skies) its contrast is 0 here. In the authors' MATLAB
    code it is what rounding leaves, which differs between machines: such images' values differ by several tenths.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].
        model: of sharp photographs, float64 (36,) and (36, 36).
        grey: ``"rgb2gray"`` (MATLAB's, the authors') or ``"y"`` (luma of YCbCr, usual for super-resolution).
        rounded: whether grey is rounded to 8 bits, as the authors do.
        border: pixels cut from each side first.

    Returns:
        (N,), float64, at least 0; lower is better.

    Raises:
        TypeError: `x` is no tensor.
        ValueError: `x` is no image batch, or smaller than one block after the cut; an image has fewer than two blocks
            with contrast (a constant image has none); unknown `grey`; `border` is no integer of at least 0.

    Reference:
        Mittal, Soundararajan, Bovik, "Making a completely blind image quality analyzer", SPL 2013.

    Example:
        >>> model = Normal(torch.zeros(36).double(), torch.eye(36).double())
        >>> niqe(torch.rand(2, 3, 200, 100), model).shape
        torch.Size([2])
    """
    features, _ = block_features(x, grey=grey, rounded=rounded, border=border)
    own = fit_normal(features)
    difference = own.mean - model.mean
    inverse = torch.linalg.pinv((own.covariance + model.covariance) / 2, hermitian=True)
    return torch.einsum("ni,nij,nj->n", difference, inverse, difference).clamp(min=0).sqrt()


class NIQE(nn.Module):
    r"""NIQE with its model: how far an image's statistics are from those of sharp photographs.

    .. math:: \sqrt{(\nu_1 - \nu_2)^T \left(\frac{\Sigma_1 + \Sigma_2}{2}\right)^{+} (\nu_1 - \nu_2)}

    Args:
        parameters: ``"released"`` (the authors', of 125 photographs), or a file that `dsd niqe fit` wrote.
        grey: ``"rgb2gray"`` or ``"y"``, as for :func:`niqe`.
        rounded: whether grey is rounded to 8 bits.
        border: pixels cut from each side first.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged or holds no such model, or was fitted with other settings; unknown `grey`; `border` is
            no integer of at least 0.

    Reference:
        Mittal, Soundararajan, Bovik, "Making a completely blind image quality analyzer", SPL 2013.

    Example:
        >>> NIQE()(torch.rand(2, 3, 200, 100)).shape
        torch.Size([2])
    """

    mean: Tensor
    covariance: Tensor

    def __init__(
        self, parameters: str | Path = "released", *, grey: Grey = "rgb2gray", rounded: bool = True, border: int = 0
    ) -> None:
        super().__init__()
        self.grey: Grey = grey
        self.rounded, self.border = bool(rounded), check_integer(border, "border", 0)
        check_choice(grey, "grey", get_args(Grey))
        path = RELEASED if parameters == "released" else Path(parameters)
        state, self.parameters_sha256 = read_state(path)
        self.parameters_name = path.name
        if path == RELEASED and self.parameters_sha256 != SHA256:
            raise ValueError(f"{path} is damaged: install dsd again")
        given = {"grey": grey, "rounded": self.rounded, "border": self.border}
        fitted = {name: value for name, value in read_about(path).items() if name in given} if path != RELEASED else {}
        if different := [f"{name}={value!r}" for name, value in fitted.items() if given[name] != value]:
            raise ValueError(f"{path} was fitted with {', '.join(different)}: give the same")
        for name, shape in (("mean", (36,)), ("covariance", (36, 36))):
            value = state.get(name)
            if value is None or value.shape != shape or not value.isfinite().all():
                raise ValueError(f"{path} is no model of NIQE: finite {name} of shape {shape} is expected")
            self.register_buffer(name, value.double())

    def forward(self, x: Tensor) -> Tensor:
        """NIQE (N,), float64.

        Args:
            x: images, float (N, 3, H, W) in [0, 1].

        Raises:
            ValueError: as of :func:`niqe`; or `x` is on another device.
        """
        check_images(x, device=self.mean.device)
        model = Normal(self.mean.double(), self.covariance.double())
        return niqe(x, model, grey=self.grey, rounded=self.rounded, border=self.border)

    def provenance(self) -> dict[str, Any]:
        """What its values depend on, as plain values."""
        return {
            "parameters": self.parameters_name,
            "parameters_sha256": self.parameters_sha256,
            "grey": self.grey,
            "rounded": self.rounded,
            "border": self.border,
        }

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.parameters_name}, grey={self.grey!r}, rounded={self.rounded}, border={self.border}"


def block_features(
    x: Tensor, *, grey: Grey = "rgb2gray", rounded: bool = True, border: int = 0
) -> tuple[Tensor, Tensor]:
    """The 36 features of each block, 18 at full and 18 at half size, and its sharpness.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].
        grey: ``"rgb2gray"`` or ``"y"``.
        rounded: whether grey is rounded to 8 bits.
        border: pixels cut from each side first.

    Returns:
        Features (N, blocks, 36), NaN where a block has no contrast, and mean σ (N, blocks); both float64.

    Raises:
        ValueError: `x` is no image batch, or smaller than one block after the cut.
    """
    border = check_integer(border, "border", 0)
    cut = f", {border} of them cut from each side" if border else ""
    check_images(x, smallest=BLOCK + 2 * border, purpose=f"one of NIQE's blocks of {BLOCK}×{BLOCK}{cut}")
    height, width = ((side - 2 * border) // BLOCK * BLOCK for side in x.shape[2:])
    x = x[..., border : border + height, border : border + width]
    together = max(1, CHUNK.get(x.device.type, CHUNK["cpu"]) // (height * width))
    results = []
    for images in x.split(together):
        level = to_grey(images, grey, rounded)
        features, sharpness = _at_one_scale(level, BLOCK)
        results.append((torch.cat((features, _at_one_scale(halve(level), BLOCK // 2)[0]), dim=2), sharpness))
    features, sharpness = (torch.cat(parts) for parts in zip(*results, strict=True))
    return features, sharpness


def _at_one_scale(level: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The 18 features (N, blocks, 18) and mean σ (N, blocks) of blocks of side × side."""
    count = len(level)
    sums, sharpness = [], []
    for strip, deviation in contrast(level, rows=side):
        blocks, sigma = (
            a.unflatten(2, (-1, side)).unflatten(1, (-1, side)).transpose(2, 3).flatten(3) for a in (strip, deviation)
        )
        of_strip = blocks.reshape(-1, side, side)
        sums.append(moments(of_strip, of_strip[:, -1:]).unflatten(2, (count, -1)))
        sharpness.append(sigma.mean(dim=3).flatten(1))
    fit = fit_asymmetric(torch.cat(sums, dim=3).flatten(2))
    left, right = fit.left * fit.unit, fit.right * fit.unit
    features = [fit.shape[0], (left[0] + right[0]) / 2]
    for pair in range(1, 5):
        features += [fit.shape[pair], fit.mean[pair], left[pair], right[pair]]
    return torch.stack(features, dim=1).unflatten(0, (count, -1)), torch.cat(sharpness, dim=1)


def fit_normal(features: Tensor) -> Normal:
    """Mean (without NaN) and covariance (without blocks that have NaN) over blocks, as MATLAB's nanmean and nancov.

    Args:
        features: (N, blocks, 36).

    Raises:
        ValueError: an image has fewer than two blocks without NaN.
    """
    whole = features.isfinite().all(dim=2, keepdim=True)
    counts = whole.sum(dim=1, keepdim=True)
    if (few := (counts < 2).flatten()).any():
        index = int(few.nonzero()[0])
        raise ValueError(
            f"NIQE needs at least two blocks of {BLOCK}×{BLOCK} pixels that have contrast: image {index} of the batch "
            f"has {int(counts[index])} of {features.shape[1]} (a constant image has none)"
        )
    centred = (features - features.where(whole, 0).sum(dim=1, keepdim=True) / counts).where(whole, 0)
    return Normal(features.nanmean(dim=1), centred.mT @ centred / (counts - 1))
