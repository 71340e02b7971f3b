from .attribution import dsd_attribution
from .backbones import BACKBONES, load_backbone
from .backbones.any import FeatureExtractor
from .backbones.lite import VGG19Lite
from .backbones.torchvision import AlexNet, SqueezeNet
from .backbones.vgg19 import LAYERS, VGG19
from .data.images import load_image
from .descriptor import dsd_matrices, dsd_norm, gram_matrices
from .gram import gram_matrix, l1_norm, patch_gram
from .losses import (
    ContextualLoss,
    DSDLoss,
    DSDPyramidLoss,
    LossSum,
    MultiScaleStyleLoss,
    PDLLoss,
    PerceptualLoss,
    StyleLoss,
)
from .noref.q_dsd import QDSD
from .precision import full_precision
from .quality.accumulated import ImageMetric
from .quality.brisque import BRISQUE
from .quality.metrics import list_metrics
from .quality.niqe import NIQE
from .quality.norms import norms
from .quality.scoring import create_metric
from .resize import downscale
from .restore.degrade import low_resolution

__version__: str
__all__ = [
    "BACKBONES",
    "BRISQUE",
    "LAYERS",
    "NIQE",
    "QDSD",
    "VGG19",
    "AlexNet",
    "ContextualLoss",
    "DSDLoss",
    "DSDPyramidLoss",
    "FeatureExtractor",
    "ImageMetric",
    "LossSum",
    "MultiScaleStyleLoss",
    "PDLLoss",
    "PerceptualLoss",
    "SqueezeNet",
    "StyleLoss",
    "VGG19Lite",
    "create_metric",
    "downscale",
    "dsd_attribution",
    "dsd_matrices",
    "dsd_norm",
    "full_precision",
    "gram_matrices",
    "gram_matrix",
    "l1_norm",
    "list_metrics",
    "load_backbone",
    "load_image",
    "low_resolution",
    "norms",
    "patch_gram",
]
