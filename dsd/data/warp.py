"""An image's values at other places than its pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor


def places(height: int, width: int) -> Tensor:
    """Where each pixel is, (2, H, W): pixels to the right and down, from the centre.

    Example:
        >>> places(1, 2)
        tensor([[[-0.5000,  0.5000]],
        <BLANKLINE>
                [[ 0.0000,  0.0000]]])
    """
    rows, columns = (torch.arange(length) - (length - 1) / 2 for length in (height, width))
    return torch.stack([columns.expand(height, -1), rows[:, None].expand(-1, width)])


def sample(x: Tensor, at: Tensor) -> Tensor:
    """The values of an image at some places: linear between pixels, mirrored borders.

    Args:
        x: (3, H, W).
        at: (2, H', W'), as of :func:`places`: from the centre of `x`.

    Returns:
        (3, H', W').

    Example:
        >>> x = torch.rand(3, 4, 5)
        >>> torch.allclose(sample(x, places(4, 5)), x)
        True
    """
    sizes = torch.tensor([x.shape[2], x.shape[1]])[:, None, None]
    grid = 2 * at / sizes
    return F.grid_sample(
        x[None], grid.permute(1, 2, 0)[None], mode="bilinear", padding_mode="reflection", align_corners=False
    )[0]
