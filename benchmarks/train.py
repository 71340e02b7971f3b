"""One training step by Eq. 6 (×4, xSRResNet-5, 8 crops of 64², DSD at ReLU2_2), against the authors' way.

The authors' way: float32, NCHW, four passes of torchvision's VGG-19 a step: both images to conv5_4, both downscaled
images to ReLU2_2. Ours runs VGG-19 once for all losses, in channels-last layout; kept targets are encoded before.

    python benchmarks/train.py [--weights auto] [--rounds 5] [--device auto]
"""

import argparse
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from _measure import interleaved, peak_mib, print_peak, write
from torch import Tensor
from torchvision.models import vgg

from dsd import VGG19, downscale
from dsd.backbones import find_device
from dsd.backbones.vgg19 import TORCHVISION_INDEX
from dsd.precision import full_precision
from dsd.restore.config import Config
from dsd.restore.config_files import parse_config
from dsd.restore.networks import SRResNet
from dsd.restore.objective import objective
from dsd.restore.pairs import Aligned, Batches, Files
from dsd.restore.runs import with_loss
from dsd.restore.sources import training_sets
from dsd.restore.step import Step
from dsd.restore.targets import Targets

RELU2_2, CONV5_4 = 8, 34  # in torchvision's `features`
THEIRS = "authors' way, float32"
LOSSES = ("none", "cx", "pdl", "style", "mss", "dsd")


def settings(loss: str = "dsd", **changes: object) -> Config:
    """A run of the sample preset on scikit-image's photographs, with weights by hand."""
    base = parse_config(
        {"losses": {"rec": {"weight": 1}, "per": {"weight": 1}}, "data": {"images": ["embedded"], "pool": 4}, **changes}
    )
    return with_loss(base, loss, "relu2_2")


def stepper(config: Config, batches: Batches, device: str, *, keep: bool) -> Callable[[], float]:
    """What takes one step each time it is called, and returns the loss before it."""
    losses = objective(config, device)
    targets = Targets(losses, batches, device, quiet=True) if keep else None
    network = network_of(device).to(memory_format=torch.channels_last)
    step = Step(network, losses, targets, config).to(device)
    return _taken(network, lambda batch: torch.stack(list(step(batch, 1).values())).sum(), batches)


def authors_way(weights: str, batches: Batches, device: str) -> Callable[[], float]:
    """The same step with four passes of VGG-19 in float32."""
    known = VGG19(("conv5_4",), weights).to(device)
    features = vgg.make_layers(vgg.cfgs["E"])[: CONV5_4 + 1].requires_grad_(False).to(device)
    for index, convolution in zip(TORCHVISION_INDEX, known.convolutions, strict=False):
        features[index].load_state_dict(convolution.state_dict())

    def maps(x: Tensor, last: int) -> tuple[Tensor, Tensor]:
        x, early = (x - known.mean) / known.std, x
        for index, module in enumerate(features[: last + 1]):
            x = module(x)
            early = x.clone() if index == RELU2_2 else early  # conv3_1's ReLU works in place elsewhere
        return early, x

    def gram(x: Tensor) -> Tensor:
        flat = x.flatten(2)
        return flat @ flat.mT / flat[0].numel()

    def loss(batch: object) -> Tensor:
        x, y = network(batch.degraded.to(device)), batch.clean.to(device)  # type: ignore[attr-defined]
        (early_x, deep_x), (early_y, deep_y) = maps(x, CONV5_4), maps(y, CONV5_4)
        small_x, small_y = (maps(downscale(image, 2), RELU2_2)[0] for image in (x, y))
        dsd = ((gram(early_x) - gram(small_x)) - (gram(early_y) - gram(small_y))).abs().mean()
        return F.l1_loss(x, y) + F.l1_loss(deep_x, deep_y) + dsd

    network = network_of(device)
    return _taken(network, loss, batches)


def network_of(device: str) -> SRResNet:
    """The same generator for all."""
    torch.manual_seed(0)
    return SRResNet().to(device)


def _taken(network: SRResNet, loss: Callable[..., Tensor], batches: Batches) -> Callable[[], float]:
    adam = torch.optim.Adam(network.parameters(), 2e-4)
    count = iter(range(10**9))

    def take() -> float:
        batch = batches[next(count)]
        with full_precision():
            adam.zero_grad()
            value = loss(batch)
            value.backward()
            adam.step()
        return value.item()

    return take


def main() -> None:
    """Measure, print and write train.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--peak", help="of one way: print its memory, and nothing else")
    options = parser.parse_args()
    device = find_device(options.device)
    same = {"weights": options.weights}
    first = settings(**same)
    pairs = Aligned(Files(training_sets(first)), 4, quiet=True)
    batches = Batches(pairs, side=64, size=8, steps=10**9, seed=0, each=4)
    fast = {"precision": "bfloat16", **same}
    ways: dict[str, Callable[[], Callable[[], float]]] = {
        THEIRS: lambda: authors_way(options.weights, batches, device),
        "ours, float32": lambda: stepper(first, batches, device, keep=False),
        "ours, float32, kept targets": lambda: stepper(first, batches, device, keep=True),
        "ours, bfloat16": lambda: stepper(settings(**fast), batches, device, keep=False),
    }
    for loss in LOSSES:
        ways[f"ours, bfloat16, kept targets, {loss}"] = lambda loss=loss: stepper(  # type: ignore[misc]
            settings(loss, **fast), batches, device, keep=True
        )
    alone = parse_config({"losses": {"rec": {"weight": 1}}, "precision": "bfloat16"})
    ways["ours, bfloat16, L1 alone"] = lambda: stepper(alone, batches, device, keep=False)
    if options.peak:
        step = ways[options.peak]()
        print_peak(step)
        return
    steps = {name: way() for name, way in ways.items()}
    values = {name: step() for name, step in steps.items()}
    seconds = interleaved(steps, options.rounds)
    start = time.perf_counter()
    for index in range(20):
        batches[index]
    drawing = (time.perf_counter() - start) / 20
    arguments = ["--weights", options.weights, "--device", options.device]
    write(
        __file__,
        [
            {
                "way": name,
                "steps_per_second": 1 / seconds[name],
                "times_faster": seconds[THEIRS] / seconds[name],
                "loss_before": values[name],
                "drawing_share": drawing / seconds[name],
                "memory_mib": peak_mib(__file__, *arguments, "--peak", name),
            }
            for name in steps
        ],
    )


if __name__ == "__main__":
    main()
