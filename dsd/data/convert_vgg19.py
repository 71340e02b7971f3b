"""VGG-19's weights as the Oxford group published them, brought into torchvision's form."""

from pathlib import Path

import torch
from torch import Tensor

from dsd.atomic import atomic_write
from dsd.backbones.base import IMAGENET_MEAN, IMAGENET_STD
from dsd.backbones.vgg19 import CONVOLUTIONS, TORCHVISION_INDEX
from dsd.data.caffe import read_caffe_model

OXFORD_MEAN = (123.68, 116.779, 103.939)
"""What Oxford's network subtracts from values to 255: red, green, blue."""
OXFORD_SCALE = 57.375
"""Oxford's activations over those of the converted network: 255 · 0.225, about the deviation that it divides by."""


def convert_vgg19(caffemodel: str | Path, out: str | Path) -> Path:
    """Convert the Oxford group's VGG-19 from Caffe to torchvision's names, input and scale.

    Caffe's network takes u = (B, G, R)·255 − Oxford's mean; torchvision's takes z = ((R, G, B) − m) / s with ImageNet's
    mean m and deviation s. Inside the image u = 255·s·z + (255·m − Oxford's mean), channel by channel, and the first
    convolution absorbs both: 255·s goes into its weights, the constant into its bias. All biases and the first weights
    are then divided by 57.375, which divides all activations by it: ReLU, pooling and convolutions without bias are
    proportional.

    This is exact (but for rounding) where no value depends on the border. There both networks pad with zeros, which in
    Caffe stands for Oxford's mean colour, here for ImageNet's. The two differ by less than half a grey level of 255
    (0.005, 0.499 and 0.409 in R, G and B), and so do what the outermost ring of conv1_1 sees beyond the image.

    conv4_1 and deeper are kept in float16, which halves the file. The classifier is left out.

    Args:
        caffemodel: ``VGG_ILSVRC_19_layers.caffemodel``.
        out: the state dict, ``features.N.weight`` and ``features.N.bias``; its folder is made if need be.

    Returns:
        `out`.

    Raises:
        FileNotFoundError: no such model.
        ValueError: it is damaged, or is no VGG-19.
    """
    layers = read_caffe_model(caffemodel)
    state: dict[str, Tensor] = {}
    inputs = 3
    for (block, k), index in zip(CONVOLUTIONS, TORCHVISION_INDEX, strict=True):
        name, key = f"conv{block}_{k}", f"features.{index}"
        if len(layers.get(name, [])) != 2:
            raise ValueError(f"{caffemodel} lacks weight and bias of {name}: it is no VGG-19")
        weight, bias = (torch.tensor(blob, dtype=torch.float64) for blob in layers[name])
        if weight.ndim != 4 or weight.shape[1:] != (inputs, 3, 3) or bias.numel() != len(weight):
            raise ValueError(
                f"{caffemodel} has {name} of shapes {tuple(weight.shape)} and {tuple(bias.shape)}: "
                f"(C, {inputs}, 3, 3) and C values are expected"
            )
        inputs, bias = len(weight), bias.flatten()
        if name == "conv1_1":
            weight, bias = _fold_input(weight, bias)
        dtype = torch.float16 if name >= "conv4_1" else torch.float32
        state |= {f"{key}.weight": weight.to(dtype), f"{key}.bias": (bias / OXFORD_SCALE).to(dtype)}
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as file:
        torch.save(state, file)
    return out


def _fold_input(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A first convolution of Oxford's input as one of torchvision's; its weight is divided by the scale, too."""
    mean, std = (255 * torch.tensor(values, dtype=torch.float64) for values in (IMAGENET_MEAN, IMAGENET_STD))
    weight = weight.flip(1)  # BGR → RGB
    constant = mean - torch.tensor(OXFORD_MEAN, dtype=torch.float64)
    bias = bias + weight.sum(dim=(2, 3)) @ constant
    return weight * std[:, None, None] / OXFORD_SCALE, bias
