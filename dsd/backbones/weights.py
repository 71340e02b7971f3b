"""One way to find a network's weights, to check them and to load them."""

import hashlib
import json
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from dsd.backbones import random_seed
from dsd.paths import data_root

Weights = str | Path | Mapping[str, Tensor]


def load_weights(
    parameters: Mapping[str, nn.Parameter],
    weights: Weights,
    *,
    network: str,
    files: Sequence[Path],
    torchvision: str | None = None,
    known: Collection[str] = (),
) -> tuple[str, str]:
    """Fill parameters, and tell what with.

    Args:
        parameters: by their keys in weight files.
        weights: ``"auto"``, ``"random"`` (seed 0), ``"random-1"`` (another seed), a file, or a state dict.
        network: its name, for messages.
        files: what ``"auto"`` takes: the first that is there, see :func:`find_weights`.
        torchvision: which weights are downloaded otherwise, ``"VGG19_Weights.IMAGENET1K_V1"``; None: none.
        known: further keys of this network, which a file may hold.

    Returns:
        The weights' name and SHA-256.

    Raises:
        TypeError: `weights` is something else.
        FileNotFoundError: no such file; none found.
        ValueError: the file is damaged or of another network.
    """
    if isinstance(weights, Mapping):
        fill(parameters, weights, "the state dict", network, known)
        return "state dict", "not from a file"
    if not isinstance(weights, str | Path):
        raise TypeError(
            f"weights must be 'auto', 'random', 'random-1', a file or a state dict, got {type(weights).__name__}"
        )
    if (seed := random_seed(weights)) is not None:
        fill_randomly(parameters, seed)
        return str(weights), str(weights)
    path = find_weights(files, network, torchvision) if weights == "auto" else Path(weights)
    state, digest = read_state(path)
    fill(parameters, state, str(path), network, known)
    return path.name, digest


def fill(
    parameters: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    source: str,
    network: str,
    known: Collection[str] = (),
) -> None:
    """Copy a state dict into parameters, of which it must hold all.

    Args:
        parameters: by their keys in `state`.
        state: what is copied. Keys of a classifier are passed over.
        source: where it is from, for messages.
        network: its name, for messages.
        known: further keys of this network, which `state` may hold.

    Raises:
        ValueError: a parameter is missing, of another shape or not finite; or `state` is of another network.
    """
    if foreign := sorted({str(key) for key in state if "classifier" not in str(key)} - {*parameters, *known}):
        raise ValueError(f"{source} is not a {network}: it holds {', '.join(foreign[:3])}, which {network} has not")
    for key, parameter in parameters.items():
        if key not in state:
            raise ValueError(f"{source} lacks {key}, which the layers asked for need")
        value = state[key]
        if not isinstance(value, Tensor):
            raise ValueError(f"{source} must have a tensor in {key}, got {type(value).__name__}")
        if not value.is_floating_point() or value.layout != torch.strided or value.is_meta:
            kind = "without values" if value.is_meta else f"{value.layout}, {value.dtype}"
            raise ValueError(f"{source} must have a dense floating-point tensor in {key}, got one that is {kind}")
        if value.shape != parameter.shape:
            raise ValueError(
                f"{source} has {key} of shape {tuple(value.shape)}, {network} has {tuple(parameter.shape)}"
            )
        value = value.to(parameter.dtype)
        if not value.isfinite().all():
            raise ValueError(f"{source} has NaN or infinite values in {key}")
        parameter.data.copy_(value)


def fill_randomly(parameters: Mapping[str, nn.Parameter], seed: int = 0) -> None:
    """He initialisation, the same in every process; biases are 0."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in parameters.items():
        if name.endswith("weight"):
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)


def find_weights(files: Sequence[Path], network: str, torchvision: str | None = None) -> Path:
    """The first file that is there, else torchvision's, downloaded with a progress bar and checked by its hash.

    Args:
        files: the best first; relative ones are looked for under the data root's ``weights/``. One of torchvision's
            name is looked for in its cache, too.
        network: its name, for messages.
        torchvision: which weights are torchvision's, ``"VGG19_Weights.IMAGENET1K_V1"``; None: it has none.

    Raises:
        FileNotFoundError: nowhere to be had; the message lists the ways to get them.
    """
    folder = data_root() / "weights"
    for path in files:
        if (folder / path).is_file():  # an absolute path stays as it is
            return folder / path
    if not torchvision:
        raise FileNotFoundError(
            f"no weights of {network}: looked for {', '.join(str(folder / path) for path in files)}"
        )
    cache = Path(torch.hub.get_dir()) / "checkpoints"  # where torchvision itself keeps them
    cached = [cache / path.name for path in files if _hash_in_name(path.name) and (cache / path.name).is_file()]
    return cached[0] if cached else _download(torchvision, cache, files, network)


def _download(torchvision: str, cache: Path, files: Sequence[Path], network: str) -> Path:
    from torchvision.models import get_weight  # seconds of imports, for one address

    url = get_weight(torchvision).url
    path = cache / url.rsplit("/", 1)[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), _hash_in_name(path.name))
    except (OSError, HTTPException, RuntimeError) as error:  # no network; a proxy's page; a cut download
        raise FileNotFoundError(
            f"no weights of {network} found, and torchvision's could not be downloaded ({error}). "
            "Any of these helps:\n"
            "  1. take the network that comes along (not for LPIPS): --backbone lite, make … BACKBONE=lite, "
            "in Python dsd.VGG19Lite()\n"
            f"  2. put {' or '.join(map(str, files))} into {data_root() / 'weights'}\n"
            "  3. name the folder that holds weights/: DSD_DATA=folder, or make … DATA=folder\n"
            "  4. name the file: --weights path, make … WEIGHTS=path, in Python weights=path\n"
            f"  5. on a machine with network, torchvision downloads it to {path.parent}\n"
            "data/README.md says where the files come from."
        ) from error
    return path


def read_state(path: Path) -> tuple[Mapping[str, Tensor], str]:
    """A weight file's state dict, and its SHA-256: of PyTorch's format or, by its suffix, safetensors.

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
        if path.suffix == ".safetensors":
            return load_safetensors(path.read_bytes()), digest
        if zipfile.is_zipfile(path) and not expected:  # PyTorch does not look at the checksums in it
            with zipfile.ZipFile(path) as archive:
                if damaged := archive.testzip():
                    raise zipfile.BadZipFile(f"{damaged} does not have its checksum")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files make readers raise what they like
        raise ValueError(f"{path} is not a readable weight file (damaged, cut, or no state dict)") from error
    if not isinstance(state, Mapping):
        raise ValueError(f"{path} must hold a state dict, got {type(state).__name__}")
    if strange := [key for key, value in state.items() if not isinstance(value, Tensor)]:
        raise ValueError(f"{path} must hold a state dict of tensors, its {strange[0]!r} is none")
    return state, digest


def read_about(path: Path) -> dict[str, Any]:
    """What a safetensors file that was written here says about itself; {} where it says nothing.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with safe_open(path, "pt") as file:
            return dict(json.loads((file.metadata() or {}).get("about", "{}")))
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(f"{path} is not a readable weight file: {error}") from error


def read_compressed_classifier(path: Path) -> tuple[dict[str, Tensor], str]:
    """VGG-19's classifier, ``classifier.{0,3,6}.weight/bias`` in float32, out of its 4- and 8-bit form; the SHA-256.

    A weight is q · scale + min, with q, scale and min as ``classifier.N.weight.{q4|q8, scale, min}``; of 4-bit values
    there are two in a byte, the high ones first.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or lacks something.
    """
    packed, digest = read_state(path)
    state = {}
    try:
        for index, bits in ((0, 4), (3, 4), (6, 8)):
            key = f"classifier.{index}"
            q = packed[f"{key}.weight.q{bits}"]
            if bits == 4:
                q = torch.stack((q >> 4, q & 15), dim=2).flatten(1)
            scale, low = (packed[f"{key}.weight.{part}"].float() for part in ("scale", "min"))
            state[f"{key}.weight"] = q.float() * scale + low
            state[f"{key}.bias"] = packed[f"{key}.bias"].float()
    except (KeyError, RuntimeError, IndexError) as error:
        raise ValueError(f"{path} is no compressed classifier of VGG-19: {error}") from error
    return state, digest


def _hash_in_name(name: str) -> str | None:
    """torchvision's convention: a name ends in the first digits of the file's SHA-256, vgg19-dcbb9e9d.pth."""
    match = re.search(r"-([0-9a-f]{8})\.pth$", name)
    return match[1] if match else None
