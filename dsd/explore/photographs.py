"""Fig. 7's distribution, ‖DSD_α‖₁ of natural photographs, for the networks and sizes of the explorer.

The numbers lie in photographs.csv. They are measured again by ``python -m dsd.explore.photographs FOLDER``.
"""

import csv
import sys
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from dsd.atomic import atomic_write
from dsd.backbones import PAPER_LAYERS
from dsd.backbones.base import Backbone
from dsd.data.views import Photographs
from dsd.descriptor import dsd_norm
from dsd.explore.networks import LAYERS, load_network
from dsd.explore.pictures import MARGIN, SIDE
from dsd.quality.norms import tabulate

TABLE = Path(__file__).with_name("photographs.csv")
ALPHAS = (1.5, 2, 3, 4)
COUNT = 100


@lru_cache
def natural_norms(weights_sha256: str, alpha: float) -> tuple[float, ...]:
    """‖DSD_α‖₁ of photographs, summed over ReLU2_1, 2_2 and 3_1, in rising order.

    Args:
        weights_sha256: of the network; only its own photographs' values can be compared with its values.
        alpha: one of `ALPHAS`.

    Returns:
        One value for each of `COUNT` photographs. Empty: this network's were not measured.

    Example:
        >>> natural_norms("of no network", 2)
        ()
    """
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    here = [row for row in rows if row["weights"] == weights_sha256[:8] and float(row["alpha"]) == alpha]
    return tuple(sorted(float(row["norm"]) for row in here))


def measure(network: Backbone, photographs: Photographs) -> list[dict[str, str]]:
    """Rows of the table: each photograph's norm at each alpha.

    Args:
        network: with at least the layers that are summed.
        photographs: prepared as the explorer prepares its pictures.
    """

    def norms(x: Tensor) -> dict[str, Tensor]:
        by_layer = dsd_norm(x, network, ALPHAS)
        return {
            f"{alpha:g}": torch.stack([by_layer[layer, alpha] for layer in PAPER_LAYERS]).sum(dim=0) for alpha in ALPHAS
        }

    table = tabulate(photographs, norms)
    own = {"backbone": network.backbone_name, "weights": network.weights_sha256[:8]}
    return [
        {"file": row["file"], **own, "alpha": f"{alpha:g}", "norm": f"{row[f'{alpha:g}']:.5g}"}
        for alpha in ALPHAS
        for row in table.to_dict("records")
    ]


def main(folder: str) -> None:
    """Measure a folder's photographs with every network that can be explored, and write the table."""
    photographs = Photographs.from_folder(folder, resize=SIDE + 2 * MARGIN, crop=SIDE, count=COUNT, seed=0)
    rows = [row for name in LAYERS for row in measure(load_network(name, PAPER_LAYERS), photographs)]
    with atomic_write(TABLE, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(sys.argv[1])
