"""Arguments for random calls: right, extreme or senseless."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _fuzz import Random
from torch import Tensor

# What is right for no argument, but for the few that say so.
SENSELESS: tuple[Any, ...] = (
    *(None, True, -1, 0, 1.5, 1e30, math.nan, math.inf, -math.inf, 3 + 4j, "", "2", "no such thing", b"relu1_2"),
    *((), [], {}, [None], ["relu1_2", 3], (2, 2), (0.5,), (math.nan,), {"relu1_2": "1"}, {"relu1_2": -1}, {1: 2}),
    *(object(), len, np.zeros(3), np.float32(2), torch.float16, Path("nowhere"), [torch.zeros(1)]),
    *({"relu1_2": math.nan}, {"relu1_2": 1j}, {"none": 1}, [[2]], "cuda:99", "meta", torch.device("cpu"), 10**30),
)
# Words that stand for an argument in messages, where it is not its name.
WORDS = {
    "alphas": "alpha",
    "layers": "layer",
    "layer_weights": "layer_weights|weight of",
    "name": "metric",
    "strides": "submodule|stride",
    "terms": "term|weight of|loss of",
    "images": "folder|images|paths",
    "path": r"\bpath\b|image at",
    "weights": "weight|state dict",
    "distorted": "distorted|image at",
    "reference": "reference|image at",
    "resize": "resize",
    "size": "size|smallest",
    "x": r"\bx\b|image's|prediction",
    "y": r"\by\b|target",
}


class Draw:
    """The arguments of one call."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.odd: dict[str, str] = {}
        """Those that are senseless or extreme, and how they look."""
        self.finite = True
        """Whether a result must be."""
        self.plain = True
        """Whether images are ordinary ones, whose distances and norms are above 0."""

    def __call__(self, name: str, *good: Any) -> Any:
        """One of `good`; in one case of six something senseless."""
        if self.random.random() < 1 / 6:
            value = SENSELESS[self.random.integers(len(SENSELESS))]
            self.odd[name] = repr(value)[:60]
            return value
        return good[self.random.integers(len(good))]

    def tensor(self, name: str, *shape: int) -> Any:
        """A tensor of values in [0, 1]; in one case of four an odd one, or something else."""
        torch.manual_seed(int(self.random.integers(2**31)))
        x = torch.rand(shape)
        if self.random.random() > 0.25:
            return x
        kinds = list(_odd_tensors(x))
        how, value = kinds[self.random.integers(len(kinds))]
        self.odd[name] = how
        self.plain &= how in ("float64", "not contiguous", "with gradient")
        self.finite &= how not in ("NaN", "infinity", "1e30")
        return value


def _odd_tensors(x: Tensor) -> Iterator[tuple[str, Any]]:
    for dtype in (torch.uint8, torch.int64, torch.bool, torch.complex64, torch.float16, torch.bfloat16, torch.float64):
        yield str(dtype).removeprefix("torch."), x.to(dtype)
    for how, value in (("NaN", math.nan), ("infinity", math.inf), ("1e30", 1e30), ("-1", -1.0), ("255", 255.0)):
        changed = x.clone()
        changed.view(-1)[0] = value
        yield how, changed
    yield "zeros", torch.zeros_like(x)
    yield "ones", torch.ones_like(x)
    yield "not contiguous", x.mT.contiguous().mT
    yield "with gradient", x.clone().requires_grad_()
    yield "one sample less", x[:-1]
    yield "no batch", x[0]
    yield "one channel", x[:, :1]
    yield "one row", x[:, :, :1]
    yield "no rows", x[:, :, :0]
    yield "no dimensions", x.sum()
    yield "five dimensions", x[None]
    yield "on meta", x.to("meta")
    yield "sparse", x.to_sparse()
    yield "NumPy array", x.numpy()
    yield "list", x.tolist()
    yield "None", None
    yield "text", "x.png"
