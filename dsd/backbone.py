"""VGG-19 (Simonyan & Zisserman, 2015) with named layers, stopping at the deepest one asked for; backbones by name."""

import hashlib
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import VGG19_Weights

from dsd.data import data_root
from dsd.frozen import Backbone, Precision, fill_randomly
from dsd.lite import VGG19Lite

Weights = str | Path | Mapping[str, Tensor]

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # channels and convolutions; pooling between blocks
CONVOLUTIONS = [(block, k) for block, (_, count) in enumerate(BLOCKS, 1) for k in range(1, count + 1)]
CHANNELS = [BLOCKS[block - 1][0] for block, _ in CONVOLUTIONS]
# Where torchvision's `features` keeps each convolution: a ReLU follows each of them, a pooling each block.
TORCHVISION_INDEX = [2 * i + block - 1 for i, (block, _) in enumerate(CONVOLUTIONS)]
LAYERS = (*(f"relu{block}_{k}" for block, k in CONVOLUTIONS), "conv5_4")

TORCHVISION_FILE = VGG19_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]
WEIGHT_FILES = (TORCHVISION_FILE, "vgg19-oxford-features.pth")  # looked for in this order


class VGG19(Backbone):
    """Activations of an ImageNet VGG-19 at named layers, for images in [0, 1].

    Args:
        layers: names out of `LAYERS` (``relu1_1 … relu5_4``, and ``conv5_4`` before its ReLU).
        weights: ``"auto"`` (the data root's ``weights/``, then torchvision's download cache, then its download),
            ``"random"`` (seeded; for tests, never for results), a file, or a state dict. Files and dicts have
            torchvision's keys ``features.N.weight/bias``; those of deeper layers may be missing.
        precision: as for :class:`dsd.frozen.Backbone`.

    Raises:
        ValueError: unknown layer or precision; a weight file that is damaged or not of this network.
        FileNotFoundError: no weights found; the message lists the ways to get them.

    Reference:
        Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014.

    Example:
        >>> network = VGG19(("relu1_2", "relu3_1"), weights="random")
        >>> {layer: tuple(f.shape) for layer, f in network(torch.rand(2, 3, 32, 32)).items()}
        {'relu1_2': (2, 64, 32, 32), 'relu3_1': (2, 256, 8, 8)}
    """

    NAME = "vgg19"
    LAYERS = LAYERS

    def __init__(self, layers: Sequence[str], weights: Weights = "auto", *, precision: Precision = "float32") -> None:
        super().__init__(layers, precision)
        depth = 1 + max(convolution_index(layer) for layer in layers)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, kernel_size=3, padding=1)
            for inputs, outputs in zip([3, *CHANNELS], CHANNELS[:depth], strict=False)
        )
        self.weights_name, self.weights_sha256 = _load(self.convolutions, weights)
        self.freeze()

    def activations(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Each of `self.layers` and its features (N, C, H', W'), as they are computed from normalised images."""
        for (block, k), convolution in zip(CONVOLUTIONS, self.convolutions, strict=False):
            if k == 1 and block > 1:
                x = F.max_pool2d(x, 2)
            if (block, k) != (1, 1):
                x = x.relu_()  # after the pooling, with which it commutes, there is a quarter of the work left
            x = convolution(x)
            if (layer := f"conv{block}_{k}") in self.layers:
                yield layer, x
            if (layer := f"relu{block}_{k}") in self.layers:
                yield layer, x.relu()


BACKBONES: dict[str, Callable[..., Backbone]] = {network.NAME: network for network in (VGG19, VGG19Lite)}


def load_backbone(
    backbone: str,
    layers: Sequence[str],
    weights: Weights = "auto",
    *,
    precision: Precision = "float32",
    device: str = "auto",
) -> Backbone:
    """Make a backbone by its name, as figures and command lines ask for it.

    Args:
        backbone: a name out of `BACKBONES`.
        layers: as for :class:`VGG19`.
        weights: as for :class:`VGG19`, or :class:`dsd.lite.VGG19Lite`.
        precision: as for :class:`VGG19`.
        device: where it goes; ``"auto"`` is CUDA where there is one, else the CPU.

    Raises:
        ValueError: unknown backbone or device; the message lists the valid ones.

    Example:
        >>> load_backbone("vgg19", ("relu1_2",), weights="random").layers
        ('relu1_2',)
    """
    if backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {backbone!r}; valid ones: {', '.join(BACKBONES)}")
    return BACKBONES[backbone](layers, weights, precision=precision).to(find_device(device))


def find_device(device: str) -> str:
    """``"auto"`` is CUDA where there is one, else the CPU.

    Raises:
        ValueError: no such kind of device, or CUDA where there is none.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.split(":")[0] not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device must be auto, cpu, cuda or mps, got {device!r}")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device {device!r} was asked for, but there is no CUDA GPU")
    return device


def convolution_index(layer: str) -> int:
    """Index, among the 16 convolutions, of the one that a layer needs last."""
    block, k = map(int, layer[-3:].split("_"))
    return CONVOLUTIONS.index((block, k))


def _load(convolutions: nn.ModuleList, weights: Weights) -> tuple[str, str]:
    """Fill the convolutions and tell what with: (name, SHA-256)."""
    if isinstance(weights, Mapping):
        _fill(convolutions, weights, "the state dict")
        return "state dict", "not from a file"
    if weights == "random":
        fill_randomly(convolutions)
        return "random", "random"
    path = find_weights() if weights == "auto" else Path(weights)
    state, digest = read_state(path)
    _fill(convolutions, state, str(path))
    return path.name, digest


def read_state(path: Path) -> tuple[Mapping[str, Tensor], str]:
    """A weight file's state dict, and its SHA-256.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or holds no state dict.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no weight file at {path}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if (expected := _hash_in_name(path.name)) and not digest.startswith(expected):
        raise ValueError(f"{path} is damaged: its SHA-256 begins with {digest[:8]}, its name says {expected}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is not a readable weight file (truncated, or no PyTorch state dict)") from error
    if not isinstance(state, Mapping):
        raise ValueError(f"{path} must hold a state dict, got {type(state).__name__}")
    return state, digest


def _hash_in_name(name: str) -> str | None:
    """torchvision's convention: a name ends in the first digits of the file's SHA-256, vgg19-dcbb9e9d.pth."""
    match = re.search(r"-([0-9a-f]{8})\.pth$", name)
    return match[1] if match else None


def _fill(convolutions: nn.ModuleList, state: Mapping[str, Tensor], source: str) -> None:
    """Copy torchvision's `features.N.weight/bias`, refusing another network's."""
    valid = {f"features.{index}.{part}" for index in TORCHVISION_INDEX for part in ("weight", "bias")}
    if foreign := sorted(key for key in state if str(key).startswith("features.") and key not in valid):
        raise ValueError(f"{source} is not a VGG-19: it holds {', '.join(foreign[:3])}, which VGG-19 has not")
    for index, convolution, place in zip(TORCHVISION_INDEX, convolutions, CONVOLUTIONS, strict=False):
        for part, parameter in convolution.named_parameters():
            key = f"features.{index}.{part}"
            name = "conv{}_{}".format(*place)
            if key not in state:
                raise ValueError(f"{source} lacks {key} ({name}), which the layers asked for need")
            value = state[key]
            if value.shape != parameter.shape:
                raise ValueError(
                    f"{source} has {key} ({name}) of shape {tuple(value.shape)}, VGG-19 has {tuple(parameter.shape)}"
                )
            if not value.isfinite().all():
                raise ValueError(f"{source} has NaN or infinite values in {key} ({name})")
            parameter.data.copy_(value)


def find_weights(names: Sequence[str] = WEIGHT_FILES) -> Path:
    """The data root's file, else torchvision's, downloaded with a progress bar and checked by hash when not there.

    Args:
        names: of files under the data root's ``weights/`` that will do, the best first.

    Raises:
        FileNotFoundError: nowhere to be had; the message lists the ways to get them.
    """
    for name in names:
        if (path := data_root() / "weights" / name).is_file():
            return path
    path = Path(torch.hub.get_dir()) / "checkpoints" / TORCHVISION_FILE  # where torchvision itself keeps it
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(VGG19_Weights.IMAGENET1K_V1.url, str(path), _hash_in_name(path.name))
        except (OSError, HTTPException, RuntimeError) as error:  # no network; a proxy's page; a cut download
            raise FileNotFoundError(
                f"no VGG-19 weights found, and torchvision's could not be downloaded ({error}). Any of these helps:\n"
                f"  1. put {' or '.join(names)} into {data_root() / 'weights'}\n"
                "  2. name the folder that holds weights/: DSD_DATA=folder, or make … DATA=folder\n"
                "  3. name the file: weights=path, or make … WEIGHTS=path\n"
                f"  4. on a machine with network, torchvision downloads it to {path.parent}\n"
                "data/README.md says where the files come from."
            ) from error
    return path
