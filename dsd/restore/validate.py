"""How good a network is while it trains: measures, gradients of the losses, sheets of samples."""

import csv
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dsd.atomic import atomic_write
from dsd.data.images import save_image
from dsd.restore.apply import restore
from dsd.restore.config import Config
from dsd.restore.pairs import Batches
from dsd.restore.sources import validation_pairs
from dsd.restore.step import Step

SHOWN, SIDE = 4, 128  # images on a sheet, and the side of what is shown of each


class Validation:
    """Measures of the averaged network on some images, every few steps, as rows of ``validation.csv``.

    A row has the step, the means of what :class:`.Evaluator` gives, and the norm of each term's gradient, weight and
    all, with respect to the restored crops of the run's first batch. With each row there is a sheet of samples,
    ``samples/<step>.png``: degraded, restored, clean. With TensorBoard installed, rows go there too.

    Args:
        config: of the run. Without validation images nothing is done.
        step: the run's network and losses.
        batches: the run's.
        out: the run's folder.
        done: steps that are done: later rows of ``validation.csv`` are forgotten.
    """

    def __init__(self, config: Config, step: Step, batches: Batches, out: Path, done: int) -> None:
        self.config, self.step, self.batches, self.out = config, step, batches, out
        self.path = out / "validation.csv"
        self.pairs = list(validation_pairs(config)) if config.validation.images else []
        self.rows: list[dict[str, str | float]] = []
        if self.pairs and self.path.is_file():
            with self.path.open(newline="") as file:
                self.rows += [row for row in csv.DictReader(file) if int(row["step"]) <= done]
        if self.pairs:
            from dsd.restore.evaluate import Evaluator  # needs torchmetrics

            self.evaluator = Evaluator(border=config.network.scale, device=step.weights.device)

    def after(self, done: int) -> None:
        """Validate, if it is time to; always after the last step."""
        if self.pairs and (done % self.config.validation.every == 0 or done == self.config.steps):
            self._add(done)

    def _add(self, done: int) -> None:
        sheet: list[Tensor] = []
        measures: list[dict[str, float]] = []
        for _, degraded, clean in self.pairs:
            restored = restore(self.step.result, degraded[None])[0]
            values = self.evaluator(restored[None], clean[None], notes={})  # NaN where an image is too small
            measures.append({name: value.item() for name, value in values.items()})
            if len(sheet) < SHOWN:
                sheet.append(_row(degraded, restored, clean))
        means = {name: sum(values[name] for values in measures) / len(measures) for name in measures[0]}
        norms = {f"gradient_{name}": norm for name, norm in self.step.gradient_norms(self.batches[0]).items()}
        self.rows.append({"step": done, **means, **norms})
        with atomic_write(self.path, "w", newline="") as file:
            names = dict.fromkeys(name for row in self.rows for name in row)  # LPIPS's weights may come or go
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        (self.out / "samples").mkdir(exist_ok=True)
        save_image(torch.cat(sheet, dim=1), self.out / "samples" / f"{done}.png")
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            with SummaryWriter(str(self.out / "tensorboard")) as board:
                for name, value in {**means, **norms}.items():
                    board.add_scalar(name, value, done)


def _row(degraded: Tensor, restored: Tensor, clean: Tensor) -> Tensor:
    """Degraded (its pixels enlarged), restored and clean: the middle of each, side by side."""
    enlarged = F.interpolate(degraded[None], clean.shape[1:], mode="nearest")[0]
    height, width = clean.shape[1:]
    top, left = max(0, (height - SIDE) // 2), max(0, (width - SIDE) // 2)
    cut = [image[:, top : top + SIDE, left : left + SIDE] for image in (enlarged, restored, clean)]
    return torch.cat([F.pad(image, (0, SIDE - image.shape[2], 0, SIDE - image.shape[1])) for image in cut], dim=2)
