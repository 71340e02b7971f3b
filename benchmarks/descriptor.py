"""‖DSD_2‖ at ReLU3_1 of 32 photographs of 224²: ours against the authors' way.

The authors' way: VGG-19 cut after ReLU3_1, one image and one scale at a time, float32, NCHW.

    python benchmarks/descriptor.py [--weights auto] [--rounds 5]
"""

import argparse
from collections.abc import Callable

import torch
from _measure import interleaved, matmul_gflops, peak_mib, print_peak, write
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import vgg

from dsd import VGG19, downscale, dsd_norm, grams
from dsd.backbone import TORCHVISION_INDEX
from dsd.data import Photographs

LAYER = "relu3_1"


def authors_way(network: VGG19) -> Callable[[Tensor], Tensor]:
    """The same weights in torchvision's VGG-19 cut after ReLU3_1, called once per image and scale."""
    features = vgg.make_layers(vgg.cfgs["E"])[:12].requires_grad_(False)
    for index, convolution in zip(TORCHVISION_INDEX, network.convolutions, strict=False):
        features[index].load_state_dict(convolution.state_dict())

    def gram(image: Tensor) -> Tensor:
        maps = features((image - network.mean) / network.std)
        _, channels, height, width = maps.shape
        flat = maps.view(channels, height * width)
        return flat @ flat.t() / (channels * height * width)

    def norms(x: Tensor) -> Tensor:
        return torch.stack([(gram(image) - gram(downscale(image, 2))).abs().mean() for image in x.split(1)])

    return norms


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
    theirs = authors_way(networks["float32"])
    candidates: dict[str, Callable[[], Tensor]] = {
        "authors' way, float32": lambda: theirs(x),
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
    forward = interleaved({"": lambda: grams(x, networks["float32"])}, options.rounds)[""]
    with FlopCounterMode(display=False) as counter:
        grams(x, networks["float32"])
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
