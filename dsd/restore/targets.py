"""What targets of a fixed pool are compared by: encoded once, kept in memory."""

from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from dsd.losses import LossSum
from dsd.losses.base import Encoding
from dsd.precision import full_precision
from dsd.restore.pairs import Batches

AT_ONCE = 16  # crops that are encoded together: always the same ones, so that a resumed run has the same values


class Targets:
    """Encodings of all clean crops of a pool.

    A training step then runs the network of the losses on predictions only. Memory: C² numbers a crop for each layer
    and scaling factor of DSD, all features for the perceptual, projected and contextual losses.

    Args:
        losses: which compare.
        pool: of which the crops are.
        device: of the losses' networks.
        quiet: show no progress.
    """

    def __init__(self, losses: LossSum, pool: Batches, device: str, *, quiet: bool = False) -> None:
        count = pool.places
        self.kept: dict[str, tuple[str, dict[tuple, Tensor]]] = {}  # by loss: who encoded it, and all its entries
        starts = tqdm(range(0, count, AT_ONCE), "encoding targets", unit=f"{AT_ONCE} crops", disable=quiet)
        with full_precision(), torch.no_grad():
            for start in starts:
                places = range(start, min(start + AT_ONCE, count))
                encodings = losses.encode(torch.stack([pool.of_pool(place)[1] for place in places]).to(device))
                for name, encoding in encodings.items():
                    if isinstance(encoding, Encoding):
                        self._keep(name, encoding, places, count)

    def _keep(self, name: str, encoding: Encoding, places: range, count: int) -> None:
        _, entries = self.kept.setdefault(name, (encoding.by, {}))
        for key, entry in encoding.items():
            if key not in entries:
                entries[key] = torch.empty(count, *entry.shape[1:], dtype=entry.dtype)
            entries[key][places.start : places.stop] = entry.cpu()

    def of(self, places: Tensor, clean: Tensor, names: tuple[str, ...]) -> dict[str, Any]:
        """What ``losses.encode(clean)`` returns for the crops at these places.

        Args:
            places: (N,).
            clean: the crops themselves, (N, 3, S, S), for losses that are not on features.
            names: of all losses, in their order.
        """
        return {
            name: Encoding({key: entry[places].to(clean.device) for key, entry in kept[1].items()}, kept[0])
            if (kept := self.kept.get(name))
            else clean
            for name in names
        }
