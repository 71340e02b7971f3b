"""Measures at work: on tensors or files, several of them in one pass of the network."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
from torch import Tensor

from dsd.backbones import find_device, load_backbone
from dsd.backbones.base import Backbone, Precision
from dsd.checks import check_images
from dsd.data.images import load_image
from dsd.losses.base import FeatureLoss, encode_together
from dsd.quality.metrics import METRICS, MetricInfo, check_names

Images = Tensor | str | Path


class MetricSet:
    """Several full-reference measures, called with (distorted, reference): see ``create_metrics``.

    Args:
        infos: {name: measure}.
        backbone: a name, or a network.
        layers: instead of each measure's own. None: those; of a network, all that it was made with.
        alphas: instead of each measure's own.
        device: where it computes; a network's own goes first.
        options: of :func:`dsd.load_backbone`.
    """

    def __init__(
        self,
        infos: Mapping[str, MetricInfo],
        backbone: str | Backbone,
        *,
        layers: Sequence[str] | None,
        alphas: Sequence[float] | None,
        device: str | torch.device,
        **options: Any,
    ) -> None:
        self.infos = dict(infos)
        self.losses: dict[str, FeatureLoss] = {}
        self.functions: dict[str, Callable[[Tensor, Tensor], Tensor]] = {}
        self.device = torch.device(find_device(device))
        deep = {name: info for name, info in infos.items() if info.layers}
        wanted = {name: tuple(layers or info.layers) for name, info in deep.items()}
        if isinstance(backbone, Backbone):
            self.device = backbone.device
            wanted = dict.fromkeys(wanted, tuple(layers or backbone.layers))
        elif deep:
            every = tuple({layer: None for some in wanted.values() for layer in some})
            backbone = load_backbone(backbone, every, device=self.device, **options)
        for name, info in deep.items():
            changed = {"alphas": tuple(alphas)} if alphas is not None and "alphas" in info.options else {}
            self.losses[name] = resolve_name(info.make)(
                backbone,
                layer_weights=dict.fromkeys(wanted[name], 1.0),
                reduction="none",
                **{**info.options, **changed},
            )
        for name in infos.keys() - deep.keys():
            self.functions[name] = resolve_name(infos[name].make)(self.device)

    def __call__(self, distorted: Images, reference: Images) -> dict[str, Tensor]:
        """Every measure's value.

        Args:
            distorted: float (N, 3, H, W) in [0, 1], or an image file's path.
            reference: likewise, of the same size.

        Returns:
            {name: (N,)}.

        Raises:
            TypeError: neither tensor nor path.
            ValueError: no image batch in [0, 1]; of another size, type or device.
            FileNotFoundError: no such file.
        """
        x, y = (self._batch(*images) for images in (("distorted", distorted), ("reference", reference)))
        if x.shape != y.shape:
            sizes = " and ".join(f"{images.shape[3]}×{images.shape[2]}" for images in (x, y))
            raise ValueError(
                f"distorted image and reference must have the same size, got {sizes}"
                if len(x) == len(y)
                else f"distorted and reference must have the same batch size, got {len(x)} and {len(y)}"
            )
        losses = list(self.losses.values())
        encodings = [encode_together(images, losses) for images in (x, y)] if losses else [[], []]
        values = {name: loss.compare(a, b) for (name, loss), a, b in zip(self.losses.items(), *encodings, strict=True)}
        values |= {name: function(x, y) for name, function in self.functions.items()}
        return {name: values[name] for name in self.infos}

    def _batch(self, name: str, images: Images) -> Tensor:
        if isinstance(images, str | Path):
            images = load_image(images)[None].to(self.device)
        check_images(images, name)
        if images.device != self.device:
            raise ValueError(f"{name} is on {images.device}, the metric on {self.device}: move one of them")
        return images


class Metric:
    """One full-reference measure, called with (distorted, reference). Made by :func:`dsd.create_metric`.

    Args:
        metrics: a set of one.
    """

    def __init__(self, metrics: MetricSet) -> None:
        self._metrics = metrics
        ((self.name, self._info),) = metrics.infos.items()

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

    def __call__(self, distorted: Images, reference: Images) -> Tensor:
        """Its value for each image, (N,).

        Args, Raises: as for :meth:`MetricSet.__call__`.
        """
        return self._metrics(distorted, reference)[self.name]


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
    """A full-reference measure by its name; call it with distorted images and their references, tensors or paths.

    Args:
        name: out of :func:`list_metrics`.
        backbone: of measures on deep features: a name out of `dsd.BACKBONES`, or a network.
        layers: of measures on deep features. None: the measure's own; of a network, all that it was made with.
        alphas: of measures that have scaling factors. None: the measure's own.
        weights: of the backbone, as for :func:`dsd.load_backbone`.
        precision: of the backbone: ``"float32"`` or ``"bfloat16"``.
        device: where it computes; ``"auto"`` is CUDA where there is one. A network's own.

    Returns:
        A function of (distorted, reference), either float (N, 3, H, W) in [0, 1] or an image file's path, that returns
        (N,). Its `higher_is_better`, `range` and `reference` say what it is.

    Raises:
        ValueError: unknown name, backbone or layer; `layers` or `alphas` for a measure that has none.
        FileNotFoundError: weights are missing; the message lists the ways to get them.

    Example:
        >>> metric = create_metric("dsd", "lite")
        >>> metric(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)).shape, metric.higher_is_better
        (torch.Size([2]), False)
    """
    return Metric(
        create_metrics(
            [name], backbone, layers=layers, alphas=alphas, weights=weights, precision=precision, device=device
        )
    )


def create_metrics(
    names: Sequence[str],
    backbone: str | Backbone = "vgg19",
    *,
    layers: Sequence[str] | None = None,
    alphas: Sequence[float] | None = None,
    weights: str | Path = "auto",
    precision: Precision = "float32",
    device: str | torch.device = "auto",
) -> MetricSet:
    """Several measures at once, for which the network runs once; all else as for :func:`create_metric`.

    Returns:
        A function of (distorted, reference) that returns {name: (N,)}. `layers` and `alphas` go to the measures that
        have such.

    Example:
        >>> metrics = create_metrics(["dsd", "style"], "lite")
        >>> list(metrics(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)))
        ['dsd', 'style']
    """
    check_names(names)
    if layers is not None and not any(METRICS[name].layers for name in names):
        raise ValueError(f"none of {', '.join(names)} has layers, got layers={list(layers)}")
    if alphas is not None and not any("alphas" in METRICS[name].options for name in names):
        raise ValueError(f"none of {', '.join(names)} has alphas, got alphas={list(alphas)}")
    return MetricSet(
        {name: METRICS[name] for name in names},
        backbone,
        layers=layers,
        alphas=alphas,
        weights=weights,
        precision=precision,
        device=device,
    )
