"""Frames as of a film, out of one photograph: a camera walks over it, and the picture sways."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dsd.checks import check_integer
from dsd.data.warp import places, sample

WIDE = 1.4  # sides of a frame that a photograph must have, so that no frame leaves it
PAN = 0.1  # how far frames move to each side, in sides of a frame
ZOOM = 0.05  # how much larger or smaller they become
TURN = math.radians(4)
BEND = 0.02  # height of the waves that bend them, in sides of a frame; as long as the frame
EVERY = 4  # frames from one turn of the walk to the next


class Frames:
    r"""Frames of a random walk over a photograph, and how the picture moves from each to the next.

    Frame k shows at p what the photograph has at

    .. math:: T_k(p) = z_k R_k\, (p + b\, \sin(2 \pi \bar p / S + \varphi_k)) + c_k

    with the centre c, the zoom z, the rotation R; S is the side, b the height of the waves, and p̄ is p with x and y
    exchanged. They move on straight lines from one random place to the next, which they reach every fourth frame.

    Args:
        photograph: float (3, H, W) in [0, 1], both sides at least 1.4 times a frame's.
        side: of a frame, in pixels.
        count: of frames.
        seed: of the walk.

    Raises:
        ValueError: the photograph is smaller; a number is no integer or too small.

    Example:
        >>> frames = Frames(torch.rand(3, 48, 60), side=32, count=5, seed=0)
        >>> frames.images().shape, frames.origins(1).shape
        (torch.Size([5, 3, 32, 32]), torch.Size([2, 32, 32]))
    """

    walk: Tensor
    """(count, 6), in [−1, 1]: x and y of the centre, zoom, angle, phases of the two waves."""

    def __init__(self, photograph: Tensor, *, side: int, count: int, seed: int) -> None:
        check_integer(side, "side", 1)
        check_integer(count, "count", 1)
        check_integer(seed, "seed", 0)
        height, width = photograph.shape[1:]
        if min(height, width) < WIDE * side:
            needed = math.ceil(WIDE * side)
            raise ValueError(
                f"photograph must be at least {needed}×{needed} pixels for frames of {side}, got {height}×{width}"
            )
        self.photograph, self.side, self.count = photograph, side, count
        turns = 2 + (count - 1) // EVERY
        corners = 2 * torch.rand(turns, 6, generator=torch.Generator().manual_seed(seed)) - 1
        path = F.interpolate(corners.T[None], (turns - 1) * EVERY + 1, mode="linear", align_corners=True)
        self.walk = path[0].T[:count]

    def images(self) -> Tensor:
        """All frames, (count, 3, side, side) in [0, 1]."""
        return torch.stack([sample(self.photograph, self.places(index)) for index in range(self.count)])

    def places(self, index: int) -> Tensor:
        """Where in the photograph each pixel of a frame is, (2, side, side): see :func:`dsd.data.warp.places`."""
        centre, matrix = self._view(index)
        bent = self._bend(places(self.side, self.side), index)
        return torch.einsum("ij,jhw->ihw", matrix, bent) + centre

    def origins(self, index: int) -> Tensor:
        """Where in the frame before it each pixel of a frame was, (2, side, side); perhaps outside.

        Raises:
            ValueError: it is the first frame.
        """
        check_integer(index, "index", 1)
        centre, matrix = self._view(index - 1)
        bent = torch.einsum("ij,jhw->ihw", matrix.inverse(), self.places(index) - centre)
        at = bent
        for _ in range(8):  # p + bend(p) solved for p: each time the error is an eighth or less
            at = at + bent - self._bend(at, index - 1)
        return at

    def _view(self, index: int) -> tuple[Tensor, Tensor]:
        """Centre (2, 1, 1), and the matrix z R."""
        x, y, zoom, angle, *_ = self.walk[index].tolist()
        cosine, sine = math.cos(TURN * angle), math.sin(TURN * angle)
        matrix = (1 + ZOOM * zoom) * torch.tensor([[cosine, -sine], [sine, cosine]])
        return PAN * self.side * torch.tensor([x, y])[:, None, None], matrix

    def _bend(self, at: Tensor, index: int) -> Tensor:
        phase = math.pi * self.walk[index, 4:, None, None]
        return at + BEND * self.side * (2 * math.pi * at.flip(0) / self.side + phase).sin()
