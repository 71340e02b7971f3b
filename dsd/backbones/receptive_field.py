"""How many pixels a layer sees: a depth that networks of different layers have in common."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from dsd.backbones.base import Backbone


def receptive_fields(backbone: Backbone) -> dict[str, int]:
    """The side of the square of pixels that a position of each layer sees, read from the network's operations.

    A convolution or pooling whose kernel has k positions, j pixels apart, adds (k − 1)·j pixels. Of branches that come
    together the widest counts. Positions near the border see fewer pixels, and padding.

    Args:
        backbone: of convolutions, poolings and what works place by place.

    Returns:
        {layer: pixels}, in the network's order.

    Raises:
        ValueError: an operation changes the size of features and is no convolution, no pooling and no padding.

    Reference:
        Araujo, Norris & Sim, "Computing receptive fields of convolutional neural networks", Distill 2019.

    Example:
        >>> from dsd import VGG19
        >>> receptive_fields(VGG19(("relu1_1", "relu1_2", "relu2_1", "relu3_1"), weights="random"))
        {'relu1_1': 3, 'relu1_2': 5, 'relu2_1': 10, 'relu3_1': 24}
    """
    x = torch.zeros(1, 3, backbone.smallest, backbone.smallest, device=backbone.device)
    with torch.no_grad(), _Watch() as watch:
        return backbone(x, lambda layer, features: watch.windows[features][0])


class _Watch(TorchDispatchMode):
    """Follows every tensor's window: how many pixels a position sees, and pixels from one position to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.windows = WeakTensorKeyDictionary()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        known = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor) and leaf in self.windows]
        fields, steps = zip(*(self.windows[tensor] for tensor in known), strict=True) if known else ((1,), (1,))
        names = (argument.name for argument in func._schema.arguments)
        window = _after(func.overloadpacket.__name__, dict(zip(names, args, strict=False)), max(fields), max(steps))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and tensor.ndim == 4:
                same = all(other.shape[2:] == tensor.shape[2:] for other in known)
                if window == (max(fields), max(steps)) and not same and "pad" not in func.overloadpacket.__name__:
                    raise ValueError(f"{func} changes the size of features: of it no receptive field is known")
                self.windows[tensor] = window
        return result


def _after(operation: str, arguments: Mapping[str, Any], field: int, step: int) -> tuple[int, int]:
    """The window after an operation, given that before it."""
    if operation == "convolution" and not arguments["transposed"]:
        size = arguments["weight"].shape[2]
    elif "pool" in operation and "adaptive" not in operation:
        size = arguments["kernel_size"][0]
    else:
        return field, step
    stride, dilation = (arguments.get(name) or fallback for name, fallback in (("stride", [size]), ("dilation", [1])))
    return field + (size - 1) * dilation[0] * step, step * stride[0]
