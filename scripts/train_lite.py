"""Distil VGG-19 lite from VGG-19: on features, Gram matrices and DSD matrices of varied photographs.

    python scripts/train_lite.py [--weights vgg19-oxford-features.pth] [--start earlier.safetensors] [--out build/lite]

Needs the real VGG-19's weights (of the file named, else the first found) and, under the data root, imagenet-sample,
imagenette160 and bsds500. Weights begin as in `--start` where their names and kernels fit (narrower ones are widened);
else VGG-19's convolutions after ReLU2_2 are factored, and the rest is random. Stopped at any time, even by `kill -9`,
it goes on from its last checkpoint when started again. The end is `vgg19-lite.safetensors`: copy it to `dsd/`, and its
SHA-256 and the teacher's to `dsd/lite.py` and to its card.
"""

import argparse
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from lite_start import initialise, read_start, scale_features
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from dsd.backbone import VGG19, find_device
from dsd.data import find_images, held_out, load_image
from dsd.data.distortions import blur, down_up, jpeg
from dsd.descriptor import downscale
from dsd.files import written
from dsd.frozen import Backbone
from dsd.gram import gram, l1_norm
from dsd.lite import CHANNELS, FACTORED, VGG19Lite

ALPHAS = (1, 2, 4)
SHAPES = ((8, 128), (4, 192), (8, 128), (2, 256))  # images in a batch and their side: one after the other
MUON_RATE, ADAM_RATE = 0.003, 3e-4  # the highest: of weights, as matrices, and of biases
SHARES = {"relu1_2": 4, "relu2_1": 4, "relu2_2": 4, "relu3_1": 2, "relu4_1": 1}  # features of 1 image in k are compared
SELDOM = 2 * len(SHAPES)  # ReLU1_2, which costs most and is learnt soonest, takes part in every 8th step, of 2 images
EVERY = 50  # steps from checkpoint to checkpoint


def training_images() -> list[Path]:
    """Photographs of the data root to learn from; every third ImageNet class, BSDS `val` and LIVE are left out."""
    paths = find_images("bsds500/train") + find_images("bsds500/test")
    for name in ("imagenet-sample", "imagenette160"):
        images = find_images(name)
        kept_for_the_report = set(held_out(images))
        paths += [path for path in images if path not in kept_for_the_report]
    return paths


class Batches(Dataset[Tensor]):
    """Item k is the batch of step `start` + k, (N, 3, S, S) in [0, 1]: N/2 crops, then each of them distorted."""

    def __init__(self, paths: list[Path], start: int, steps: int, seed: int) -> None:
        self.images = [(255 * load_image(path)).byte() for path in tqdm(paths, desc="decoding", unit="image")]
        self.start, self.steps, self.seed = start, steps, seed

    def __len__(self) -> int:
        """Count the steps that are left."""
        return self.steps - self.start

    def __getitem__(self, index: int) -> Tensor:
        """Make one batch: the same whenever it is asked for."""
        step = self.start + index
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        count, side = SHAPES[step % len(SHAPES)]
        crops = [self._crop(side, generator) for _ in range(count // 2)]
        return torch.stack(crops + [_distorted(x, generator) for x in crops])

    def _crop(self, side: int, generator: torch.Generator) -> Tensor:
        """A square of any size and place, brought to `side` pixels; some mirrored, grey, or of another contrast."""
        image = self.images[int(torch.randint(len(self.images), (), generator=generator))]
        size, top, left, mirror, grey, contrast = torch.rand(6, generator=generator).tolist()
        height, width = image.shape[1:]
        smallest = min(0.7 * side, height, width)
        length = round(smallest * (min(height, width) / smallest) ** size)
        top, left = round(top * (height - length)), round(left * (width - length))
        x = image[:, top : top + length, left : left + length] / 255
        x = F.interpolate(x[None], (side, side), mode="bicubic", antialias=True)[0]
        if mirror < 0.5:
            x = x.flip(2)
        if grey < 0.1:
            x = x.mean(dim=0).expand(3, -1, -1)
        if contrast < 0.3:
            x = x.mean() + (0.4 + 3 * contrast) * (x - x.mean())
        return x.clamp(0, 1)


def _distorted(x: Tensor, generator: torch.Generator) -> Tensor:
    """Blur, noise, JPEG or a lost resolution, from hardly visible to strong."""
    kind = int(torch.randint(4, (), generator=generator))
    amount = torch.rand((), generator=generator).item()
    if kind == 0:
        x = blur(x, 0.4 * 12**amount)
    elif kind == 1:
        x = x + 0.01 * 40**amount * torch.randn(x.shape, generator=generator)
    elif kind == 2:
        x = jpeg(x, round(4 + 76 * amount))
    else:
        x = down_up(x, 1.2 + 3.3 * amount)
    return x.clamp(0, 1)


def distillation_losses(
    student: VGG19Lite, teacher: Backbone, x: Tensor, deviations: Mapping[str, Tensor], step: int = 0
) -> dict[str, Tensor]:
    """Relative errors, averaged over the student's layers, of what it must reproduce of the teacher.

    `features` (squared, over the channel's variance; of the images that :func:`compared` names),
    `gram` and `dsd` matrices, and `pair`, the difference of DSD matrices between a photograph and its distorted copy
    (Eq. 4). The student learns each channel in units of its standard deviation, `deviations`.
    """
    losses: dict[str, list[Tensor]] = {"features": [], "gram": [], "dsd": [], "pair": []}
    grams: dict[tuple[str, float], tuple[Tensor, Tensor]] = {}
    mixed = torch.autocast(x.device.type, torch.bfloat16, enabled=teacher.precision == "bfloat16")
    for alpha in ALPHAS:
        small = downscale(x, alpha)
        with torch.no_grad():
            targets = teacher(small)
        with mixed:
            predictions = dict(student.activations(student.normalise(small)))
        for layer, features in predictions.items():
            unit = deviations[layer]
            some = compared(layer, len(x), step)
            wanted = targets[layer][some] * (1 / unit).to(features.dtype)[:, None, None]
            losses["features"].append((features[some] - wanted).float().square().mean())
            grams[layer, alpha] = gram(features) * unit.outer(unit), gram(targets[layer])
            losses["gram"].append(_relative_error(*grams[layer, alpha]))
    for layer in student.layers:
        for alpha in ALPHAS[1:]:
            mine, theirs = (a - b for a, b in zip(grams[layer, 1], grams[layer, alpha], strict=True))
            losses["dsd"].append(_relative_error(mine, theirs))
            half = len(x) // 2
            losses["pair"].append(_relative_error(mine[:half] - mine[half:], theirs[:half] - theirs[half:]))
    return {name: torch.stack(values).mean() for name, values in losses.items()}


def compared(layer: str, count: int, step: int) -> list[int]:
    """Which of a batch's `count` images have their features compared: every one, in the course of the steps."""
    return [(step // SELDOM + k) % count for k in range(max(1, count // SHARES[layer]))]


def _relative_error(mine: Tensor, theirs: Tensor) -> Tensor:
    """‖mine − theirs‖₁ / ‖theirs‖₁, whose denominator is kept from 0 by half of the batch's mean."""
    size = l1_norm(theirs)
    return (l1_norm(mine - theirs) / (size + size.mean()) * 2).mean()


def _muon(weights: Sequence[nn.Parameter], rate: float) -> torch.optim.Muon:
    """Muon for convolutions: each one's weights are a matrix, a row for every output channel, in the same memory."""
    muon = torch.optim.Muon([nn.Parameter(_matrix(weight.detach())) for weight in weights], rate, weight_decay=0)

    def take_gradients(*_: Any) -> None:
        for weight, matrix in zip(weights, muon.param_groups[0]["params"], strict=True):
            matrix.grad = None if weight.grad is None else _matrix(weight.grad)

    muon.register_step_pre_hook(take_gradients)
    return muon


def _matrix(weight: Tensor) -> Tensor:
    return weight.permute(0, 2, 3, 1).flatten(1)


def _optimisation(student: VGG19Lite, steps: int) -> list[Optimizer | LRScheduler]:
    """Muon for weights, AdamW for biases, and the schedule of both: up for a tenth of the steps, down a cosine."""
    weights = [parameter for parameter in student.parameters() if parameter.ndim == 4]
    biases = [parameter for parameter in student.parameters() if parameter.ndim == 1]
    optimisers = [_muon(weights, MUON_RATE), torch.optim.AdamW(biases, ADAM_RATE)]

    def shape(step: int) -> float:
        progress = (step + 1) / steps
        return min(10 * progress, (1 + math.cos(math.pi * (progress - 0.1) / 0.9)) / 2)

    return [*optimisers, *(LambdaLR(optimiser, shape) for optimiser in optimisers)]


def train(
    out: Path, *, steps: int, seed: int, device: str, weights: str | Path = "auto", start: Path | None = None
) -> None:
    """Train to the end, from the last checkpoint where there is one, and write the weights."""
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "checkpoint.pt"
    teacher = VGG19((*CHANNELS, *FACTORED), weights, precision="bfloat16").to(device)
    student = VGG19Lite(weights="random").requires_grad_(True).to(device)
    optimisation = _optimisation(student, steps)
    earlier, start_sha256 = read_start(start)
    settings = {"steps": steps, "seed": seed, "teacher_sha256": teacher.weights_sha256, "start_sha256": start_sha256}
    done, history = 0, []
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        if state["settings"] != settings:
            raise SystemExit(
                f"{checkpoint} is of another run, {state['settings']}; this one is {settings}: remove it, or use --out"
            )
        student.load_state_dict(state["student"])
        for part, found in zip(optimisation, state["optimisation"], strict=True):
            part.load_state_dict(found)
        done, history, deviations = state["step"], state["history"], state["deviations"]
    paths = training_images()
    batches = Batches(paths, done, steps, seed)
    if not done:
        deviations = initialise(student, teacher, earlier, [batches[k] for k in range(min(16, steps))])
    teacher.layers = VGG19Lite.LAYERS  # what is between them was for the beginning only
    workers = min(8, (os.cpu_count() or 2) // 2)
    progress = tqdm(DataLoader(batches, batch_size=None, num_workers=workers), initial=done, total=steps, unit="step")
    for step, x in enumerate(progress, done + 1):
        student.layers = VGG19Lite.LAYERS if step % SELDOM == 0 else VGG19Lite.LAYERS[1:]
        losses = distillation_losses(student, teacher, x.to(device), deviations, step)
        student.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1)
        for part in optimisation:
            part.step()
        history.append({name: value.item() for name, value in losses.items()})
        if step % EVERY == 0 or step == steps:
            recent = {name: sum(h[name] for h in history[-EVERY:]) / len(history[-EVERY:]) for name in losses}
            progress.set_postfix_str(", ".join(f"{name} {value:.3f}" for name, value in recent.items()))
            state = {"student": student.state_dict(), "deviations": deviations, "step": step, "history": history}
            state |= {"settings": settings, "optimisation": [part.state_dict() for part in optimisation]}
            with written(checkpoint) as file:
                torch.save(state, file)
    scale_features(student, deviations)
    trained = {name: value.half().contiguous() for name, value in student.state_dict().items()}
    about: dict[str, Any] = {**settings, "images": len(paths), "teacher": teacher.weights_name}
    with written(out / "vgg19-lite.safetensors") as file:
        file.write(save(trained, {"about": json.dumps(about)}))
    with written(out / "history.json") as file:
        file.write(json.dumps(history).encode())


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/lite"))
    parser.add_argument("--weights", default="auto", help="the teacher's, VGG-19's")
    parser.add_argument("--start", type=Path, help="earlier weights: what fits is taken, narrower layers are widened")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="cuda, cpu (cuda where there is one)")
    options = parser.parse_args()
    train(
        options.out,
        steps=options.steps,
        seed=options.seed,
        device=find_device(options.device),
        weights=options.weights,
        start=options.start,
    )


if __name__ == "__main__":
    main()
