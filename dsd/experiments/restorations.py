"""What Table 3 and Figs. 8 to 11 share: networks that differ in one loss, trained and tested."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from dsd.experiments.catalogue import REPOSITORY
from dsd.restore.config import load_config
from dsd.restore.runs import model_scores, run_scores, with_loss
from dsd.restore.train import MODEL


@dataclass(frozen=True)
class Variant:
    """A run: which distribution loss, at which layer, from which seed.

    Example:
        >>> Variant.parse("dsd@lite relu2_2 1")
        Variant(loss='dsd', layer='relu2_2', seed=1, backbone='lite')
        >>> Variant.parse("none - 0").name
        'none-0'
    """

    loss: str
    layer: str
    seed: int
    backbone: str = ""
    """Of the loss; "": that of the run."""

    @classmethod
    def parse(cls, text: str) -> "Variant":
        """Read "loss layer seed"; the loss may be loss@backbone, the layer of the loss none is "-".

        Raises:
            ValueError: it has another form.
        """
        try:
            loss, layer, seed = text.split()
            loss, _, backbone = loss.partition("@")
            return cls(loss, layer.strip("-"), int(seed), backbone)
        except ValueError:
            raise ValueError(f'a run must be "loss layer seed", as in "dsd relu2_2 0"; got {text!r}') from None

    @property
    def name(self) -> str:
        """Of its folder."""
        return "-".join(filter(None, (self.loss, self.backbone, self.layer, str(self.seed))))


@dataclass(frozen=True)
class TestedOn:
    """A test set, as far as a figure must describe it."""

    name: str
    images: tuple[str, ...]

    def provenance(self) -> dict[str, str | int]:
        """Name, count, SHA-256 of the images' names."""
        return {
            "summary": f"{self.name} ({len(self.images)} image{'s' * (len(self.images) > 1)})",
            "dataset": self.name,
            "count": len(self.images),
            "files_sha256": hashlib.sha256("\n".join(sorted(self.images)).encode()).hexdigest(),
        }


def tested_on(table: pd.DataFrame) -> dict[str, TestedOn]:
    """The test sets of a table of scores, by name."""
    return {
        str(name): TestedOn(str(name), tuple(rows.image.unique())) for name, rows in table.groupby("set", sort=False)
    }


def train_and_score(
    config: str,
    runs: Sequence[str],
    folder: str,
    sets: Mapping[str, int | None],
    crops: Mapping[str, Sequence[int]],
    *,
    first: str = "",
    device: str = "auto",
) -> pd.DataFrame:
    """Train and test networks that differ in one loss; those that are whole are read.

    Args:
        config: file of the settings that they share, in the repository.
        runs: "loss layer seed" each, see :meth:`Variant.parse`.
        folder: for the runs, in the repository.
        sets: {test set: how many of its images, None for all}.
        crops: {"set/image": (top, left, height, width)} of restored images that are kept as pictures.
        first: file of the settings of a run whose model the others begin with; "": they begin as `config` says.
        device: where to train.

    Returns:
        A row for each run and image: `run`, `loss`, `layer`, `seed`, `backbone`, `set`, `image` and the measures of
        :class:`dsd.restore.evaluate.Evaluator`. Losses ``"bicubic"`` (of ×1: the degraded image) and ``"l1"`` (what the
        others begin with) come first.
    """
    base, root = load_config(REPOSITORY / config), REPOSITORY / folder
    tables = {Variant("bicubic", "", 0): model_scores("", root / "bicubic", sets, crops)}
    if first:
        tables[Variant("l1", "", 0)] = run_scores(
            load_config(REPOSITORY / first), root / "l1", sets, crops, device=device
        )
        base = replace(base, start=str(Path(folder, "l1", MODEL)))
    elif base.start:
        tables[Variant("l1", "", 0)] = model_scores(base.start, root / "l1", sets, crops)
    for variant in map(Variant.parse, runs):
        settings = with_loss(base, variant.loss, variant.layer, variant.seed, variant.backbone)
        tables[variant] = run_scores(settings, root / variant.name, sets, crops, device=device)
    return pd.concat(
        [
            table.assign(run=at.name, loss=at.loss, layer=at.layer, seed=at.seed, backbone=at.backbone)
            for at, table in tables.items()
        ],
        ignore_index=True,
    )
