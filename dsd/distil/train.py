"""Distil VGG-19 lite from VGG-19: on features, Gram matrices and DSD matrices of varied photographs."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from dsd.atomic import atomic_write
from dsd.backbones import find_device
from dsd.backbones.lite import CHANNELS, FACTORED, LAYERS, VGG19Lite
from dsd.backbones.vgg19 import VGG19
from dsd.distil.batches import Batches
from dsd.distil.images import training_images
from dsd.distil.losses import SELDOM, distillation_losses
from dsd.distil.start import initialise, read_start, scale_features
from dsd.training import Training, process_group

MUON_RATE, ADAM_RATE = 0.003, 3e-4  # the highest: of weights, as matrices, and of biases
EVERY = 50  # steps from checkpoint to checkpoint


def distil(
    out: str | Path = Path("build/lite"),
    *,
    steps: int = 8000,
    seed: int = 0,
    device: str = "auto",
    weights: str | Path = "auto",
    start: str | Path | None = None,
) -> Path:
    """Train to the end, from the last checkpoint where there is one, and write the weights.

    The data root must hold imagenet-sample, imagenette160 and bsds500. Weights begin as in `start` where their names
    and kernels fit (narrower layers are widened); else VGG-19's convolutions after ReLU2_2 are factored, and the rest
    is random. Stopped at any time, even by ``kill -9``, it goes on when called again. Each process of torchrun adds
    batches of its own to every step: another number of them is another run.

    To ship the result, copy it to ``dsd/backbones/``, and its SHA-256 and the teacher's to ``lite.py`` and the card.

    Args:
        out: the run's folder.
        steps: of the whole run.
        seed: of the batches.
        device: ``"cuda"``, ``"cpu"``, or ``"auto"``: CUDA where there is a GPU.
        weights: the teacher's, VGG-19's: a file, or ``"auto"`` for the first one of the data root.
        start: a file of earlier weights.

    Returns:
        The file of weights, ``vgg19-lite.safetensors``.

    Raises:
        FileNotFoundError: no weights, no such `start`, or a data set is missing.
        ValueError: a file is damaged, nothing of `start` fits, or the checkpoint is of another run.
        FloatingPointError: the losses are no longer finite.
    """
    out = Path(out)
    result = out / "vgg19-lite.safetensors"
    with process_group(find_device(device)) as process:
        teacher = VGG19((*CHANNELS, *FACTORED), weights, precision="bfloat16").to(process.device)
        learner = Learner().to(process.device)
        student = learner.student
        earlier, start_sha256 = read_start(start)
        settings = {"seed": seed, "teacher_sha256": teacher.weights_sha256, "start_sha256": start_sha256}
        settings["processes"] = process.count
        training = Training(
            learner,
            optimisers(student),
            lambda step: rate_factor(step, steps),
            steps=steps,
            out=out,
            settings=settings,
            process=process,
        )
        paths = training_images()
        batches = Batches(paths, steps, seed, process.rank, process.count)
        if training.step == 0 and process.rank == 0:
            learner.set_deviations(initialise(student, teacher, earlier, [batches[k] for k in range(min(16, steps))]))
        teacher.layers = LAYERS  # what is between them was for the beginning only

        def losses(x: Tensor, step: int) -> dict[str, Tensor]:
            student.layers = LAYERS if step % SELDOM == 0 else LAYERS[1:]
            return distillation_losses(student, teacher, x.to(process.device), learner.deviations, step)

        training.run(batches, losses, every=EVERY, clip=1)
        if process.rank == 0:
            scale_features(student, learner.deviations)
            trained = {name: value.half().contiguous() for name, value in student.state_dict().items()}
            about: dict[str, Any] = {**training.settings, "images": len(paths), "teacher": teacher.weights_name}
            with atomic_write(result) as file:
                file.write(save(trained, {"about": json.dumps(about)}))
    return result


class Learner(nn.Module):
    """The student, and the deviations of the teacher's channels, in units of which it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.student = VGG19Lite(weights="random").requires_grad_(True)
        for layer, channels in CHANNELS.items():
            self.register_buffer(layer, torch.ones(channels))

    @property
    def deviations(self) -> dict[str, Tensor]:
        """{layer: (C,)}."""
        return {layer: self.get_buffer(layer) for layer in CHANNELS}

    def set_deviations(self, deviations: Mapping[str, Tensor]) -> None:
        """Take over those of the student's layers."""
        for layer, mine in self.deviations.items():
            mine.copy_(deviations[layer])


def rate_factor(step: int, steps: int) -> float:
    """Learning rates after `step` of `steps` steps, over the highest: up for a tenth of them, down a cosine."""
    progress = (step + 1) / steps
    return min(10 * progress, (1 + math.cos(math.pi * (progress - 0.1) / 0.9)) / 2)


def optimisers(student: VGG19Lite) -> dict[str, torch.optim.Optimizer]:
    """Muon for weights, AdamW for biases."""
    weights = [parameter for parameter in student.parameters() if parameter.ndim == 4]
    biases = [parameter for parameter in student.parameters() if parameter.ndim == 1]
    return {"muon": _muon(weights), "adamw": torch.optim.AdamW(biases, ADAM_RATE)}


def _muon(weights: Sequence[nn.Parameter]) -> torch.optim.Muon:
    """Muon for convolutions: each one's weights are a matrix, a row for every output channel, in the same memory."""
    muon = torch.optim.Muon([nn.Parameter(_matrix(weight.detach())) for weight in weights], MUON_RATE, weight_decay=0)

    def take_gradients(*_: Any) -> None:
        for weight, matrix in zip(weights, muon.param_groups[0]["params"], strict=True):
            matrix.grad = None if weight.grad is None else _matrix(weight.grad)

    muon.register_step_pre_hook(take_gradients)
    return muon


def _matrix(weight: Tensor) -> Tensor:
    return weight.permute(0, 2, 3, 1).flatten(1)
