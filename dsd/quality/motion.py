"""Whether a film moves as it should, where the motion is known."""

import torch
from torch import Tensor

from dsd.data.warp import sample


def motion_error(before: Tensor, after: Tensor, origins: Tensor) -> float:
    r"""How far a frame is from the one before it, moved as it should: as a share of how far it is from that at rest.

    .. math:: \frac{\sum_p |y_k(p) - y_{k-1}(q_p)|}{\sum_p |y_k(p) - y_{k-1}(p)|}

    q_p is where p was. Pixels that were outside the frame before do not count.

    Args:
        before: y_{k−1}, (3, H, W).
        after: y_k, the same shape.
        origins: q, (2, H, W), as of :meth:`dsd.data.frames.Frames.origins`.

    Returns:
        0 where the motion explains all of the change, 1 where it explains nothing. Real frames have more than 0:
        between pixels, values are interpolated. Infinite or NaN for frames that are equal.

    Raises:
        ValueError: the frames or origins differ in size, or no pixel was in the frame before.

    Example:
        >>> from dsd.data.warp import places
        >>> film = torch.rand(3, 16, 20)
        >>> round(motion_error(film[..., :16], film[..., 4:], places(16, 16) + torch.tensor([[[4.0]], [[0.0]]])), 4)
        0.0
    """
    if before.shape != after.shape:
        raise ValueError(f"before must be like after, {tuple(after.shape)}; got {tuple(before.shape)}")
    height, width = after.shape[1:]
    if origins.shape != (2, height, width):
        raise ValueError(f"origins must be {(2, height, width)}, got {tuple(origins.shape)}")
    reach = torch.tensor([width - 1, height - 1])[:, None, None] / 2
    inside = (origins.abs() <= reach).all(dim=0)
    if not inside.any():
        raise ValueError("no pixel was in the frame before")
    moved, still = ((after - other)[:, inside].abs().sum() for other in (sample(before, origins), before))
    return (moved / still).item()
