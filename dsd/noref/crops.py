"""What ψ learns from: crops of clean photographs downscaled, and the crops' ‖DSD‖."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from dsd.backbones.base import Backbone
from dsd.checkpoint import load_checkpoint, save_checkpoint
from dsd.data.images import load_image
from dsd.descriptor import dsd_norm
from dsd.resize import downscale

AT_ONCE = 16  # crops whose norms are computed together
EVERY = 20  # such parts from checkpoint to checkpoint


class Crops:
    """A fixed pool of crops: of each photograph a few, at random places, half of them mirrored.

    Args:
        paths: photographs, which are decoded at once and kept.
        alpha: the scaling factor.
        side: of a downscaled crop, in pixels; the crop itself is alpha times as large.
        each: crops of a photograph.
        seed: of their places.
        quiet: show no progress.

    Raises:
        ValueError: a photograph is smaller than a crop; the message names it.
    """

    def __init__(
        self, paths: Sequence[Path], alpha: float, *, side: int, each: int, seed: int, quiet: bool = False
    ) -> None:
        self.alpha, self.each, self.seed, self.quiet = alpha, each, seed, quiet
        self.size = round(side * alpha)
        self.images = []
        for path in tqdm(paths, "decoding", unit="image", disable=quiet):
            image = load_image(path)
            if min(image.shape[1:]) < self.size:
                raise ValueError(
                    f"{path} has {image.shape[2]}×{image.shape[1]} pixels: crops of {side}×{side} pixels at alpha "
                    f"{alpha:g} need at least {self.size}×{self.size}"
                )
            self.images.append((255 * image).round().byte())

    def __len__(self) -> int:
        """Count the crops."""
        return len(self.images) * self.each

    def __getitem__(self, index: int) -> Tensor:
        """One crop at full size, (3, S, S) in [0, 1]."""
        image = self.images[index // self.each]
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index)
        top, left = (int(torch.randint(size - self.size + 1, (), generator=generator)) for size in image.shape[1:])
        crop = image[:, top : top + self.size, left : left + self.size] / 255
        return crop.flip(2) if torch.rand((), generator=generator) < 0.5 else crop

    @torch.inference_mode()
    def inputs(self) -> Tensor:
        """What ψ sees: every crop downscaled, (N, 3, S/α, S/α)."""
        crops = tqdm(range(len(self)), "downscaling", unit="crop", disable=self.quiet)
        return torch.stack([downscale(self[index][None], self.alpha)[0] for index in crops])

    @torch.inference_mode()
    def targets(self, backbone: Backbone, checkpoint: Path, settings: Mapping[str, Any]) -> Tensor:
        """What it should say: ‖DSD_α‖₁ of every crop, (N, L), a column for each layer of the backbone.

        It goes on from the checkpoint where there is one.

        Raises:
            ValueError: the checkpoint is damaged or of other settings.
        """
        known = load_checkpoint(checkpoint, settings)["targets"] if checkpoint.is_file() else []
        progress = tqdm(initial=AT_ONCE * len(known), total=len(self), desc="‖DSD‖", unit="crop", disable=self.quiet)
        with progress:
            for start in range(AT_ONCE * len(known), len(self), AT_ONCE):
                some = range(start, min(start + AT_ONCE, len(self)))
                x = torch.stack([self[index] for index in some]).to(backbone.device)
                known.append(torch.stack([*dsd_norm(x, backbone, (self.alpha,)).values()], dim=1).cpu())
                progress.update(len(some))
                if len(known) % EVERY == 0 or some.stop == len(self):
                    save_checkpoint(checkpoint, {"targets": known}, settings)
        return torch.cat(known)


class Batches(Dataset[tuple[Tensor, Tensor]]):
    """Item k is the batch of step k + 1: inputs (N, 3, S, S) and targets (N, L), drawn with the seed and the step.

    Args:
        inputs: of all crops.
        targets: of all crops.
        size: of a batch.
        steps: how many batches there are.
        seed: of the draw.
        rank: number of this process, whose batches are its own.
        count: how many processes there are.
    """

    def __init__(
        self, inputs: Tensor, targets: Tensor, *, size: int, steps: int, seed: int, rank: int = 0, count: int = 1
    ) -> None:
        self.inputs, self.targets = inputs, targets
        self.size, self.steps, self.seed, self.rank, self.count = size, steps, seed, rank, count

    def __len__(self) -> int:
        """Count the steps."""
        return self.steps

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Draw one batch: the same whenever it is asked for."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + index * self.count + self.rank)
        chosen = torch.randint(len(self.inputs), (self.size,), generator=generator)
        return self.inputs[chosen], self.targets[chosen]
