"""How restored images are compared with clean ones: two protocols, named beside every number."""

import math
import warnings
from collections.abc import Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from dsd.backbones import find_device
from dsd.checks import check_images, check_integer
from dsd.losses.base import check_pair
from dsd.quality.classic import psnr
from dsd.quality.lpips import LPIPS
from dsd.quality.natural_scenes import to_grey
from dsd.quality.niqe import NIQE

if TYPE_CHECKING:  # only tables need pandas
    pass

WINDOW = 11  # of SSIM, in pixels


class Measure(NamedTuple):
    """One column of a table."""

    words: str
    """What it is."""
    kind: str
    """What computes it."""
    protocol: str
    """Key of :meth:`Evaluator.protocols`."""


MEASURES: Mapping[str, Measure] = {
    "psnr_y": Measure("PSNR of Y, dB", "psnr_y", "usual"),
    "ssim_y": Measure("SSIM of Y", "ssim_y", "usual"),
    "psnr_rgb": Measure("PSNR of RGB, dB", "psnr_rgb", "usual"),
    "lpips": Measure("LPIPS 0.1, AlexNet, of RGB", "lpips", "usual"),
    "niqe": Measure("NIQE of rounded Y, released parameters", "niqe", "usual"),
    "psnr_y_authors": Measure("PSNR of Y, dB", "psnr_y", "authors"),
    "ssim_rgb_authors": Measure("SSIM of RGB", "ssim_rgb", "authors"),
    "lpips_authors": Measure("LPIPS 0.1, AlexNet, of RGB", "lpips", "authors"),
    "niqe_authors": Measure("NIQE of rounded Y, released parameters", "niqe", "authors"),
}


class Evaluator(nn.Module):
    r"""Restored images against clean ones, or without any: PSNR, SSIM, LPIPS and NIQE, under two protocols.

    .. math:: Y = 16 + 65.481 R + 128.553 G + 24.966 B, \qquad
        \mathrm{PSNR} = 10 \log_{10} \frac{255^2}{\mathrm{mean}\,(Y_1 - Y_2)^2}

    Y is of BT.601, as of MATLAB's ``rgb2ycbcr``, with R, G, B in [0, 1]; its peak counts as 255.

    | protocol | the images |
    |---|---|
    | usual (papers on super-resolution) | rounded to 8 bits, then `border` pixels cut from each side |
    | authors (the paper's evaluation) | as they are, whole; names end in ``_authors`` |

    Y itself is rounded for NIQE only, under both protocols. SSIM has Gaussian windows of 11×11 pixels, σ 1.5, that lie
    inside the image ("valid", as of MATLAB's ``ssim_index`` and of BasicSR). Of RGB it is the mean of the three
    channels. NIQE has the released parameters. It changes by more than 1 with border and colour conversion.

    Args:
        measures: names out of `MEASURES`. LPIPS is left out where AlexNet's weights are missing; see `left_out`.
        border: pixels that the usual protocol cuts from each side; usually the factor of super-resolution.
        device: where images must be; ``"auto"`` is CUDA where there is one.

    Raises:
        ValueError: an unknown measure, or none; `border` is no integer of at least 0; no such device here.
        FileNotFoundError: only LPIPS was asked for, and AlexNet's weights are missing.

    Reference:
        Wang et al., "BasicSR: open source image and video restoration toolbox", 2022. Kligvasser et al., "Deep
        self-dissimilarities as powerful visual fingerprints", NeurIPS 2021.

    Example:
        >>> evaluator = Evaluator(["psnr_y", "ssim_y"], device="cpu")
        >>> x = torch.rand(2, 3, 40, 40)
        >>> evaluator(x, x)["psnr_y"]
        tensor([inf, inf], dtype=torch.float64)
    """

    left_out: dict[str, str]
    """Measures that were asked for and cannot be had here, and why."""

    def __init__(
        self, measures: Sequence[str] = tuple(MEASURES), border: int = 4, *, device: str | torch.device = "auto"
    ) -> None:
        super().__init__()
        named = not isinstance(measures, str) and isinstance(measures, Sequence)
        if not named or not measures or any(name not in MEASURES for name in measures):
            raise ValueError(f"measures must be a sequence of names out of {', '.join(MEASURES)}; got {measures!r}")
        self.border = check_integer(border, "border", 0)
        self.left_out = {}
        self.register_buffer("_place", torch.empty(0), persistent=False)
        kinds = {MEASURES[name].kind for name in measures}
        self.lpips = self._load_lpips(measures) if "lpips" in kinds else None
        self.niqe = NIQE(grey="y") if "niqe" in kinds else None
        self.names = tuple(name for name in dict.fromkeys(measures) if name not in self.left_out)
        if not self.names:
            raise FileNotFoundError(next(iter(self.left_out.values())))
        self.to(find_device(device))

    def _load_lpips(self, measures: Sequence[str]) -> LPIPS | None:
        try:
            return LPIPS("alexnet")
        except FileNotFoundError as error:
            self.left_out |= dict.fromkeys((name for name in measures if MEASURES[name].kind == "lpips"), str(error))
            return None

    @property
    def device(self) -> torch.device:
        """Where images must be."""
        return self.get_buffer("_place").device

    def protocols(self) -> dict[str, str]:
        """What each protocol does to the images first, in words."""
        cut = f"{self.border} pixels cut from each side" if self.border else "no border cut"
        return {
            "usual": f"images rounded to 8 bits, {cut}",
            "authors": "the authors' evaluation: images not rounded, no border cut",
        }

    def provenance(self) -> dict[str, Any]:
        """What its values depend on, as plain values."""
        return {
            "protocols": self.protocols(),
            "border": self.border,
            "left_out": dict(self.left_out),
            **({"lpips": self.lpips.backbone.provenance()} if self.lpips else {}),
            # The border of NIQE is that of the protocol: what it is given is cut already.
            **({"niqe": {**self.niqe.provenance(), "border": "of the protocol"}} if self.niqe else {}),
        }

    @torch.no_grad()
    def forward(
        self, restored: Tensor, clean: Tensor | None = None, notes: MutableMapping[str, str] | None = None
    ) -> dict[str, Tensor]:
        """Every measure's value, of each image by itself. There is no gradient.

        Args:
            restored: float (N, 3, H, W) in [0, 1]; a network's output is clipped before.
            clean: likewise, of the same size. None: NIQE only.
            notes: where measures that an image does not have are noted with the reason: images too small for SSIM,
                LPIPS or NIQE, constant ones for NIQE. None: a warning says it.

        Returns:
            {name: (N,)}, float64, in the order of `names`; NaN where an image does not have the measure.

        Raises:
            TypeError: no tensor.
            ValueError: no image batches in [0, 1]; they differ in size, type or device, or nothing would be left after
                the cut; or `clean` is None and NIQE is not among the measures.
        """
        usual = any(MEASURES[name].protocol == "usual" for name in self.names)
        cut = self.border if usual else 0
        batches = {"restored": restored} if clean is None else {"restored": restored, "clean": clean}
        for name, x in batches.items():
            purpose = f"a cut of {cut} pixels from each side"
            check_images(x, name, smallest=2 * cut + 1, device=self.device, purpose=purpose)
        if clean is not None:
            check_pair(restored, clean, equal_sizes=True, names=("restored", "clean"))
        names = [name for name in self.names if clean is not None or MEASURES[name].kind == "niqe"]
        if not names:
            raise ValueError(f"{', '.join(self.names)} must have a clean image to compare with, got none")
        exact = [x.double() for x in batches.values()]
        versions = {"authors": exact, "usual": [_cut(_to_8_bits(x), cut) for x in exact] if usual else []}
        reasons: dict[str, str] = {}
        values = {}
        for name in names:
            measure = MEASURES[name]
            each = []
            for images in zip(*(x.split(1) for x in versions[measure.protocol]), strict=True):
                try:
                    each.append(self._value(measure.kind, *images))
                except ValueError as error:
                    reasons.setdefault(name, str(error))
                    each.append(math.nan)
            values[name] = torch.tensor(each, dtype=torch.float64, device=self.device)
        if notes is not None:
            notes.update(reasons)
        else:
            for name, reason in reasons.items():
                warnings.warn(f"no {name}: {reason}", stacklevel=2)
        return values

    def _value(self, kind: str, x: Tensor, y: Tensor | None = None) -> float:
        """One measure of one image, (1, 3, H, W), float64."""
        if kind == "niqe":
            assert self.niqe is not None
            return self.niqe(x).item()
        assert y is not None
        if kind == "lpips":
            assert self.lpips is not None
            return self.lpips(x.float(), y.float()).item()
        measure, colours = kind.split("_")
        if colours == "y":
            x, y = ((to_grey(image, "y", rounded=False) / 255)[:, None] for image in (x, y))
        if measure == "ssim" and min(x.shape[2:]) < WINDOW:
            height, width = x.shape[2:]
            raise ValueError(f"{height}×{width} pixels are too few for SSIM's windows of {WINDOW}×{WINDOW}")
        return (_ssim(x, y) if measure == "ssim" else psnr(x.device)(x, y)).item()


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    """The mean over windows inside the image; torchmetrics' own mean has those that reach over its border, too."""
    edge = WINDOW // 2
    _, everywhere = structural_similarity_index_measure(x, y, data_range=1.0, return_full_image=True)
    return everywhere[..., edge:-edge, edge:-edge].mean()


def _to_8_bits(x: Tensor) -> Tensor:
    """To multiples of 1/255, halves up as MATLAB does."""
    return torch.floor(x * 255 + 0.5) / 255


def _cut(x: Tensor, border: int) -> Tensor:
    height, width = x.shape[2:]
    return x[..., border : height - border, border : width - border]
