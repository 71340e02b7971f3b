"""The authors' way to Gram matrices: torchvision's VGG-19 cut after a ReLU, float32, NCHW, one scale a call."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision.models import vgg

from dsd import VGG19
from dsd.backbones.vgg19 import TORCHVISION_INDEX

TAPS = {"relu2_1": 6, "relu2_2": 8, "relu3_1": 11}  # where torchvision's `features` has them


def authors_grams(network: VGG19, layers: Sequence[str]) -> Callable[[Tensor], list[Tensor]]:
    """Images (N, 3, H, W) → one (N, C, C) for each layer, with the weights of `network`."""
    taps = [TAPS[layer] for layer in layers]
    features = vgg.make_layers(vgg.cfgs["E"])[: max(taps) + 1].requires_grad_(False).to(network.device)
    for index, convolution in zip(TORCHVISION_INDEX, network.convolutions, strict=False):
        features[index].load_state_dict(convolution.state_dict())

    def grams(x: Tensor) -> list[Tensor]:
        maps, found = (x - network.mean) / network.std, []
        for index, module in enumerate(features):
            maps = module(maps)
            if index in taps:
                samples, channels, height, width = maps.shape
                flat = maps.reshape(samples, channels, height * width)
                found.append(torch.bmm(flat, flat.transpose(1, 2)) / (channels * height * width))
        return found

    return grams
