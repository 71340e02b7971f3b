"""What is easily seen in an image, as numbers."""

import torch
from torch import Tensor

from dsd.data.distortions import blur
from dsd.data.images import luma

STATISTICS = ("contrast", "high-frequency energy", "colourfulness")


def statistics(x: Tensor) -> dict[str, Tensor]:
    """What is easily seen in an image, as numbers.

    - ``contrast``: standard deviation of luma Y (BT.601).
    - ``high-frequency energy``: mean of (Y − Y blurred by a Gaussian of σ = 1 pixel)².
    - ``colourfulness``: Hasler & Süsstrunk's M̂⁽³⁾ = √(σ²_rg + σ²_yb) + 0.3 √(μ²_rg + μ²_yb), with rg = R − G and
      yb = (R + G)/2 − B.

    Args:
        x: images, float (N, 3, H, W) in [0, 1].

    Returns:
        {name: (N,)}.

    Reference:
        Hasler & Süsstrunk, "Measuring colourfulness in natural images", SPIE 2003.

    Example:
        >>> {name: tuple(values.shape) for name, values in statistics(torch.rand(2, 3, 8, 8)).items()}
        {'contrast': (2,), 'high-frequency energy': (2,), 'colourfulness': (2,)}
    """
    y = luma(x)
    fine = y - blur(y, sigma=1)
    red, green, blue = x.unbind(dim=1)
    opponent = torch.stack([red - green, (red + green) / 2 - blue], dim=1)
    spread, offset = opponent.var(dim=(2, 3), correction=0), opponent.mean(dim=(2, 3)).square()
    values = (
        y.std(dim=(1, 2, 3), correction=0),
        fine.square().mean(dim=(1, 2, 3)),
        spread.sum(dim=1).sqrt() + 0.3 * offset.sum(dim=1).sqrt(),
    )
    return dict(zip(STATISTICS, values, strict=True))
