"""How weights of channels learn from triplets: LPIPS's ranking loss."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsd.learned.batches import Batches

SCALED = 20  # batches over which the scale of layers is taken
APART = 0.1  # in quotients of distances, as in LPIPS's code


class Ranking(nn.Module):
    """G of LPIPS: the share of people who find the second image closer, from the distances of both.

    As in LPIPS's code, it sees d₀, d₁, d₀ − d₁, d₀ / (d₁ + 0.1) and d₁ / (d₀ + 0.1). Two layers of 32, leaky ReLU of
    slope 0.2.

    Reference:
        Zhang et al., CVPR 2018, Sec. 3, and the code of its repository, ``Dist2LogitLayer``.

    Example:
        >>> Ranking()(torch.rand(5), torch.rand(5)).shape
        torch.Size([5])
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Linear(5, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
        )

    def forward(self, d0: Tensor, d1: Tensor) -> Tensor:
        """Logits (N,) of the share, from distances (N,)."""
        seen = torch.stack([d0, d1, d0 - d1, d0 / (d1 + APART), d1 / (d0 + APART)], dim=1)
        return self.layers(seen)[:, 0]


class Learner(nn.Module):
    """Weights of channels and G, which together tell the share.

    Weights are learned relative to the scale of their layer. They begin with 1, where each layer gives the same part of
    the distance on average, and the distance is 1 on average.

    Args:
        widths: {layer: channels}.
        channels: from a batch to m of both images, (N, K) each.
        dropout: part of the channels that are left out, the same ones of both distances of a triplet. (LPIPS's code
            leaves out places of feature maps, for each distance by itself.)
        backbone: a network that learns, too.
        seed: of G's first weights, and of what is left out.
    """

    scale: Tensor

    def __init__(
        self,
        widths: Mapping[str, int],
        channels: Callable[[tuple[Tensor, ...]], tuple[Tensor, Tensor]],
        *,
        dropout: float,
        seed: int,
        backbone: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.widths, self.channels, self.dropout, self.seed = widths, channels, dropout, seed
        self.backbone = backbone
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.ranking = Ranking()
        self.relative = nn.Parameter(torch.ones(sum(widths.values())))
        self.register_buffer("scale", torch.ones_like(self.relative))

    def set_scale(self, batches: Batches) -> None:
        """Take the scale of layers from the first batches."""
        with torch.no_grad():
            some = [torch.cat(self.channels(self._here(batches[k]))) for k in range(min(SCALED, len(batches)))]
        parts = torch.cat(some).mean(dim=0).split([*self.widths.values()])
        if dark := [layer for layer, part in zip(self.widths, parts, strict=True) if not part.sum() > 0]:
            raise ValueError(f"images must differ from their references at {', '.join(dark)}; these are equal there")
        self.scale.copy_(torch.cat([part.sum().expand_as(part) for part in parts]) * len(parts))

    def heads(self) -> Tensor:
        """The weights, (K,), at least 0."""
        return (self.relative / self.scale).detach()

    def clamp(self) -> None:
        """Lift weights below 0 to 0."""
        with torch.no_grad():
            self.relative.clamp_(min=0)

    def forward(self, batch: tuple[Tensor, ...], step: int) -> dict[str, Tensor]:
        """The loss: binary cross-entropy of the share that G tells and that of people."""
        *_, share = batch = self._here(batch)
        m0, m1 = self.channels(batch)
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        kept = (torch.rand(m0.shape, generator=random) >= self.dropout).to(m0) / (1 - self.dropout)
        d0, d1 = ((m * kept) @ (self.relative / self.scale) for m in (m0, m1))
        return {"ranking": F.binary_cross_entropy_with_logits(self.ranking(d0, d1), share)}

    def _here(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(part.to(self.scale.device) for part in batch)
