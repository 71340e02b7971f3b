"""What Table 3 and Figs. 8 to 11 share: networks that differ in one loss, trained and tested."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from dsd.backbones import load_backbone
from dsd.backbones.base import Backbone
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.style import MEASURES, pretty
from dsd.restore.config import Config
from dsd.restore.config_files import load_config
from dsd.restore.runs import model_scores, run_scores, with_loss
from dsd.restore.train import MODEL

LOSSES = {  # in the paper's order
    **{"bicubic": "Bicubic", "l1": "L1 model", "none": "Perceptual only", "cx": "CX"},
    **{"pdl": "PDL", "style": "Style", "mss": "MSS", "dsd": "DSD"},
}
LOOKS: dict[str, dict[str, Any]] = {
    "bicubic": {"color": "0.7", "marker": "p"},
    "l1": {"color": "0.5", "marker": "o"},
    "none": MEASURES["Perceptual"],
    "cx": {"color": "#3B6FB6", "marker": "<"},
    **{loss: MEASURES[LOSSES[loss]] for loss in ("pdl", "style", "mss")},
    "dsd": MEASURES["DSD_2"],
}


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


def loss_name(loss: str, backbone: str = "") -> str:
    """What a loss is called, with its network where that is another one than the run's.

    Example:
        >>> loss_name("dsd"), loss_name("dsd", "lite"), loss_name("none")
        ('DSD', 'DSD (lite)', 'Perceptual only')
    """
    return LOSSES[loss] + (f" ({backbone})" if backbone else "")


def run_labels(scores: pd.DataFrame) -> list[str]:
    """What each row's run is called; its layer is said where a loss has several."""
    several = scores.groupby(["loss", "backbone"]).layer.transform("nunique") > 1
    rows = zip(scores.loss, scores.backbone, scores.layer, several, strict=True)
    return [
        loss_name(loss, backbone) + (f", {pretty(layer)}" if named else "") for loss, backbone, layer, named in rows
    ]


def picture_name(place: str, label: str) -> str:
    """What a close-up is called among a result's images, and so what its file is called.

    Example:
        >>> picture_name("Set14/baboon", "DSD (lite)")
        'Set14 baboon DSD lite'
    """
    return f"{place.replace('/', ' ')} {label}".translate(str.maketrans("", "", ",()"))


def with_texts(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """A table out of a CSV, where "" is read as NaN, with "" again in these columns."""
    return table.assign(**{name: table[name].astype(object).where(table[name].notna(), "") for name in columns})


def losses_network(config: str, weights: str, device: str) -> Backbone:
    """The network of the losses, for what a figure must say of it."""
    settings = with_weights(config, weights)
    return load_backbone(settings.backbone, ["relu2_2"], settings.weights, precision=settings.precision, device=device)


def with_weights(config: str, weights: str) -> Config:
    """The settings in a file of the repository, with other weights of the losses' network; ``"auto"``: the file's."""
    settings = load_config(REPOSITORY / config)
    return settings if weights == "auto" else replace(settings, weights=weights)


def train_and_score(
    config: str,
    runs: Sequence[str],
    folder: str,
    sets: Mapping[str, int | None],
    *,
    first: str = "",
    weights: str = "auto",
    seed: int = 0,
    device: str = "auto",
) -> pd.DataFrame:
    """Train and test networks that differ in one loss; those that are whole are read.

    Args:
        config: file of the settings that they share, in the repository.
        runs: "loss layer seed" each, see :meth:`Variant.parse`.
        folder: for the runs, in the repository.
        sets: {test set: how many of its images, None for all}.
        first: file of the settings of a run whose model the others begin with; "": they begin as `config` says.
        weights: of the losses' network; ``"auto"``: those that `config` names.
        seed: added to that of each run. The model that they begin with is the same for all.
        device: where to train.

    Returns:
        A row for each run and image: `run`, `loss`, `layer`, `seed`, `backbone`, `set`, `image` and the measures of
        :class:`dsd.restore.evaluate.Evaluator`. Losses ``"bicubic"`` (of ×1: the degraded image) and ``"l1"`` (what the
        others begin with) come first.
    """
    base, root = with_weights(config, weights), REPOSITORY / folder
    tables = {Variant("bicubic", "", 0): model_scores("", root / "bicubic", sets)}
    if first:
        tables[Variant("l1", "", 0)] = run_scores(load_config(REPOSITORY / first), root / "l1", sets, device=device)
        base = replace(base, start=str(Path(folder, "l1", MODEL)))
    elif base.start:
        tables[Variant("l1", "", 0)] = model_scores(base.start, root / "l1", sets)
    for variant in map(Variant.parse, runs):
        variant = replace(variant, seed=variant.seed + seed)
        settings = with_loss(base, variant.loss, variant.layer, variant.seed, variant.backbone)
        tables[variant] = run_scores(settings, root / variant.name, sets, device=device)
    return pd.concat(
        [
            table.astype({"image": str}).assign(  # BSDS's names are numbers
                run=at.name, loss=at.loss, layer=at.layer, seed=at.seed, backbone=at.backbone
            )
            for at, table in tables.items()
        ],
        ignore_index=True,
    )
