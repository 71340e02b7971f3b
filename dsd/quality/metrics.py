"""Every measure by name: with a reference, and without. A further one: its function, loss or module, and an entry here.

Names and what they stand for are known to the command line before torch is imported.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from dsd.backbones import PAPER_LAYERS
from dsd.paper import NO_REFERENCE as _SETTINGS


@dataclass(frozen=True)
class MetricInfo:
    """What is known of a measure by its name."""

    summary: str
    """One line: what it is."""
    reference: str
    """The paper it is from."""
    make: str
    """``module:name`` of a loss on features; without `layers`, of device → (distorted, reference) → (N,). Of a measure
    without a reference, of a module: images → (N,)."""
    layers: Sequence[str] = ()
    """The loss's layers, where nothing else is said."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the loss: what makes the measure what it is called."""
    alphas: Sequence[float] = ()
    """The loss's scaling factors, where they can be changed."""
    higher_is_better: bool = False
    range: tuple[float, float] = (0, inf)
    """The lowest and the highest value that there can be."""


_DSD = "Kligvasser et al., Deep self-dissimilarities as powerful visual fingerprints, NeurIPS 2021"
_LPIPS = "Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018"

METRICS: Mapping[str, MetricInfo] = {
    "dsd": MetricInfo(
        "L_DSD (Eq. 4), alpha 2, ReLU2_1 + 2_2 + 3_1: difference of deep self-dissimilarities",
        _DSD,
        "dsd.losses:DSDLoss",
        PAPER_LAYERS,
        alphas=(2,),
    ),
    "dsd4": MetricInfo(
        "L_DSD with alpha 4, same layers as dsd", _DSD, "dsd.losses:DSDLoss", PAPER_LAYERS, {"alphas": (4,)}
    ),
    "style": MetricInfo(
        "difference of Gram matrices, same layers (Gatys et al.)",
        "Gatys et al., Image style transfer using convolutional neural networks, CVPR 2016",
        "dsd.losses:StyleLoss",
        PAPER_LAYERS,
    ),
    "mss": MetricInfo("style at full and half resolution", _DSD, "dsd.losses:MultiScaleStyleLoss", PAPER_LAYERS),
    "perceptual": MetricInfo(
        "mean absolute difference of features, same layers (Johnson et al.)",
        "Johnson et al., Perceptual losses for real-time style transfer and super-resolution, ECCV 2016",
        "dsd.losses:PerceptualLoss",
        PAPER_LAYERS,
    ),
    "pdl": MetricInfo(
        "Wasserstein distance of each channel, same layers (Delbracio et al.)",
        "Delbracio et al., Projected distribution loss for image enhancement, 2020",
        "dsd.losses:PDLLoss",
        PAPER_LAYERS,
    ),
    "contextual": MetricInfo(
        "contextual loss at ReLU3_1 (Mechrez et al.); slow on large images",
        "Mechrez et al., The contextual loss for image transformation with non-aligned data, ECCV 2018",
        "dsd.losses:ContextualLoss",
        ("relu3_1",),
    ),
    "psnr": MetricInfo(
        "peak signal-to-noise ratio, dB (torchmetrics)",
        "Huynh-Thu & Ghanbari, Scope of validity of PSNR in image/video quality assessment, 2008",
        "dsd.quality.classic:psnr",
        higher_is_better=True,
    ),
    "ssim": MetricInfo(
        "structural similarity (torchmetrics)",
        "Wang et al., Image quality assessment: from error visibility to structural similarity, TIP 2004",
        "dsd.quality.classic:ssim",
        higher_is_better=True,
        range=(-1, 1),
    ),
    "ms-ssim": MetricInfo(
        "multi-scale structural similarity (torchmetrics)",
        "Wang et al., Multiscale structural similarity for image quality assessment, Asilomar 2003",
        "dsd.quality.classic:ms_ssim",
        higher_is_better=True,
        range=(0, 1),
    ),
    "lpips": MetricInfo("LPIPS 0.1 with AlexNet, its usual form", _LPIPS, "dsd.quality.lpips:on_alexnet"),
    "lpips-squeeze": MetricInfo("LPIPS 0.1 with SqueezeNet", _LPIPS, "dsd.quality.lpips:on_squeezenet"),
    "lpips-vgg": MetricInfo("LPIPS 0.1 with VGG-16", _LPIPS, "dsd.quality.lpips:on_vgg16"),
}

NO_REFERENCE: Mapping[str, MetricInfo] = {
    "q_dsd": MetricInfo(
        "Q_DSD (Eq. 5), alpha 2: how far ‖DSD‖ is from what the downscaled image lets expect",
        _DSD,
        "dsd.noref.q_dsd:QDSD",
        _SETTINGS["layers"],
        {"alpha": 2},
    ),
    "q_dsd4": MetricInfo("Q_DSD with alpha 4", _DSD, "dsd.noref.q_dsd:QDSD", _SETTINGS["layers"], {"alpha": 4}),
    "niqe": MetricInfo(
        "NIQE, the release's: distance from the statistics of natural photographs",
        "Mittal et al., Making a completely blind image quality analyzer, SPL 2013",
        "dsd.quality.niqe:NIQE",
    ),
    "brisque": MetricInfo(
        "BRISQUE, the release's: those statistics, and what people said of LIVE's images",
        "Mittal et al., No-reference image quality assessment in the spatial domain, TIP 2012",
        "dsd.quality.brisque:BRISQUE",
        range=(-inf, inf),
    ),
}

LEARNED = MetricInfo("weights of channels that `dsd train lpips` learned", _LPIPS, "dsd.quality.learned:load_distance")


def find_metric(name: str) -> MetricInfo:
    """What is known of a measure: by its name, or, of a learned one, by its file's, which ends in .safetensors."""
    return LEARNED if _is_file(name) else {**METRICS, **NO_REFERENCE}[name]


def _is_file(name: object) -> bool:
    return isinstance(name, str) and name.endswith(".safetensors")


def list_metrics() -> list[str]:
    """Names that :func:`dsd.create_metric` takes: measures with a reference first, then those without.

    Example:
        >>> list_metrics()[:3], list_metrics()[-1]
        (['dsd', 'dsd4', 'style'], 'brisque')
    """
    return [*METRICS, *NO_REFERENCE]


def check_applicable(names: Sequence[str], layers: str | None, alphas: str | None) -> None:
    """Refuse layers where no measure has any, and alphas where no measure's can be changed.

    Args:
        names: of measures.
        layers: how the caller was given layers, for the message; None: not at all.
        alphas: how it was given alphas, likewise.

    Raises:
        ValueError: an option that no measure has a use for.
    """
    if layers is not None and not any(find_metric(name).layers for name in names):
        raise ValueError(f"none of {', '.join(names)} has layers, got {layers}")
    if alphas is not None and not any(find_metric(name).alphas for name in names):
        raise ValueError(f"none of {', '.join(names)} has alphas that can be changed, got {alphas}")


def check_names(names: Sequence[str], valid: Mapping[str, MetricInfo] = METRICS) -> None:
    """Refuse names of no measure, or of none of this kind.

    Args:
        names: of measures; files of learned ones, which have a reference.
        valid: `METRICS`, which have a reference, or `NO_REFERENCE`.

    Raises:
        ValueError: an unknown one, or one of the other kind; the message lists the valid ones.
    """
    if unknown := [str(name) for name in names if not _is_file(name) and name not in list_metrics()]:
        raise ValueError(
            f"unknown metric {', '.join(unknown)}; valid ones: {', '.join(list_metrics())}, or a .safetensors file of "
            "`dsd train lpips`"
        )
    if others := [name for name in names if name not in valid and not (valid is METRICS and _is_file(name))]:
        use = "no reference" if valid is METRICS else "a reference"
        raise ValueError(f"{', '.join(others)} takes {use}; with these images only {', '.join(valid)} can be used")
