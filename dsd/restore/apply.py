"""A trained network on whole images of any size, tile by tile."""

from itertools import product

import torch
from torch import Tensor

from dsd.checks import check_images, check_integer
from dsd.precision import full_precision
from dsd.restore.networks import SRResNet


def restore(network: SRResNet, x: Tensor, *, tile: int | None = 256) -> Tensor:
    """Restore images tile by tile, so that memory hardly grows with them: clip(network(x), 0, 1).

    Each tile is restored together with all around it that its pixels depend on (``network.reach``), so there are no
    seams: the result is that of the whole image, up to float32's rounding (1e-5). Convolutions pad with zeros at the
    image's border, and nowhere else that can be seen. One image after another, in full float32, without gradients.

    Args:
        network: from :func:`dsd.restore.model.load_model`, or in training.
        x: degraded images, float (N, 3, H, W) in [0, 1], of any size. They may be on another device than the network:
            tiles go there one by one.
        tile: side of a tile, in pixels of `x`. A smaller one needs less memory and more time. None: the whole image.

    Returns:
        (N, 3, s·H, s·W) in [0, 1], in the network's dtype, on the device of `x`.

    Raises:
        TypeError: `x` is no tensor.
        ValueError: `x` is no such batch; `tile` is no integer from 1.

    Example:
        >>> network = SRResNet(blocks=1, scale=4)
        >>> restore(network, torch.rand(1, 3, 20, 30), tile=16).shape
        torch.Size([1, 3, 80, 120])
    """
    check_images(x, "x")
    height, width = x.shape[2:]
    side = max(height, width) if tile is None else check_integer(tile, "tile", 1)
    corners = list(product(range(0, height, side), range(0, width, side)))
    parameter, scale, reach = next(network.parameters()), network.scale, network.reach
    restored = x.new_empty((len(x), 3, scale * height, scale * width), dtype=parameter.dtype)
    with torch.no_grad(), full_precision():
        for image, result in zip(x, restored, strict=True):
            for top, left in corners:
                bottom, right = min(top + side, height), min(left + side, width)
                above, before = min(top, reach), min(left, reach)  # less at the border: the network pads there itself
                around = image[None, :, top - above : bottom + reach, left - before : right + reach]
                y = network(around.to(parameter))[0, :, scale * above :, scale * before :]
                part = result[:, scale * top : scale * bottom, scale * left : scale * right]
                part.copy_(y[:, : part.shape[1], : part.shape[2]].clamp(0, 1))
    return restored
