"""Backbones by name. A further one: its class, and a line here."""

import re
from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from dsd.paper import FIG4

if TYPE_CHECKING:  # names are known to the command line before torch is imported
    import torch

    from dsd.backbones.base import Backbone, Padding, Precision

BACKBONES = {
    "vgg19": "dsd.backbones.vgg19:VGG19",
    "lite": "dsd.backbones.lite:VGG19Lite",
    "alexnet": "dsd.backbones.torchvision:AlexNet",
    "squeezenet": "dsd.backbones.torchvision:SqueezeNet",
    "vgg16": "dsd.backbones.torchvision:VGG16",
}
PAPER_LAYERS = tuple(FIG4["layers"])  # summed in the paper's Figs. 4 and 7


def load_backbone(
    backbone: str,
    layers: Sequence[str] | None = None,
    weights: "str | Path | Mapping[str, torch.Tensor]" = "auto",
    *,
    precision: "Precision" = "float32",
    padding: "Padding" = "zeros",
    device: "str | torch.device" = "auto",
) -> "Backbone":
    """Make a backbone by its name, as figures and command lines ask for it.

    Args:
        backbone: a name out of `BACKBONES`.
        layers: names of the network's layers. None: ReLU2_1, 2_2 and 3_1, the paper's; all of a network without those.
        weights: ``"auto"`` (those of the package or the data root, else torchvision's download), ``"random"`` (seeded;
            for tests; ``"random-1"`` has another seed), a file, or a state dict.
        precision: ``"float32"`` (the numbers to cite) or ``"bfloat16"`` (faster on GPUs, and on CPUs that have it).
        padding: what convolutions see beyond the border: ``"zeros"`` (the paper's), ``"reflect"`` (the mirror image) or
            ``"replicate"`` (the last pixel). A choice that vgg19 and lite have.
        device: where it goes; ``"auto"`` is CUDA where there is one, else the CPU.

    Returns:
        The network, frozen.

    Raises:
        ValueError: unknown backbone, layer, precision, padding or device; the message lists the valid ones. A backbone
            whose padding can't be chosen. Damaged weights.
        FileNotFoundError: no weights found; the message lists the ways to get them.

    Example:
        >>> load_backbone("lite", ("relu1_2",)).layers
        ('relu1_2',)
    """
    check_backbone(backbone)
    layers = available_layers(backbone, PAPER_LAYERS) if layers is None else layers
    network = resolve_name(BACKBONES[backbone])
    options = {} if isinstance(padding, str) and padding == "zeros" else {"padding": padding}
    if not options.keys() <= signature(network).parameters.keys():
        raise ValueError(f"{backbone} has no choice of padding, got padding={padding!r}")
    return network(layers, weights, precision=precision, **options).to(find_device(device))


def available_layers(backbone: str, layers: Sequence[str]) -> tuple[str, ...]:
    """Those layers, or all of a network that has not all of them.

    Raises:
        ValueError: unknown backbone.
    """
    check_backbone(backbone)
    strides = resolve_name(BACKBONES[backbone]).strides
    return tuple(layers if strides.keys() >= set(layers) else strides)


def random_seed(weights: object) -> int | None:
    """The seed that ``"random"`` (0) or ``"random-1"`` stands for; None of weights that are not random.

    Example:
        >>> random_seed("random"), random_seed("random-3"), random_seed("auto")
        (0, 3, None)
    """
    written = re.fullmatch(r"random(?:-(\d+))?", weights) if isinstance(weights, str) else None
    return int(written[1] or 0) if written else None


def check_backbone(backbone: str) -> None:
    """Refuse names of no backbone.

    Raises:
        ValueError: an unknown one; the message lists the valid ones.
    """
    if not isinstance(backbone, str) or backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {backbone!r}; valid ones: {', '.join(BACKBONES)}")


def find_device(device: "str | torch.device") -> str:
    """``"auto"`` is CUDA where there is one, else the CPU.

    Raises:
        ValueError: no such device here.
    """
    device = str(device)
    check_device(device)
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind = device.split(":")[0]
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {device!r} was asked for, but there is no CUDA GPU")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError(f"device {device!r} was asked for, but there is no Apple GPU")
    if kind == "cuda" and (torch.device(device).index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {device!r} was asked for, but there are {torch.cuda.device_count()} CUDA GPUs")
    return device


def check_device(device: str) -> None:
    """Refuse what is no kind of device, wherever this is run.

    Raises:
        ValueError: another word.
    """
    if not re.fullmatch(r"auto|(cpu|cuda|mps)(:\d{1,2})?", device):
        raise ValueError(f"device must be auto, cpu, cuda or mps, got {device!r}")
