"""Q_DSD (Eq. 5): how far an image's ‖DSD‖ is from what its downscaled version lets expect."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.backbones.vgg19 import OXFORD_FILE
from dsd.checks import check_factors, check_images, check_integer
from dsd.data.files import file_digest
from dsd.descriptor import dsd_norm
from dsd.noref.regressor import LAYERS, load_regressor
from dsd.paths import data_root
from dsd.precision import at_least_float32, full_precision
from dsd.resize import downscale

SHA256 = {  # of the package's files
    "psi-lite-alpha2": "b632324fca02dd08d61966fb9b75439eca86e5ab605265cfd01570fe1701bc79",
    "psi-lite-alpha4": "a2b8039e1b3448bad84ac3d69064fd7808fdb477304660d29de8b772dcb0004a",
    "psi-vgg19-alpha2": "780470df05476c0c511aa52f8256c08014a18355848a2fb10b4da1fa5d851db4",
    "psi-vgg19-alpha4": "16e18901dd823754eb840f17fcdb58867efa84448afe6e5970a519e55b885e72",
}
LEAST = 1e-4  # of norms, whose logarithm is taken: about a hundredth of a photograph's


@dataclass(frozen=True)
class Expectation:
    """‖DSD_α‖₁ of images at each layer, as it is and as ψ expects it: means over their windows."""

    norms: Tensor
    """‖DSD_α(y)‖₁, (N, 4)."""
    predicted: Tensor
    """ψ(y↓α), (N, 4)."""

    @property
    def q_dsd(self) -> Tensor:
        """Eq. 5 at each layer, (N, 4)."""
        return (self.predicted - self.norms).abs()

    @property
    def deviation(self) -> Tensor:
        """log ‖DSD_α(y)‖₁ − log ψ(y↓α) at each layer, (N, 4): above 0 where there is more than expected."""
        return self.norms.clamp_min(LEAST).log() - self.predicted.clamp_min(LEAST).log()


class QDSD(nn.Module):
    """The paper's measure without a reference, Q_DSD,α(y) = |ψ(y↓α) − ‖DSD_α(y)‖₁| (Eq. 5), summed over layers.

    ψ (:class:`dsd.noref.regressor.Regressor`) was trained on clean photographs to tell ‖DSD_α‖₁ from the downscaled
    image. Downscaling removes most of some distortions, so ψ(y↓α) is about what ‖DSD_α‖₁ would be without them.
    Q_DSD is 0 for an image that is as expected. It rises with lost resolution, ringing and strong noise; it need not
    with JPEG or wide blur, and falls with less contrast (``figures/sample/noref-report.csv``).
    Layers: ReLU1_2, 2_1, 2_2, 3_1. It has a gradient.

    ‖DSD‖₁ falls with an image's size: differences of Gram matrices at many places cancel out in part. ψ knows it of
    windows of the size that it was trained on. So both are computed of such windows, which cover the image, and
    averaged; then Eq. 5. Without gradients, memory hardly grows with the image. Values of images that are smaller than
    a window cannot be compared with others'. With ``window=None`` both are of the whole image, as Eq. 5
    reads literally: ψ then expects much too much of large images.

    Args:
        backbone: ``"vgg19"``, ``"lite"``, or a network with these layers.
        alpha: the scaling factor: 2 or 4, for which there is a ψ.
        regressor: ``"auto"`` (the one of the package for this network and alpha), or a file that `dsd train noref`
            wrote.
        window: side of the windows in pixels. ``"trained"``: as in ψ's training, 80 times alpha for the package's. A
            smaller image is one window. None: the whole image.
        device: of a backbone by name; ``"auto"`` is CUDA where there is one.

    Raises:
        FileNotFoundError: the network's weights are missing; no ψ for this network and alpha.
        ValueError: ψ was trained for other weights, another alpha or another padding; `window` is no such side.

    Reference:
        Kligvasser et al., NeurIPS 2021, Sec. 3.5.

    Example:
        >>> metric = QDSD("lite", 2, device="cpu")
        >>> metric(torch.rand(2, 3, 64, 64)).shape
        torch.Size([2])
    """

    def __init__(
        self,
        backbone: str | Backbone = "vgg19",
        alpha: float = 2,
        *,
        regressor: str | Path = "auto",
        window: int | Literal["trained"] | None = "trained",
        device: str | torch.device = "auto",
    ) -> None:
        super().__init__()
        check_factors((alpha,))
        self.alpha = float(alpha)
        if isinstance(backbone, str):
            backbone = load_measured(backbone, device=device)
        if not isinstance(backbone, Backbone):
            raise TypeError(f"backbone must be a network or the name of one, got {backbone!r}")
        if not isinstance(regressor, str | Path):
            raise TypeError(f"regressor must be 'auto' or a file, got {regressor!r}")
        if missing := [layer for layer in LAYERS if layer not in backbone.layers]:
            raise ValueError(f"Q_DSD needs a network with {', '.join(LAYERS)}; this one lacks {', '.join(missing)}")
        self.backbone = backbone
        path = shipped(backbone.backbone_name, self.alpha) if regressor == "auto" else Path(regressor)
        self.regressor, self._about = load_regressor(path)
        self.regressor.to(backbone.device)
        self._check()
        side = round(self._about["side"] * self.alpha) if window == "trained" else window
        self.window = None if side is None else check_integer(side, "window", self.smallest)

    @property
    def smallest(self) -> int:
        """The shortest side of an image that has two scales, in pixels."""
        return math.floor((self.backbone.smallest - 1) * self.alpha) + 1

    def _check(self) -> None:
        """Refuse ψ of another network or alpha."""
        here: dict[str, Any] = {"backbone": self.backbone.backbone_name, "padding": self.backbone.padding}
        here |= {"weights_sha256": self.backbone.weights_sha256, "alpha": self.alpha}
        there = {"padding": "zeros", **self._about}
        if different := [name for name, value in here.items() if there.get(name) != value]:
            differences = "; ".join(f"{name} was {there.get(name)}, is {here[name]}" for name in different)
            raise ValueError(
                f"{self._about['regressor']} was trained for something else: {differences}. "
                "`dsd train noref` makes one for other weights"
            )

    def expectation(self, x: Tensor) -> Expectation:
        """‖DSD_α‖₁ at each layer, as it is and as ψ expects it.

        Args:
            x: images, float (N, 3, H, W) in [0, 1], RGB.

        Raises:
            TypeError: `x` is no tensor.
            ValueError: `x` is not an image batch in [0, 1], not where the network is, or too small for two scales.
        """
        check_images(x, smallest=self.backbone.smallest, alpha=self.alpha, device=self.backbone.device)
        rows, columns = (_spans(length, self.window) for length in x.shape[2:])
        norms, predicted = x.new_zeros((2, len(x), len(LAYERS)), dtype=torch.float32)
        for top, bottom in rows:  # a row of windows at a time
            windows = torch.cat([at_least_float32(x[:, :, top:bottom, left:right]) for left, right in columns])
            of_layer = dsd_norm(windows, self.backbone, (self.alpha,))
            norms = norms + _sum_of_windows(torch.stack([of_layer[layer, self.alpha] for layer in LAYERS], 1), len(x))
            with full_precision():
                expected = self.regressor(downscale(windows, self.alpha).float())
            predicted = predicted + _sum_of_windows(expected, len(x))
        count = len(rows) * len(columns)
        return Expectation(norms / count, predicted / count)

    def forward(self, x: Tensor) -> Tensor:
        """Q_DSD of each image, (N,): 0 is as expected, higher is worse.

        Args:
            x: images, float (N, 3, H, W) in [0, 1], RGB.

        Raises:
            TypeError, ValueError: as for :meth:`expectation`.
        """
        return self.expectation(x).q_dsd.sum(dim=1)

    def train(self, mode: bool = True) -> "QDSD":
        """Stay in evaluation mode, whatever the surrounding model does."""
        return super().train(False)

    def provenance(self) -> dict[str, Any]:
        """What a result must say about how it came about: network, weights, alpha, window, ψ and its SHA-256."""
        known = {name: self._about[name] for name in ("regressor", "regressor_sha256")}
        own = {"alpha": self.alpha, "window": self.window, "layers": list(LAYERS)}
        return {**self.backbone.provenance(), **own, **known}


def load_measured(
    backbone: str,
    weights: str | Path = "auto",
    *,
    precision: Precision = "float32",
    device: str | torch.device = "auto",
) -> Backbone:
    """A network with ψ's layers. VGG-19's weights ``"auto"`` are Oxford's, for which the package's ψ was trained.

    Args:
        backbone: a name out of `dsd.BACKBONES`.
        weights: ``"auto"``, ``"random"`` or a file.
        precision: ``"float32"`` or ``"bfloat16"``.
        device: ``"auto"`` is CUDA where there is one.

    Raises:
        FileNotFoundError: no such weights; the message lists the ways.
        ValueError: an unknown name, or a network without these layers.
    """
    if backbone == "vgg19" and weights == "auto":
        weights = data_root() / "weights" / OXFORD_FILE
        if not weights.is_file():
            raise FileNotFoundError(
                f"Q_DSD's regressor for VGG-19 was trained for {OXFORD_FILE}, which is not in {weights.parent}. "
                "Any of these helps:\n"
                "  1. take the network that comes along: --backbone lite, in Python backbone='lite'\n"
                "  2. get that file: data/README.md says where it comes from\n"
                "  3. train a regressor for other weights: dsd train noref --weights FILE"
            )
    return load_backbone(backbone, LAYERS, weights, precision=precision, device=device)


def load_measures(backbone: Backbone, alphas: Sequence[float], regressors: Sequence[str | Path] = ()) -> list[QDSD]:
    """Q_DSD for each alpha, with the package's ψ or with files.

    Args:
        backbone: the network.
        alphas: scaling factors.
        regressors: a file for each of them, or none.

    Raises:
        ValueError: another number of files than of alphas.
    """
    if regressors and len(regressors) != len(alphas):
        raise ValueError(f"regressors must be a file for each of {len(alphas)} alphas, or none; got {len(regressors)}")
    files = regressors or ["auto"] * len(alphas)
    return [QDSD(backbone, alpha, regressor=file) for alpha, file in zip(alphas, files, strict=True)]


def _sum_of_windows(values: Tensor, count: int) -> Tensor:
    """Of `count` images, of which each window in turn has a row of values."""
    return values.unflatten(0, (-1, count)).sum(dim=0)


def _spans(length: int, window: int | None) -> list[tuple[int, int]]:
    """Where windows begin and end: as few as cover the length, evenly spaced."""
    side = min(length, window or length)
    count = math.ceil(length / side)
    starts = [round(k * (length - side) / max(1, count - 1)) for k in range(count)]
    return [(start, start + side) for start in starts]


def shipped(backbone: str, alpha: float) -> Path:
    """The package's ψ for a network and an alpha.

    Raises:
        FileNotFoundError: there is none; the message lists those that there are.
        ValueError: it is damaged.
    """
    path = Path(__file__).with_name(f"psi-{backbone}-alpha{alpha:g}.safetensors")
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("psi-*.safetensors")))
        raise FileNotFoundError(
            f"no regressor for {backbone} at alpha {alpha:g}; there are {known}. `dsd train noref` makes one"
        )
    if file_digest(path) != SHA256[path.stem]:
        raise ValueError(f"{path} is damaged: install dsd again")
    return path
