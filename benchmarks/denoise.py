"""Peak memory of one training step of cx-denoise (four noisy crops), by loss and by side of the crops.

    python benchmarks/denoise.py [--weights auto]

A full matrix of similarities would be N × N for N positions: `full_matrix_mib` is one such matrix, of one crop.
"""

import argparse

import torch
from _measure import peak_mib, print_peak, write

from dsd.experiments.catalogue import REPOSITORY
from dsd.restore.config_files import load_config
from dsd.restore.networks import SRResNet
from dsd.restore.objective import objective
from dsd.restore.runs import with_loss_alone

LOSSES = {"l1": "", "cx": "relu3_2", "style": "relu2_2", "dsd": "relu2_2"}  # cx-denoise's layers
SIDES = (48, 96, 192, 384)
CONFIG = REPOSITORY / "configs/sample/denoise.yaml"


def step(loss: str, side: int, weights: str) -> None:
    """Print the peak of one step."""
    config = with_loss_alone(load_config(CONFIG, [f"weights={weights}"]), loss, LOSSES[loss])
    losses = objective(config, "cpu")
    network = SRResNet(config.network.blocks, activation=config.network.activation, scale=1)
    x, y = torch.rand(2, config.data.batch, 3, side, side)

    print_peak(lambda: losses(network(x), losses.encode(y))[0].sum().backward())


def main() -> None:
    """Measure each loss at each side in a process of its own, and write denoise.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--step", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(options.step[0], int(options.step[1]), options.weights)
        return
    rows = [
        {
            "loss": loss,
            "side": side,
            "positions": (side // 4) ** 2 if loss == "cx" else None,
            "memory_mib": peak_mib(__file__, "--weights", options.weights, "--step", loss, str(side)),
            "full_matrix_mib": (side // 4) ** 4 * 4 / 2**20 if loss == "cx" else None,
        }
        for loss in LOSSES
        for side in SIDES
    ]
    write(__file__, rows)


if __name__ == "__main__":
    main()
