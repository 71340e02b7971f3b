"""‖DSD_2‖ at ReLU3_1 of 32 photographs of 224²: ours against the authors' way.

The authors' way: VGG-19 cut after ReLU3_1, one image and one scale at a time, float32, NCHW.

    python benchmarks/descriptor.py [--weights auto] [--rounds 5]
"""

import argparse
from collections.abc import Callable

import torch
from _authors import authors_grams
from _measure import interleaved, matmul_gflops, peak_mib, print_peak, write
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from dsd import VGG19, downscale, dsd_norm, gram_matrices
from dsd.data.views import Photographs

LAYER = "relu3_1"


@torch.no_grad()
def main() -> None:
    """Measure, print and write descriptor.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    options = parser.parse_args()

    photographs = Photographs.from_folder("embedded", resize=256, crop=224, count=32, crops=4)
    x = torch.stack([photographs[index] for index in range(32)])
    networks = {name: VGG19((LAYER,), options.weights, precision=name) for name in ("float32", "bfloat16")}
    gram = authors_grams(networks["float32"], [LAYER])

    def theirs() -> Tensor:
        return torch.stack([(gram(z)[0] - gram(downscale(z, 2))[0]).abs().mean() for z in x.split(1)])

    candidates: dict[str, Callable[[], Tensor]] = {
        "authors' way, float32": theirs,
        **{
            f"ours, {name}": lambda network=network: dsd_norm(x, network)[LAYER, 2]  # type: ignore[misc]
            for name, network in networks.items()
        },
    }
    if options.peak_of:
        print_peak(candidates[options.peak_of])
        return

    reference = candidates["authors' way, float32"]()
    seconds = interleaved(candidates, options.rounds)
    forward = interleaved({"": lambda: gram_matrices(x, networks["float32"])}, options.rounds)[""]
    with FlopCounterMode(display=False) as counter:
        gram_matrices(x, networks["float32"])
    share = counter.get_total_flops() / forward / 1e9 / matmul_gflops()
    rows: list[dict[str, object]] = [
        {
            "what": name,
            "images_per_s": 32 / seconds[name],
            "times_faster": seconds["authors' way, float32"] / seconds[name],
            "largest_relative_difference": ((candidate() - reference).abs() / reference).max().item(),
            "peak_MiB": peak_mib(__file__, "--weights", options.weights, "--peak-of", name),
        }
        for name, candidate in candidates.items()
    ]
    rows.append(
        {
            "what": "float32 forward and Gram alone",
            "images_per_s": 32 / forward,
            "share_of_matmul_rate": share,
        }
    )
    if torch.cuda.is_available():
        batch = torch.rand(256, 3, 224, 224, device="cuda")
        for name, network in networks.items():
            network.cuda()
            took = interleaved({"": lambda network=network: dsd_norm(batch, network)}, options.rounds)[""]  # type: ignore[misc]
            rows.append({"what": f"ours, {name}, GPU, batch of 256", "images_per_s": 256 / took})
    write(__file__, rows)


if __name__ == "__main__":
    main()
