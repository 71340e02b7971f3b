"""Full-reference measures on deep features: perceptual, style, multi-scale style, PDL, contextual, DSD (Eq. 4)."""

from dsd.losses.features import ContextualLoss, PDLLoss, PerceptualLoss, pdl, perceptual
from dsd.losses.grams import DSDLoss, DSDPyramidLoss, MultiScaleStyleLoss, StyleLoss, style
from dsd.losses.total import LossSum

__all__ = [
    "ContextualLoss",
    "DSDLoss",
    "DSDPyramidLoss",
    "LossSum",
    "MultiScaleStyleLoss",
    "PDLLoss",
    "PerceptualLoss",
    "StyleLoss",
    "pdl",
    "perceptual",
    "style",
]
