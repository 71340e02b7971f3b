"""A backbone of any torch module."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from dsd.backbones.base import IMAGENET_MEAN, IMAGENET_STD, Backbone, Precision
from dsd.checks import check_integer, is_number


class FeatureExtractor(Backbone):
    """Outputs of submodules of a network, for images in [0, 1]. The network is copied, and the copy frozen.

    Of a submodule that runs several times its first call counts. All features of a pass are in memory together.

    Args:
        module: takes images (N, 3, H, W), normalised with `mean` and `std`; modules named in `strides` return features
            (N, C, H', W').
        strides: {path of a submodule, as ``module.named_modules()`` has it: pixels between its positions}, in the order
            in which they run.
        layers: names out of `strides`; None: all.
        name: what figures call it.
        smallest: shortest side in pixels of an image that the module takes; None: the largest stride.
        mean: of R, G and B, subtracted from images; the default is ImageNet's.
        std: of R, G and B, by which they are divided.
        precision: ``"float32"`` (the numbers to cite) or ``"bfloat16"`` (faster on GPUs, and on CPUs that have it).

    Raises:
        TypeError: `module` is no module, or `strides` no mapping.
        ValueError: a path that the module has not; unknown layer or precision; a number that is not what it must be.

    Example:
        >>> module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        >>> network = FeatureExtractor(module, {"1": 1, "2": 2})
        >>> {layer: tuple(f.shape) for layer, f in network(torch.rand(2, 3, 32, 32)).items()}
        {'1': (2, 8, 32, 32), '2': (2, 8, 16, 16)}
    """

    def __init__(
        self,
        module: nn.Module,
        strides: Mapping[str, int],
        layers: Sequence[str] | None = None,
        *,
        name: str = "custom",
        smallest: int | None = None,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        precision: Precision = "float32",
    ) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
        if not isinstance(strides, Mapping):
            raise TypeError(f"strides must be a mapping of submodules to pixels, got {type(strides).__name__}")
        for layer, stride in strides.items():
            check_integer(stride, f"the stride of {layer}", 1)
        if smallest is not None:
            check_integer(smallest, "smallest", 1)
        for argument, values in (("mean", mean), ("std", std)):
            if not isinstance(values, Sequence) or len(values) != 3 or not all(map(is_number, values)):
                raise ValueError(f"{argument} must be three numbers, of R, G and B; got {values!r}")
        paths = dict(module.named_modules())
        if unknown := [layer for layer in strides if layer not in paths]:
            children = ", ".join(name for name, _ in module.named_children())
            has = f"{type(module).__name__} has no submodule {', '.join(map(str, unknown))}"
            raise ValueError(f"{has}; it has {children}, and theirs")
        self.backbone_name = name
        self.strides = dict(strides)
        super().__init__(tuple(strides) if layers is None else layers, precision)
        self.smallest = smallest or self.smallest
        self.mean.copy_(torch.tensor(mean)[:, None, None])
        self.std.copy_(torch.tensor(std)[:, None, None])
        self.module = deepcopy(module)
        self.weights_name, self.weights_sha256 = f"of a {type(module).__name__}", "not from a file"
        self.freeze()
        self.padding = "the module's own"
        self.to(next(self.module.parameters(), self.mean).device)

    def activations(self, x: Tensor, layers: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        """Each of `layers` and its features, as the module returns them; it stops when it has them all.

        Raises:
            ValueError: a submodule did not run, or did not return one tensor (N, C, H', W').
        """
        features: dict[str, Tensor] = {}

        def keep(layer: str, output: Any) -> None:
            if not isinstance(output, Tensor) or output.ndim != 4:
                got = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
                raise ValueError(f"{layer} must return features (N, C, H', W'), got {got}")
            if layer not in features:
                features[layer] = output.clone()  # a ReLU in place may follow
            if len(features) == len(layers):
                raise _Complete

        hooks = [
            self.module.get_submodule(layer).register_forward_hook(lambda *io, layer=layer: keep(layer, io[2]))
            for layer in layers
        ]
        try:
            self.module(x)
        except _Complete:
            pass
        finally:
            for hook in hooks:
                hook.remove()
        if silent := [layer for layer in layers if layer not in features]:
            raise ValueError(f"{', '.join(silent)} did not run when the module was called")
        yield from features.items()


class _Complete(Exception):  # noqa: N818 (no error)
    """All features are there."""
