"""Deep self-dissimilarities (DSD): images → features → Gram → difference between scales → a score."""

from dsd.backbone import LAYERS, VGG19, load_backbone
from dsd.data import load_image
from dsd.descriptor import downscale, dsd, dsd_norm, grams
from dsd.gram import gram, l1_norm, patch_gram
from dsd.lite import VGG19Lite
from dsd.losses import ContextualLoss, DSDLoss, DSDPyramidLoss, MultiScaleStyleLoss, PDLLoss, PerceptualLoss, StyleLoss

__version__ = "0.1.0"

__all__ = [
    "LAYERS",
    "VGG19",
    "ContextualLoss",
    "DSDLoss",
    "DSDPyramidLoss",
    "MultiScaleStyleLoss",
    "PDLLoss",
    "PerceptualLoss",
    "StyleLoss",
    "VGG19Lite",
    "downscale",
    "dsd",
    "dsd_norm",
    "gram",
    "grams",
    "l1_norm",
    "load_backbone",
    "load_image",
    "patch_gram",
]
