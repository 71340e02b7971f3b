"""Data sets and weights as their sources publish them, brought into the form in which this project reads them."""

import csv
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dsd.atomic import atomic_write
from dsd.data.caffe import read_caffe_model
from dsd.paths import find_folder

# What each network subtracts and divides by, red, green, blue: Oxford's of values to 255, torchvision's of values to 1.
OXFORD_MEAN = (123.68, 116.779, 103.939)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OXFORD_SCALE = 57.375
"""Oxford's activations over those of the converted network: 255 · 0.225, about the deviation that it divides by."""
# Where torchvision's `features` keeps each convolution: a ReLU follows each of them, a pooling each block.
CONVOLUTIONS = [(block, k) for block, count in enumerate((2, 2, 4, 4, 4), 1) for k in range(1, count + 1)]
VGG19_KEYS = {f"conv{block}_{k}": f"features.{2 * i + block - 1}" for i, (block, k) in enumerate(CONVOLUTIONS)}

# Folders of LIVE release 2 in the order of its tables, and how many images each has: img1.bmp, img2.bmp, …
LIVE_FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}


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
    for name, key in VGG19_KEYS.items():
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


def convert_live(folder: str | Path) -> Path:
    """Write ``ratings.csv`` for LIVE, release 2, so that :meth:`dsd.data.rated.RatedImages.csv` can read it.

    What is assumed of the release, as many published programs read it:

    - ``jp2k/img1.bmp`` … ``img227.bmp``, then ``jpeg/`` (233), ``wn/``, ``gblur/``, ``fastfading/`` (174 each): this is
      the order of the 982 entries in its tables.
    - ``dmos_realigned.mat`` (a download beside the images) has, for each, `dmos_new`, `dmos_std`, and `orgs`: 1 where
      the image is an original that was hidden among the others. Originals are left out.
    - ``refnames_all.mat`` has `refnames_all`: for each the name of its reference in ``refimgs/``.

    Args:
        folder: the release as published, with ``dmos_realigned.mat`` put into it; a path, or a name under the data
            root.

    Returns:
        ``ratings.csv`` in the folder: columns reference, distorted, distortion, dmos (0: like the reference, 100: bad)
        and dmos_std, one row for each distorted image.

    Raises:
        FileNotFoundError: no such folder; a table or an image is missing.
        ValueError: a table is damaged or has not what is expected.
        ModuleNotFoundError: SciPy is not installed.

    Reference:
        Sheikh et al., "A statistical evaluation of recent full reference image quality assessment algorithms", 2006.
    """
    root = find_folder(folder)
    distorted = [f"{kind}/img{n}.bmp" for kind, count in LIVE_FOLDERS.items() for n in range(1, count + 1)]
    dmos, std, original = _read_mat(root / "dmos_realigned.mat", ("dmos_new", "dmos_std", "orgs"), len(distorted))
    (references,) = _read_mat(root / "refnames_all.mat", ("refnames_all",), len(distorted))
    rows = [
        (f"refimgs/{name.item()}", image, image.split("/")[0], f"{score:.6f}", f"{deviation:.4f}")
        for name, image, score, deviation, hidden in zip(references, distorted, dmos, std, original, strict=True)
        if not hidden
    ]
    images = sorted({image for row in rows for image in row[:2]})
    if missing := [image for image in images if not (root / image).is_file()]:
        raise FileNotFoundError(f"{len(missing)} of LIVE's images are missing in {root}: {', '.join(missing[:3])} …")
    out = root / "ratings.csv"
    with atomic_write(out, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("reference", "distorted", "distortion", "dmos", "dmos_std"), *rows])
    return out


def _read_mat(path: Path, names: tuple[str, ...], count: int) -> list[np.ndarray]:
    """Variables of a MATLAB file, of which each must have so many values."""
    from scipy.io import loadmat

    if not path.is_file():
        raise FileNotFoundError(f"no {path.name} in {path.parent}: LIVE, release 2, as published is expected")
    try:
        tables = loadmat(path)
    except Exception as error:  # of damaged files it raises whatever it stumbles over
        raise ValueError(f"{path} is no MATLAB file, or is damaged: {error}") from error
    for name in names:
        if name not in tables or tables[name].size != count:
            was = f"{tables[name].size} values" if name in tables else "none"
            raise ValueError(f"{path} must have {count} values of {name}, it has {was}")
    return [tables[name].flatten() for name in names]
