"""Every full-reference measure by name: the paper's on deep features, and the customary ones from torchmetrics."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dsd import losses, paper
from dsd.backbone import load_backbone

Score = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Metric:
    """A full-reference measure that can be asked for by name."""

    summary: str
    """One line: what it is and where it comes from."""
    make: Callable[..., Score]
    """(backbone=…, weights=…, precision=…, device=…) → a function of distorted and reference images, (N,)."""
    higher_is_better: bool = False


def _on_features(loss: type[losses.FeatureLoss], layers: list[str], **options: Any) -> Callable[..., Score]:
    """Maker of a measure on deep features: smaller is better."""

    def make(**backbone: Any) -> Score:
        return loss(load_backbone(layers=layers, **backbone), reduction="none", **options)

    return make


def _without_backbone(score: Score) -> Callable[..., Score]:
    """Maker of a measure that needs no network of ours."""
    return lambda **_: score


def _psnr(x: Tensor, y: Tensor) -> Tensor:
    from torchmetrics.functional.image import peak_signal_noise_ratio

    return peak_signal_noise_ratio(x, y, data_range=1.0, reduction="none", dim=(1, 2, 3))


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    from torchmetrics.functional.image import structural_similarity_index_measure

    similarity = structural_similarity_index_measure(x, y, data_range=1.0, reduction="none")
    assert isinstance(similarity, Tensor)  # and not, as on request, a pair with the full image
    return similarity.reshape(len(x))


def _ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    if min(x.shape[2:]) <= 160:
        raise ValueError(f"MS-SSIM's five scales need images of at least 161×161 pixels, got {tuple(x.shape[2:])}")
    return multiscale_structural_similarity_index_measure(x, y, data_range=1.0, reduction="none").reshape(len(x))


def _lpips(device: str = "auto", **_: Any) -> Score:
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    try:
        network = LearnedPerceptualImagePatchSimilarity("alex", normalize=True).net
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise FileNotFoundError(
            f"LPIPS needs torchvision's AlexNet, which is not in its cache and could not be downloaded ({error}). "
            "data/README.md says where the file goes"
        ) from error
    return lambda x, y: network(x, y, normalize=True).reshape(len(x))


DSD_LAYERS = paper.FIG4["layers"]  # the three layers that the paper sums in Figs. 4 and 7

METRICS: Mapping[str, Metric] = {
    "dsd": Metric(
        "L_DSD (Eq. 4), alpha 2, ReLU2_1 + 2_2 + 3_1: difference of deep self-dissimilarities",
        _on_features(losses.DSDLoss, DSD_LAYERS, alphas=(2,)),
    ),
    "dsd4": Metric("the same with alpha 4", _on_features(losses.DSDLoss, DSD_LAYERS, alphas=(4,))),
    "style": Metric(
        "difference of Gram matrices, same layers (Gatys et al.)", _on_features(losses.StyleLoss, DSD_LAYERS)
    ),
    "mss": Metric("style at full and half resolution", _on_features(losses.MultiScaleStyleLoss, DSD_LAYERS)),
    "perceptual": Metric(
        "mean absolute difference of features, same layers (Johnson et al.)",
        _on_features(losses.PerceptualLoss, DSD_LAYERS),
    ),
    "pdl": Metric(
        "Wasserstein distance of each channel, same layers (Delbracio et al.)", _on_features(losses.PDLLoss, DSD_LAYERS)
    ),
    "contextual": Metric(
        "contextual loss at ReLU3_1 (Mechrez et al.); slow on large images",
        _on_features(losses.ContextualLoss, ["relu3_1"], bandwidth=paper.CONTEXTUAL["bandwidth"]),
    ),
    "psnr": Metric("peak signal-to-noise ratio, dB (torchmetrics)", _without_backbone(_psnr), higher_is_better=True),
    "ssim": Metric("structural similarity (torchmetrics)", _without_backbone(_ssim), higher_is_better=True),
    "ms-ssim": Metric("multi-scale structural similarity (torchmetrics)", _without_backbone(_ms_ssim), True),
    "lpips": Metric("LPIPS 0.1, AlexNet (torchmetrics; needs torchvision's AlexNet)", _lpips),
}
