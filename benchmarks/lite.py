"""VGG-19 lite against VGG-19 stopped at the same layer: forward, and forward and backward, of 8 images of 224².

python benchmarks/lite.py [--weights auto] [--rounds 9] [--device cpu]
"""

import argparse
from collections.abc import Callable

import torch
from _measure import interleaved, write
from torch import Tensor

from dsd import VGG19, VGG19Lite
from dsd.backbones.base import Backbone


def forward(network: Backbone, x: Tensor) -> Callable[[], object]:
    def call() -> None:
        with torch.no_grad():
            network(x)

    return call


def gradient(network: Backbone, x: Tensor) -> Callable[[], object]:
    def call() -> None:
        z = x.clone().requires_grad_()
        (features,) = network(z).values()
        torch.autograd.grad(features, z, torch.ones_like(features))

    return call


def main() -> None:
    """Measure, print and write lite.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="auto", help="VGG-19's")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    x = torch.rand(8, 3, 224, 224, device=options.device)
    rows: list[dict[str, object]] = []
    for layer in ("relu3_1", "relu4_1"):
        networks: dict[str, Backbone] = {}
        for precision in ("float32", "bfloat16"):
            networks[f"vgg19 {precision}"] = VGG19((layer,), options.weights, precision=precision)
            networks[f"lite {precision}"] = VGG19Lite((layer,), precision=precision)
        for what, measure in (("forward", forward), ("forward+backward", gradient)):
            calls = {name: measure(network.to(options.device), x) for name, network in networks.items()}
            seconds = interleaved(calls, options.rounds)
            rows += [
                {
                    "layer": layer,
                    "what": what,
                    "precision": precision,
                    "vgg19_seconds": seconds[f"vgg19 {precision}"],
                    "lite_seconds": seconds[f"lite {precision}"],
                    "times_faster": seconds[f"vgg19 {precision}"] / seconds[f"lite {precision}"],
                }
                for precision in ("float32", "bfloat16")
            ]
    write(__file__, rows)


if __name__ == "__main__":
    main()
