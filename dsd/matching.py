"""Fig. 4: an image brought to the fingerprint of another, by its DSD and by a style pyramid."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from dsd.data import luma
from dsd.losses import FeatureLoss
from dsd.optimize import optimize


def match(
    content: Tensor,
    reference: Tensor,
    losses: Mapping[str, FeatureLoss],
    *,
    checkpoints: Path | None = None,
    **options: Any,
) -> tuple[dict[str, Tensor], pd.DataFrame]:
    """Optimise the pixels of an image towards another with each loss in turn, and judge each result with all losses.

    Args:
        content: where to start, float (1, 3, H, W) in [0, 1].
        reference: whose description is the target, float (1, 3, H', W') in [0, 1].
        losses: by name.
        checkpoints: folder of the optimisations' checkpoints, for this run alone; as for :func:`optimize`.
        options: of :func:`dsd.optimize.optimize`.

    Returns:
        The images, ``{"content": …, loss: result …}``, and a table with columns `image` (which), `step`, `quantity` and
        `value`: each loss on the way to its own result, and at the ends every loss and the ``gradient energy``.
    """
    targets = {name: loss.describe(reference) for name, loss in losses.items()}
    images, rows = {"content": content}, []
    for name, loss in losses.items():
        checkpoint = checkpoints / f"{name}.pt" if checkpoints else None
        path = optimize(
            content,
            lambda x, name=name, loss=loss: loss(x, targets[name]),  # type: ignore[misc]
            description=name,
            checkpoint=checkpoint,
            **options,
        )
        images[name] = path.image
        rows += [(name, step, name, value) for step, value in enumerate(path.losses[:-1])]
    for image, x in images.items():
        step = 0 if image == "content" else options["steps"]
        with torch.no_grad():
            rows += [(image, step, name, loss(x, targets[name]).item()) for name, loss in losses.items()]
        rows.append((image, step, "gradient energy", gradient_energy(x).item()))
    rows.append(("reference", 0, "gradient energy", gradient_energy(reference).item()))
    return images, pd.DataFrame(rows, columns=["image", "step", "quantity", "value"])


def outcome(table: pd.DataFrame) -> pd.DataFrame:
    """What :func:`match` ended with: images × quantities; the content and the reference as they are."""
    return table.sort_values("step", kind="stable").groupby(["image", "quantity"]).value.last().unstack()


def gradient_energy(x: Tensor) -> Tensor:
    """Sharpness: mean square of the differences of luma (BT.601) to the right and to the lower neighbour, (N,).

    Args:
        x: images, float (N, 3, H, W).

    Example:
        >>> ramp = torch.arange(4.0).expand(1, 3, 4, 4)
        >>> gradient_energy(ramp)
        tensor([1.])
    """
    y = luma(x)[:, 0]
    return y.diff(dim=2).square().mean(dim=(1, 2)) + y.diff(dim=1).square().mean(dim=(1, 2))
