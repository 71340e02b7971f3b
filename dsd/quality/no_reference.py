"""Measures without a reference at work: several of them on tensors or files."""

from collections.abc import MutableMapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import torch
from torch import Tensor, nn

from dsd.backbones import find_device
from dsd.backbones.base import Backbone, Precision
from dsd.checks import check_images
from dsd.data.images import load_image
from dsd.noref.q_dsd import load_measured
from dsd.quality.groups import values_of
from dsd.quality.metrics import NO_REFERENCE, check_names


class NoReferenceSet(nn.Module):
    """Several measures without a reference, with one network.

    Args:
        names: out of :func:`dsd.list_metrics`.
        backbone: of Q_DSD: a name out of `dsd.BACKBONES`, or a network.
        weights: of a backbone by name: ``"auto"``, ``"random"`` or a file.
        precision: of a backbone by name: ``"float32"`` or ``"bfloat16"``.
        device: of a backbone by name, and where files are loaded to; ``"auto"`` is CUDA where there is one.

    Raises:
        ValueError: unknown name or backbone, or a measure that takes a reference.
        FileNotFoundError: weights are missing; the message lists the ways to get them.

    Example:
        >>> metrics = NoReferenceSet(["niqe", "brisque"])
        >>> list(metrics(torch.rand(1, 3, 192, 192, device=metrics.device)))
        ['niqe', 'brisque']
    """

    def __init__(
        self,
        names: Sequence[str],
        backbone: str | Backbone = "vgg19",
        *,
        weights: str | Path = "auto",
        precision: Precision = "float32",
        device: str | torch.device = "auto",
    ) -> None:
        super().__init__()
        check_names(names, NO_REFERENCE)
        self.names = tuple(dict.fromkeys(names))
        self.register_buffer("_place", torch.empty(0), persistent=False)
        if isinstance(backbone, Backbone):
            if weights != "auto" or precision != "float32":
                raise ValueError("weights and precision are those of the network that was given: leave them out")
            self.to(backbone.device)
        else:
            self.to(find_device(device))
            if any(NO_REFERENCE[name].layers for name in self.names):
                backbone = load_measured(backbone, weights, precision=precision, device=self.device)
        self.measures = nn.ModuleDict()
        for name in self.names:
            info = NO_REFERENCE[name]
            deep = [backbone] if info.layers else []
            self.measures[name] = resolve_name(info.make)(*deep, **info.options).to(self.device)

    @property
    def device(self) -> torch.device:
        """Where images must be, and files are loaded to."""
        return self.get_buffer("_place").device

    def provenance(self) -> dict[str, Any]:
        """What scores must say about how they came about: each measure's settings, parameters and networks."""
        return {"measures": {name: measure.provenance() for name, measure in self.measures.items()}}  # type: ignore[operator]

    def forward(self, images: Tensor | str | Path, failed: MutableMapping[str, str] | None = None) -> dict[str, Tensor]:
        """Every measure's value.

        Args:
            images: float (N, 3, H, W) in [0, 1], or an image file's path.
            failed: where measures that these images do not have, or have not the memory for, are noted with the reason.
                None: they are an error.

        Returns:
            {name: (N,)}.

        Raises:
            TypeError: neither tensor nor path.
            ValueError: no image batch in [0, 1], or too small for a measure.
            FileNotFoundError: no such file.
        """
        if isinstance(images, str | Path):
            images = load_image(images)[None].to(self.device)
        check_images(images, "images")
        values = values_of(
            ([name] for name in self.names), lambda names: {names[0]: self.measures[names[0]](images)}, failed
        )
        return {name: values[name] for name in self.names if name in values}
