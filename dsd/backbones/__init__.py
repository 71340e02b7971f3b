"""Backbones by name. A further one: its class, and a line here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # names are known to the command line before torch is imported
    import torch

    from dsd.backbones.base import Backbone, Precision

BACKBONES = {
    "vgg19": "dsd.backbones.vgg19:VGG19",
    "lite": "dsd.backbones.lite:VGG19Lite",
    "alexnet": "dsd.backbones.torchvision:AlexNet",
    "squeezenet": "dsd.backbones.torchvision:SqueezeNet",
}
PAPER_LAYERS = ("relu2_1", "relu2_2", "relu3_1")  # summed in the paper's Figs. 4 and 7


def load_backbone(
    backbone: str,
    layers: Sequence[str] = PAPER_LAYERS,
    weights: "str | Path | Mapping[str, torch.Tensor]" = "auto",
    *,
    precision: "Precision" = "float32",
    device: "str | torch.device" = "auto",
) -> "Backbone":
    """Make a backbone by its name, as figures and command lines ask for it.

    Args:
        backbone: a name out of `BACKBONES`.
        layers: names of the network's layers.
        weights: ``"auto"`` (those of the package or the data root, else torchvision's download), ``"random"`` (seeded;
            for tests), a file, or a state dict.
        precision: ``"float32"`` or ``"bfloat16"``, as for :class:`dsd.backbones.base.Backbone`.
        device: where it goes; ``"auto"`` is CUDA where there is one, else the CPU.

    Returns:
        The network, frozen.

    Raises:
        ValueError: unknown backbone, layer, precision or device; the message lists the valid ones. Damaged weights.
        FileNotFoundError: no weights found; the message lists the ways to get them.

    Example:
        >>> load_backbone("lite", ("relu1_2",)).layers
        ('relu1_2',)
    """
    if backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {backbone!r}; valid ones: {', '.join(BACKBONES)}")
    return resolve_name(BACKBONES[backbone])(layers, weights, precision=precision).to(find_device(device))


def find_device(device: "str | torch.device") -> str:
    """``"auto"`` is CUDA where there is one, else the CPU.

    Raises:
        ValueError: no such device here.
    """
    import torch

    device = str(device)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind = device.split(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device must be auto, cpu, cuda or mps, got {device!r}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {device!r} was asked for, but there is no CUDA GPU")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {device!r} was asked for, but there is no Apple GPU")
    return device
