"""Random calls of the public API, with arguments that are right, extreme or senseless."""

import contextlib
import io
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _fuzz import CRASHED, REFUSED, RIGHT, SILENT, Outcome
from _fuzz_arguments import WORDS, Draw
from torch import Tensor, nn

import dsd
from dsd.data.images import save_image
from dsd.optimize import optimize

NETWORKS: dict[str, Any] = {}


def _network(*layers: str) -> dsd.VGG19Lite:
    """Lite, made once for all calls."""
    key = ",".join(layers)
    if key not in NETWORKS:
        NETWORKS[key] = dsd.VGG19Lite(layers)
    return NETWORKS[key]


Call = Callable[[], Any]
Shapes = Sequence[tuple[int, ...]] | None  # one of which each tensor of the result has, where all arguments are right


def gram_matrix(draw: Draw) -> tuple[Call, Shapes]:
    x, normalize = draw.tensor("features", 2, 6, 5, 7), draw("normalize", "chw", "hw")
    return lambda: dsd.gram_matrix(x, normalize), [(2, 6, 6)]


def patch_gram(draw: Draw) -> tuple[Call, Shapes]:
    x, size, normalize = draw.tensor("x", 2, 3, 8, 9), draw("size", 3), draw("normalize", "chw", "hw")
    return lambda: dsd.patch_gram(x, size, normalize), [(2, 27, 27)]


def l1_norm(draw: Draw) -> tuple[Call, Shapes]:
    x = draw.tensor("matrices", 2, 6, 6)
    return lambda: dsd.l1_norm(x), [(2,)]


def downscale(draw: Draw) -> tuple[Call, Shapes]:
    x, alpha = draw.tensor("x", 2, 3, 12, 16), draw("alpha", 2, 4, 4.0)
    return lambda: dsd.downscale(x, alpha), None


def descriptor(draw: Draw) -> tuple[Call, Shapes]:
    function, shape = {
        0: (dsd.gram_matrices, (2, 64, 64)),
        1: (dsd.dsd_matrices, (2, 64, 64)),
        2: (dsd.dsd_norm, (2,)),
    }[int(draw.random.integers(3))]
    x, network = draw.tensor("x", 2, 3, 16, 20), draw("backbone", _network("relu1_2"))
    alphas, normalize = draw("alphas", (2,), [2.5, 4]), draw("normalize", "chw", "hw")
    return lambda: function(x, network, alphas, normalize), [shape]


LOSSES: Sequence[tuple[Any, Mapping[str, tuple[Any, ...]]]] = (
    (dsd.PerceptualLoss, {}),
    (dsd.PDLLoss, {"p": (1, 2)}),
    (dsd.ContextualLoss, {"bandwidth": (0.5, 1), "offset": (0, 1e-5)}),
    (dsd.StyleLoss, {"alphas": ((1,), (1, 2)), "normalize": ("chw", "hw")}),
    (dsd.MultiScaleStyleLoss, {"alphas": ((1, 2), [1, 3.5]), "normalize": ("chw", "hw")}),
    (dsd.DSDLoss, {"alphas": ((2,), [2, 4]), "normalize": ("chw", "hw")}),
    (dsd.DSDPyramidLoss, {"alphas": ((1, 2, 4), (2, 4)), "normalize": ("chw", "hw")}),
)


def loss(draw: Draw) -> tuple[Call, Shapes]:
    make, known = LOSSES[int(draw.random.integers(len(LOSSES)))]
    network = draw("backbone", _network("relu1_2", "relu2_1"))
    options = {name: draw(name, *good) for name, good in known.items()}
    options["layer_weights"] = draw("layer_weights", None, {"relu2_1": 2}, {"relu1_2": 0.5, "relu2_1": 1})
    options["reduction"] = reduction = draw("reduction", "mean", "sum", "none")
    x, y = draw.tensor("x", 2, 3, 16, 20), draw.tensor("y", 2, 3, 16, 20)
    encoded = draw.random.random() < 0.2
    if encoded and "y" in draw.odd:
        draw.odd.setdefault("x", "as y")  # what `encode` calls it

    def call() -> Tensor:
        made = make(network, **options)
        return made(x, made.encode(y) if encoded else y)

    return call, [(2,) if repr(reduction) == "'none'" else ()]


def loss_sum(draw: Draw) -> tuple[Call, Shapes]:
    weight = draw("terms", 1, 0.5, -1)
    term = draw("terms", dsd.PerceptualLoss(_network("relu1_2")), nn.L1Loss())
    x, y = draw.tensor("x", 2, 3, 16, 20), draw.tensor("y", 2, 3, 16, 20)
    draw.plain &= repr(weight) != "-1"  # or the sum may be 0
    return lambda: dsd.LossSum({"a": (weight, term), "b": (1, nn.L1Loss())})(x, y), [(), (), ()]


def metric(draw: Draw) -> tuple[Call, Shapes]:
    names = ("dsd", "dsd4", "style", "mss", "perceptual", "pdl", "psnr", "ssim")
    likely = names[draw.random.integers(len(names))]
    name = draw("name", likely)
    options = {
        "layers": draw("layers", None, None, ["relu2_1"]) if likely not in ("psnr", "ssim") else None,
        "alphas": draw("alphas", None, (2, 3)) if likely == "dsd" else None,
        "weights": draw("weights", "auto", "auto", "random"),
        "precision": draw("precision", "float32"),
        "device": draw("device", "cpu", "auto"),
    }
    backbone = draw("backbone", "lite")
    make = (dsd.create_metric, dsd.ImageMetric)[int(draw.random.integers(2))]
    x, y = draw.tensor("distorted", 2, 3, 16, 20), draw.tensor("reference", 2, 3, 16, 20)

    def call() -> Tensor:
        made = make(name, backbone, **options)
        if isinstance(made, dsd.ImageMetric):
            made.update(x, y)
            return made.compute()
        return made(x, y)

    return call, [() if make is dsd.ImageMetric else (2,)]


def backbone(draw: Draw) -> tuple[Call, Shapes]:
    options = {
        "layers": draw("layers", ("relu1_2",), ["relu1_2"]),
        "weights": draw("weights", "auto", "random"),
        "precision": draw("precision", "float32", "bfloat16"),
    }
    x = draw.tensor("x", 2, 3, 16, 20)
    if draw.random.random() < 0.5:
        return lambda: dsd.VGG19Lite(**options)(x), [(2, 64, 16, 20)]
    name, device = draw("backbone", "lite"), draw("device", "cpu", "auto")
    return lambda: dsd.load_backbone(name, **options, device=device)(x), [(2, 64, 16, 20)]


def torchvision_backbone(draw: Draw) -> tuple[Call, Shapes]:
    make, size = ((dsd.AlexNet, 40), (dsd.SqueezeNet, 40))[int(draw.random.integers(2))]
    layers, x = draw("layers", ("relu1",), ["relu1", "relu2"]), draw.tensor("x", 1, 3, size, size)
    weights = draw("weights", "random")
    return lambda: make(layers, weights)(x), None


def extractor(draw: Draw) -> tuple[Call, Shapes]:
    module = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    options = {
        "strides": draw("strides", {"1": 1}, {"1": 1, "2": 2}),
        "layers": draw("layers", None, ["1"]),
        "mean": draw("mean", (0.5, 0.5, 0.5)),
        "std": draw("std", (0.5, 0.5, 0.5), [0.2, 0.2, 0.2]),
        "smallest": draw("smallest", None, 2),
    }
    module, x = draw("module", module), draw.tensor("x", 2, 3, 8, 8)
    return lambda: dsd.FeatureExtractor(module, **options)(x), None


def descend(draw: Draw) -> tuple[Call, Shapes]:
    start = draw.tensor("start", 1, 3, 6, 6)
    options = {
        "steps": draw("steps", 2, 3),
        "learning_rate": draw("learning_rate", 0.1, 1e-3),
        "optimizer": draw("optimizer", "Adam", "SGD"),
        "halve_every": draw("halve_every", None, 1),
        "residual_std": draw("residual_std", 0, 0.1),
        "snapshots": draw("snapshots", (), [0, 1]),
        "seed": draw("seed", 0, 5),
    }
    draw.plain = False  # an image may become black
    function = draw("loss", lambda x: x.square().mean(), lambda x: x.abs().mean(dim=(1, 2, 3)))
    return lambda: optimize(start, function, **options, clamp=True, description="").image, [(1, 3, 6, 6)]


def folder_norms(draw: Draw) -> tuple[Call, Shapes]:
    options = {
        "alphas": draw("alphas", (2,), [2, 3]),
        "resize": draw("resize", 20, None),
        "crop": draw("crop", 16),
        "batch_size": draw("batch_size", 1, 2),
        "layers": draw("layers", None),
        "workers": draw("workers", 0),
    }
    folder, network = draw("images", NETWORKS["folder"]), draw("backbone", _network("relu1_2"))
    return lambda: torch.tensor(dsd.norms(folder, network, **options).iloc[:, 1:].to_numpy()), None


def image_file(draw: Draw) -> tuple[Call, Shapes]:
    path = draw("path", Path(NETWORKS["folder"]) / "x.png")
    return lambda: dsd.load_image(path), [(3, 24, 20)]


CALLS: Sequence[tuple[Callable[[Draw], tuple[Call, Shapes]], int]] = (
    *((function, 2) for function in (gram_matrix, patch_gram, l1_norm, downscale, descend, metric, backbone)),
    *((function, 1) for function in (torchvision_backbone, extractor, folder_norms, image_file, loss_sum)),
    *((loss, 6), (descriptor, 3)),
)


def calls(count: int, seed: int) -> list[Outcome]:
    """Call the API. A result must be finite, of the right shape, and not zero where it should not be.

    An error must be TypeError, ValueError or FileNotFoundError, of an argument that is odd, and name it.

    Args:
        count: of calls.
        seed: of the arguments.
    """
    random = np.random.default_rng(seed)
    weights = np.array([weight for _, weight in CALLS], float)
    bars = contextlib.redirect_stderr(io.StringIO())
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), bars:
        warnings.simplefilter("ignore")
        NETWORKS["folder"] = folder
        save_image(torch.rand(3, 24, 20), Path(folder, "x.png"))
        chosen = random.choice(len(CALLS), size=count, p=weights / weights.sum())
        return [_trial(CALLS[index][0], Draw(random)) for index in chosen]


def _trial(function: Callable[[Draw], tuple[Call, Shapes]], draw: Draw) -> Outcome:
    call, shapes = function(draw)
    result, what = _judge(call, shapes, draw)
    arguments = ", ".join(f"{name}={how}" for name, how in draw.odd.items())
    return Outcome(result, f"{function.__name__}({arguments}): {what}")


def _judge(call: Call, shapes: Shapes, draw: Draw) -> tuple[str, str]:
    try:
        tensors = [x for x in _flat(call()) if not x.is_meta]  # which have no values
    except (TypeError, ValueError, FileNotFoundError) as error:
        named = any(re.search(WORDS.get(name, rf"\b{name}\b"), str(error)) for name in draw.odd)
        return (REFUSED, "") if named else (CRASHED, f"{type(error).__name__} that names no odd argument: {error}")
    except FloatingPointError as error:  # documented of `optimize`
        return (CRASHED, str(error)) if draw.finite and not draw.odd else (REFUSED, "")
    except Exception as error:
        return CRASHED, f"{type(error).__name__}: {error}"
    finite = all(x.isfinite().all() for x in tensors)
    if draw.finite and not finite:
        return SILENT, "NaN or infinity"
    if tensors and finite and "NaN" in draw.odd.values():
        return SILENT, "the NaN is gone"
    if shapes and not draw.odd and any(tuple(x.shape) not in shapes for x in tensors):
        return SILENT, f"shapes {[tuple(x.shape) for x in tensors]}"
    if draw.plain and draw.finite and tensors and not all(x.abs().sum() > 0 for x in tensors):
        return SILENT, "zeros"
    return RIGHT, "accepted" if draw.odd else ""


def _flat(result: Any) -> Iterator[Tensor]:
    if isinstance(result, Tensor):
        yield result
    elif isinstance(result, Mapping):
        for value in result.values():
            yield from _flat(value)
    elif isinstance(result, tuple):
        for value in result:
            yield from _flat(value)
    else:
        raise AssertionError(f"got {type(result).__name__}")
