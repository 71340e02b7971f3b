"""Measures as torchmetrics has them: accumulated over batches and processes."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric as TorchMetric

from dsd.backbones.base import Backbone
from dsd.quality.scoring import create_metric


class ImageMetric(TorchMetric):
    """The mean of a measure over all images that it is given, in every process.

    Args:
        name: out of :func:`dsd.list_metrics`.
        backbone: of measures on deep features: a network, or its name.
        options: the other keywords of :func:`dsd.create_metric`.

    Example:
        >>> metric = ImageMetric("dsd", backbone="lite", device="cpu")
        >>> for _ in range(2):
        ...     metric.update(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32))
        >>> metric.compute().shape
        torch.Size([])
    """

    full_state_update = False
    is_differentiable = False
    total: Tensor
    count: Tensor

    def __init__(self, name: str, backbone: str | Backbone = "vgg19", **options: Any) -> None:
        super().__init__()
        self.score = create_metric(name, backbone, **options)
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """Whether a larger value means a better image."""
        return self.score.higher_is_better

    @torch.no_grad()
    def update(self, preds: Tensor | str | Path, target: Tensor | str | Path | None = None) -> None:
        """Add images.

        Args:
            preds: distorted images, float (N, 3, H, W) in [0, 1], or an image file's path.
            target: their references, likewise; None: of a measure that takes none.
        """
        values = self.score(preds) if target is None else self.score(preds, target)
        self.total += values.double().sum().to(self.total.device)
        self.count += len(values)

    def compute(self) -> Tensor:
        """The mean so far; NaN before the first image."""
        return self.total / self.count
