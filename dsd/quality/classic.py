"""The customary full-reference measures, torchmetrics': each a function of the device that makes (x, y) → (N,)."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

Score = Callable[[Tensor, Tensor], Tensor]


def psnr(device: torch.device) -> Score:
    """Peak signal-to-noise ratio in dB."""
    return partial(peak_signal_noise_ratio, data_range=1.0, reduction="none", dim=(1, 2, 3))


def ssim(device: torch.device) -> Score:
    """Structural similarity."""
    return _ssim


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    similarity = structural_similarity_index_measure(x, y, data_range=1.0, reduction="none")
    assert isinstance(similarity, Tensor)  # and not, as on request, a pair with the full image
    return similarity.reshape(len(x))


def ms_ssim(device: torch.device) -> Score:
    """Multi-scale structural similarity, of images of at least 176×176 pixels."""
    return _ms_ssim


def _ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    if min(x.shape[2:]) < 176:  # torchmetrics wants more than 10 pixels, rounded down, at 1/16
        raise ValueError(f"MS-SSIM's five scales need images of at least 176×176 pixels, got {tuple(x.shape[2:])}")
    return multiscale_structural_similarity_index_measure(x, y, data_range=1.0, reduction="none").reshape(len(x))
