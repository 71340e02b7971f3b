"""One step of matching a reference's DSD (Fig. 4: 256², ReLU2_1, 2_2, 3_1, scales 1, 2, 4), against the authors' way.

The authors' way: in every step the Gram matrices of both images, torchvision's VGG-19 cut after ReLU3_1, float32, NCHW.

    python benchmarks/optimize.py [--weights auto] [--rounds 7] [--device auto]
"""

import argparse
from collections.abc import Callable

import torch
from _authors import authors_grams
from _measure import interleaved, write
from torch import Tensor

from dsd import VGG19, DSDPyramidLoss, downscale, paper
from dsd.backbones import find_device
from dsd.data.views import Photographs

LAYERS = paper.FIG4["layers"]
ALPHAS = (1, 2, 4)


def authors_way(network: VGG19, reference: Tensor) -> Callable[[Tensor], Tensor]:
    """Σ over layers of ‖(G(x) − G(x↓2)) − (G(y) − G(y↓2))‖₁, and the same one scale further down; nothing is kept."""
    grams = authors_grams(network, LAYERS)

    def loss(x: Tensor) -> Tensor:
        of_x, of_y = ([grams(downscale(image, alpha)) for alpha in ALPHAS] for image in (x, reference))
        terms = [
            ((of_x[k][layer] - of_x[k + 1][layer]) - (of_y[k][layer] - of_y[k + 1][layer])).abs().mean()
            for k in range(2)
            for layer in range(len(LAYERS))
        ]
        return torch.stack(terms).sum()

    return loss


def stepper(content: Tensor, loss: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
    """What takes one step of Adam each time it is called, and returns the loss before it."""
    x = content.clone().requires_grad_()
    adam = torch.optim.Adam([x], paper.FIG4["learning_rate"])

    def step() -> Tensor:
        adam.zero_grad()
        value = loss(x).sum()
        value.backward()
        adam.step()
        return value.detach()

    return step


def main() -> None:
    """Measure, print and write optimize.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    device = find_device(options.device)
    pair = Photographs.from_names(["astronaut.png", "coffee.png"], resize=256)
    content, reference = (pair[k][None].to(device) for k in range(2))
    networks = {name: VGG19(LAYERS, options.weights, precision=name).to(device) for name in ("float32", "bfloat16")}
    steps = {"authors' way, float32": stepper(content, authors_way(networks["float32"], reference))}
    for name, network in networks.items():
        loss = DSDPyramidLoss(network, ALPHAS)
        target = loss.encode(reference)
        steps[f"ours, {name}"] = stepper(content, lambda x, loss=loss, target=target: loss(x, target))  # type: ignore[misc]
    first = {name: step().item() for name, step in steps.items()}
    seconds = interleaved(steps, options.rounds)
    theirs = "authors' way, float32"
    write(
        __file__,
        [
            {
                "what": name,
                "seconds": seconds[name],
                "times_faster": seconds[theirs] / seconds[name],
                "relative_difference": abs(first[name] / first[theirs] - 1),
            }
            for name in steps
        ],
    )


if __name__ == "__main__":
    main()
