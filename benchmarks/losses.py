"""L_DSD (ReLU2_1, 2_2, 3_1; alpha 2) of 8 pairs of 224² against the authors' way; the contextual loss: time, memory.

The authors' way: four passes of torchvision's VGG-19 cut after ReLU3_1, float32, NCHW. The contextual loss's time is
that of a step on features alone, beside the matrix products that it can't do without.

    python benchmarks/losses.py [--weights auto] [--rounds 5]
"""

import argparse
from collections.abc import Callable
from functools import partial

import torch
from _authors import authors_grams
from _measure import interleaved, peak_mib, print_peak, write
from torch import Tensor

from dsd import VGG19, downscale, paper
from dsd.contextual import ENTRIES, contextual
from dsd.data.views import Photographs
from dsd.losses import ContextualLoss, DSDLoss

LAYERS = paper.FIG4["layers"]


def authors_way(network: VGG19) -> Callable[[Tensor, Tensor], Tensor]:
    """L_DSD, both images and both scales anew in every call."""
    grams = authors_grams(network, LAYERS)

    def loss(x: Tensor, y: Tensor) -> Tensor:
        x1, x2, y1, y2 = (grams(image) for image in (x, downscale(x, 2), y, downscale(y, 2)))
        terms = [((a - b) - (c - d)).abs().mean() for a, b, c, d in zip(x1, x2, y1, y2, strict=True)]
        return torch.stack(terms).sum()

    return loss


def photographs(count: int, resize: int, crop: int, crops: int = 1) -> Tensor:
    """The embedded photographs, so many crops of each, as one batch."""
    views = Photographs.from_folder("embedded", resize=resize, crop=crop, count=count, crops=crops)
    return torch.stack([views[index] for index in range(count)])


def bench_dsd(weights: str, rounds: int) -> list[dict[str, object]]:
    """Forward alone, and forward and backward, each against the authors' way."""
    images = photographs(16, 256, 224, crops=2)
    x, y = images[:8], images[8:]
    networks = {precision: VGG19(LAYERS, weights, precision=precision) for precision in ("float32", "bfloat16")}
    losses = {precision: DSDLoss(network) for precision, network in networks.items()}
    theirs = authors_way(networks["float32"])
    with torch.no_grad():
        targets = {precision: loss.encode(y) for precision, loss in losses.items()}
    candidates: dict[str, Callable[[Tensor], Tensor]] = {"authors' way, float32": lambda z: theirs(z, y)}
    for precision, loss in losses.items():
        candidates[f"ours, {precision}"] = lambda z, loss=loss: loss(z, y)  # type: ignore[misc]
        candidates[f"ours, {precision}, cached target"] = lambda z, loss=loss, target=targets[precision]: loss(
            z, target
        )  # type: ignore[misc]

    def forward(candidate: Callable[[Tensor], Tensor]) -> Tensor:
        with torch.no_grad():
            return candidate(x)

    def gradient(candidate: Callable[[Tensor], Tensor]) -> Tensor:
        z = x.clone().requires_grad_()
        return torch.autograd.grad(candidate(z), z)[0]

    rows: list[dict[str, object]] = []
    for what, measure in (("forward", forward), ("forward+backward", gradient)):
        expected = measure(candidates["authors' way, float32"])
        calls = {name: lambda c=candidate, measure=measure: measure(c) for name, candidate in candidates.items()}
        seconds = interleaved(calls, rounds)
        rows += [
            {
                "what": f"L_DSD {what}, {name}",
                "seconds": seconds[name],
                "times_faster": seconds["authors' way, float32"] / seconds[name],
                "relative_difference": ((calls[name]() - expected).norm() / expected.norm()).item(),
            }
            for name in candidates
        ]
    return rows


def contextual_step(weights: str, side: int) -> None:
    """One forward and backward pass of the contextual loss at ReLU2_1."""
    x, y = photographs(2, side, side).split(1)
    loss = ContextualLoss(VGG19(("relu2_1",), weights))
    loss(x.requires_grad_(), y).backward()


def products(a: Tensor, b: Tensor, winners: int) -> None:
    """The matrix products of such a step on positions (P, C), in its blocks: every row; again those of the winners."""
    rows = max(1, ENTRIES["cpu"][0] // len(b))
    block = torch.empty(rows, len(b))
    for part in a.split(rows):
        torch.mm(part, b.mT, out=block[: len(part)])
    for part in a[:winners].split(rows):
        torch.mm(part, b.mT, out=block[: len(part)]) @ b


def bench_contextual(weights: str, rounds: int) -> list[dict[str, object]]:
    """Seconds of a step on features of two photographs, the target fixed, and of its products; the peak of memory."""
    rows: list[dict[str, object]] = []
    for side in (256, 512):
        with torch.no_grad():
            a, b = VGG19(("relu2_1",), weights)(photographs(2, side, side))["relu2_1"].split(1)

        def gradient(a: Tensor = a, b: Tensor = b) -> Tensor:
            x = a.clone().requires_grad_()
            return torch.autograd.grad(contextual(x, b).sum(), x)[0]

        winners = int((gradient() != 0).any(dim=1).sum())  # rows that hold a column's maximum
        positions = [features.flatten(2)[0].mT.contiguous() for features in (a, b)]
        calls: dict[str, Callable[[], object]] = {
            "step": gradient,
            "products": partial(products, positions[0], positions[1], winners),
        }
        seconds = interleaved(calls, rounds if side == 256 else 1)
        rows.append(
            {
                "what": f"contextual ReLU2_1 {side}², forward+backward",
                "seconds": seconds["step"],
                "products_seconds": seconds["products"],
                "times_its_products": seconds["step"] / seconds["products"],
                "peak_MiB": peak_mib(__file__, "--weights", weights, "--peak-of", str(side)),
                "one_full_matrix_MiB": 4 * len(positions[1]) ** 2 / 2**20,
            }
        )
    return rows


def main() -> None:
    """Measure, print and write losses.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--rounds", type=int, default=5, help="of measurements; the largest ones are made once")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak_of:
        print_peak(lambda: contextual_step(options.weights, options.peak_of))
    else:
        write(__file__, bench_contextual(options.weights, options.rounds) + bench_dsd(options.weights, options.rounds))


if __name__ == "__main__":
    main()
