"""Measures at work: on tensors or files, several of them in one pass of the network."""

from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
from torch import Tensor, nn

from dsd.backbones import available_layers, find_device, load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.checks import check_images
from dsd.data.images import load_image
from dsd.losses.base import FeatureLoss, check_pair, encode_together
from dsd.quality.groups import values_of
from dsd.quality.metrics import LEARNED, NO_REFERENCE, check_applicable, check_names, find_metric
from dsd.quality.no_reference import NoReferenceSet

Images = Tensor | str | Path


class MetricSet(nn.Module):
    """Several full-reference measures, for which the network runs once.

    Args:
        names: out of :func:`dsd.list_metrics`; or files of `dsd train lpips`, which have networks of their own.
        backbone: of measures on deep features: a name out of `dsd.BACKBONES`, or a network.
        layers: of measures on deep features. None: each measure's own, or all of a network that lacks one of these.
        alphas: of ``dsd``, whose values for each are added up. None: 2.
        weights: of a backbone by name: ``"auto"``, ``"random"`` or a file.
        precision: of a backbone by name: ``"float32"`` or ``"bfloat16"``.
        device: of a backbone by name, and where files are loaded to; ``"auto"`` is CUDA where there is one.

    Raises:
        ValueError: unknown name, backbone or layer; an option for which there is no use.
        FileNotFoundError: weights are missing; the message lists the ways to get them.

    Example:
        >>> metrics = MetricSet(["dsd", "style"], "lite")
        >>> x, y = torch.rand(2, 1, 3, 32, 32, device=metrics.device)
        >>> list(metrics(x, y))
        ['dsd', 'style']
    """

    def __init__(
        self,
        names: Sequence[str],
        backbone: str | Backbone = "vgg19",
        *,
        layers: Sequence[str] | None = None,
        alphas: Sequence[float] | None = None,
        weights: str | Path = "auto",
        precision: Precision = "float32",
        device: str | torch.device = "auto",
    ) -> None:
        super().__init__()
        check_names(names)
        deep = {name: info for name in names if (info := find_metric(name)).layers}
        names_layers = isinstance(layers, Sequence) and all(isinstance(layer, str) for layer in layers)
        if layers is not None and (not names_layers or isinstance(layers, str) or not layers):
            raise ValueError(f"layers must be a sequence of layer names, got {layers!r}")
        check_applicable(
            names,
            layers=None if layers is None else f"layers={list(layers)}",
            alphas=None if alphas is None else f"alphas={alphas!r}",
        )
        self.names = tuple(dict.fromkeys(names))
        self.losses = nn.ModuleDict()
        self.functions: dict[str, Callable[[Tensor, Tensor], Tensor]] = {}
        self.learned: dict[str, dict[str, Any]] = {}
        self.register_buffer("_place", torch.empty(0), persistent=False)
        if isinstance(backbone, Backbone):
            if weights != "auto" or precision != "float32":
                raise ValueError("weights and precision are those of the network that was given: leave them out")
            own = {name: info.layers if set(info.layers) <= set(backbone.layers) else () for name, info in deep.items()}
            wanted = {name: tuple(layers or own[name] or backbone.layers) for name in deep}
            self.to(backbone.device)
        else:
            wanted = {name: tuple(layers or available_layers(backbone, info.layers)) for name, info in deep.items()}
            self.to(find_device(device))
            if deep:
                every = tuple({layer: None for some in wanted.values() for layer in some})
                backbone = load_backbone(backbone, every, weights, precision=precision, device=self.device)
        for name in self.names:
            info = find_metric(name)
            if info is LEARNED:
                self.functions[name], self.learned[name] = resolve_name(info.make)(name, weights, device=self.device)
                continue
            if name not in deep:
                self.functions[name] = resolve_name(info.make)(self.device)
                continue
            options = dict(info.options)
            if info.alphas:
                options["alphas"] = info.alphas if alphas is None else alphas
            chosen = dict.fromkeys(wanted[name], 1.0)
            self.losses[name] = resolve_name(info.make)(backbone, layer_weights=chosen, reduction="none", **options)

    @property
    def device(self) -> torch.device:
        """Where images must be, and files are loaded to."""
        return self.get_buffer("_place").device

    def provenance(self) -> dict[str, Any]:
        """What scores must say about how they came about: the network, and each measure's layers and scales."""
        losses = {name: loss for name, loss in self.losses.items() if isinstance(loss, FeatureLoss)}
        network = next((loss.backbone.provenance() for loss in losses.values()), {})
        measures = {
            name: {"layers": list(loss.layer_weights), "scales": list(loss.scales)} for name, loss in losses.items()
        }
        return {**network, "measures": measures | self.learned}

    def forward(
        self, distorted: Images, reference: Images, failed: MutableMapping[str, str] | None = None
    ) -> dict[str, Tensor]:
        """Every measure's value.

        Args:
            distorted: float (N, 3, H, W) in [0, 1], or an image file's path.
            reference: likewise, of the same size.
            failed: where measures that these images do not have, or have not the memory for, are noted with the reason.
                None: they are an error.

        Returns:
            {name: (N,)}.

        Raises:
            TypeError: neither tensor nor path.
            ValueError: no image batch in [0, 1]; of another size, type or device; too small for a measure.
            FileNotFoundError: no such file.
        """
        x, y = self._batch(distorted, "distorted"), self._batch(reference, "reference")
        check_pair(x, y, equal_sizes=True, names=("distorted", "reference"))
        groups = [list(self.losses), *([name] for name in self.functions)]
        values = values_of(groups, lambda names: self._values(names, x, y), failed)
        return {name: values[name] for name in self.names if name in values}

    def _values(self, names: Sequence[str], x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """One function's value, or those of losses, for which the network runs once."""
        if names and names[0] in self.functions:
            return {names[0]: self.functions[names[0]](x, y)}
        losses = [loss for name in names if isinstance(loss := self.losses[name], FeatureLoss)]
        both = {"distorted": x, "reference": y}
        encodings = [encode_together(at, losses, name) for name, at in both.items()] if losses else [[], []]
        return {name: loss.compare(a, b) for name, loss, a, b in zip(names, losses, *encodings, strict=True)}

    def _batch(self, images: Images, name: str) -> Tensor:
        if isinstance(images, str | Path):
            images = load_image(images)[None].to(self.device)
        check_images(images, name)
        return images


class Metric(nn.Module):
    """One measure, called with (distorted, reference), or with images alone. Made by :func:`dsd.create_metric`.

    Args:
        metrics: a set of one.
    """

    def __init__(self, metrics: MetricSet | NoReferenceSet) -> None:
        super().__init__()
        self.metrics = metrics
        (self.name,) = metrics.names
        self._info = find_metric(self.name)

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger value means a better image."""
        return self._info.higher_is_better

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value that there can be."""
        return self._info.range

    @property
    def reference(self) -> str:
        """The paper it is from."""
        return self._info.reference

    def forward(self, distorted: Images, *reference: Images) -> Tensor:
        """Its value for each image, (N,).

        Args:
            distorted: float (N, 3, H, W) in [0, 1], or an image file's path.
            reference: likewise, of the same size; nothing for a measure without a reference.

        Raises:
            TypeError: neither tensor nor path; a reference too many, or missing.
            ValueError: no image batch in [0, 1]; of another size, type or device.
            FileNotFoundError: no such file.
        """
        expected = int(isinstance(self.metrics, MetricSet))
        if len(reference) != expected:
            raise TypeError(f"{self.name} takes {('no reference', 'a reference')[expected]}, got {len(reference)}")
        return self.metrics(distorted, *reference)[self.name]


def create_metric(
    name: str,
    backbone: str | Backbone = "vgg19",
    *,
    layers: Sequence[str] | None = None,
    alphas: Sequence[float] | None = None,
    weights: str | Path = "auto",
    precision: Precision = "float32",
    device: str | torch.device = "auto",
) -> Metric:
    """A measure by its name; call it with distorted images and, if it takes any, their references; tensors or paths.

    Args:
        name: out of :func:`dsd.list_metrics`; or a file of `dsd train lpips`, which has a network of its own.
        backbone: of a measure on deep features: a name out of `dsd.BACKBONES`, or a network.
        layers: of a measure on deep features. None: the measure's own, or all of a network that lacks one of these.
        alphas: of ``dsd``, whose values for each are added up. None: 2.
        weights: of a backbone by name: ``"auto"``, ``"random"`` or a file.
        precision: of a backbone by name: ``"float32"`` or ``"bfloat16"``.
        device: of a backbone by name, and where files are loaded to; ``"auto"`` is CUDA where there is one.

    Returns:
        A function of (distorted, reference), or of images alone, each float (N, 3, H, W) in [0, 1] or an image file's
        path, that returns (N,). Its `higher_is_better`, `range` and `reference` say what it is.

    Raises:
        ValueError: unknown name, backbone or layer; an option for which there is no use.
        FileNotFoundError: weights are missing; the message lists the ways to get them.

    Example:
        >>> metric = create_metric("dsd", "lite", device="cpu")
        >>> metric(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)).shape, metric.higher_is_better
        (torch.Size([2]), False)
        >>> create_metric("q_dsd", "lite", device="cpu")(torch.rand(2, 3, 64, 64)).shape
        torch.Size([2])
    """
    options = {"weights": weights, "precision": precision, "device": device}
    if isinstance(name, str) and name in NO_REFERENCE:
        if layers is not None or alphas is not None:
            raise ValueError(f"{name} has no choice of layers or alphas, got layers={layers!r}, alphas={alphas!r}")
        return Metric(NoReferenceSet([name], backbone, **options))  # type: ignore[arg-type]
    return Metric(MetricSet([name], backbone, layers=layers, alphas=alphas, **options))  # type: ignore[arg-type]
