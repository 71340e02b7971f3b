"""Runs whose results are kept: each trains once, is tested once, and is then its table."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import yaml
from torch import Tensor
from tqdm import tqdm

from dsd.atomic import atomic_write
from dsd.data.images import load_image, save_image
from dsd.resize import enlarge
from dsd.restore.apply import restore
from dsd.restore.config import DISTRIBUTIONS, Config
from dsd.restore.config_files import parse_config, what_matters
from dsd.restore.evaluate import Evaluator
from dsd.restore.grid import grid_energy
from dsd.restore.model import load_model
from dsd.restore.networks import SRResNet
from dsd.restore.shipped import find_model
from dsd.restore.testing import pairs_of
from dsd.restore.train import MODEL, train_restorer

SCORES, SETTINGS = "scores.csv", "config.yaml"
# {"set/image": (top, left, height, width)}: what is kept of restored test images, fine textures and edges.
CROPS: Mapping[str, Sequence[int]] = {
    "Set14/baboon": (20, 40, 96, 128),
    "Set14/barbara": (330, 40, 96, 128),
    "Set14/comic": (150, 60, 96, 128),
    "BSD100/148026": (330, 60, 96, 128),
    "BSD100/223061": (150, 180, 96, 128),
    "BSD100/253027": (100, 150, 96, 128),
    "embedded/astronaut": (92, 40, 96, 128),
    "embedded/brick": (48, 32, 96, 128),
    "embedded shaken/astronaut": (10, 60, 112, 112),
    "embedded noisy/astronaut": (10, 60, 112, 112),
    "BSDS noisy/102061": (60, 150, 112, 112),
    "BSDS noisy/101087": (90, 180, 112, 112),
    "BSDS shaken/102061": (60, 150, 112, 112),
    "GoPro/Istanbul_1": (240, 420, 160, 160),
    "Levin/im1_kernel1": (20, 90, 120, 120),
    "REDS/000/00000000": (280, 560, 160, 160),
}


def with_loss(base: Config, loss: str, layer: str = "", seed: int = 0, backbone: str = "") -> Config:
    """A run's settings with another distribution loss in L_DSD's place, balanced against the perceptual loss.

    Args:
        base: its settings, with the reconstruction and the perceptual loss.
        loss: ``"cx"``, ``"pdl"``, ``"style"``, ``"mss"``, ``"dsd"``, or ``"none"``.
        layer: where it compares.
        seed: of the run.
        backbone: of this loss; "": that of the run.

    Example:
        >>> from dsd.restore.config_files import parse_config
        >>> base = parse_config({"losses": {"rec": {"weight": 1}, "per": {"weight": 1}}})
        >>> dict(with_loss(base, "dsd", "relu2_2").losses)["dsd"]
        {'weight': 'balanced', 'layers': ['relu2_2']}
    """
    losses = {name: options for name, options in base.losses.items() if name not in DISTRIBUTIONS}
    if loss != "none":
        losses[loss] = {"weight": "balanced", "layers": [layer]} | ({"backbone": backbone} if backbone else {})
    return replace(base, losses=losses, seed=seed)


def with_loss_alone(base: Config, loss: str, layer: str = "", seed: int = 0, backbone: str = "") -> Config:
    """A run's settings with one loss and no other.

    Args:
        base: its settings.
        loss: ``"l1"``, ``"per"``, ``"cx"``, ``"pdl"``, ``"style"``, ``"mss"`` or ``"dsd"``.
        layer: where it compares; of L1 there is none.
        seed: of the run.
        backbone: of this loss; "": that of the run.

    Example:
        >>> from dsd.restore.config_files import parse_config
        >>> base = parse_config({"losses": {"rec": {"weight": 1}}})
        >>> with_loss_alone(base, "cx", "relu3_2").losses
        {'cx': {'weight': 1, 'layers': ['relu3_2']}}
    """
    where = ({"layers": [layer]} if layer else {}) | ({"backbone": backbone} if backbone else {})
    return replace(base, losses={{"l1": "rec"}.get(loss, loss): {"weight": 1, **where}}, seed=seed)


def run_scores(
    config: Config,
    folder: Path,
    sets: Mapping[str, int | None],
    *,
    device: str = "auto",
) -> pd.DataFrame:
    """Train a network and test it, or read what an earlier call wrote.

    A run that is whole is its folder's ``scores.csv``, ``config.yaml`` and close-ups (`CROPS`). Its model is not needed
    any more.

    Args:
        config: of the run.
        folder: of the run.
        sets: {test set: how many of its images, None for all}.
        device: as for :func:`dsd.restore.train.train_restorer`.

    Returns:
        A row for each image: what :func:`score_network` returns.

    Raises:
        ValueError: the folder is of a run with other settings.
    """

    def network() -> SRResNet:
        return load_model(train_restorer(config, folder, device=device))[0]

    return _kept(folder, what_matters(config) + _digest(config.start), network, sets)


def model_scores(model: str, folder: Path, sets: Mapping[str, int | None]) -> pd.DataFrame:
    """Test a network that is trained, or read what an earlier call wrote.

    Args:
        model: as for :func:`.find_model`; "": bicubic enlargement, or, for sets of deblurring, nothing.
        folder: for the scores.
        sets: {test set: how many of its images, None for all}.

    Returns:
        A row for each image: what :func:`score_network` returns.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: the folder is of another model.
    """

    def network() -> SRResNet | None:
        return load_model(find_model(model))[0] if model else None

    return _kept(folder, f"model: {model or 'bicubic'}\n{_digest(model)}", network, sets)


def _digest(model: str | None) -> str:
    """A line that says which model a run begins with, or is of; none where the model is no longer there."""
    try:
        content = find_model(model).read_bytes() if model else None
    except FileNotFoundError:
        return ""
    return "" if content is None else f"# SHA-256 of {model}: {hashlib.sha256(content).hexdigest()}\n"


def _kept(
    folder: Path, settings: str, network: Callable[[], SRResNet | None], sets: Mapping[str, int | None]
) -> pd.DataFrame:
    """What was written, or what is written now."""
    scores, known = folder / SCORES, folder / SETTINGS
    settings += f"# tested on: {json.dumps(dict(sorted(sets.items())))}\n"
    if not scores.is_file():
        table = score_network(network(), sets, folder)
        for path, text in ((known, settings), (scores, table.to_csv(index=False, float_format="%.6g"))):
            with atomic_write(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
    if not _agree(known.read_text(encoding="utf-8"), settings):
        raise ValueError(f"{folder} is of a run with other settings, see {known}: remove it to begin again")
    table = pd.read_csv(scores)
    kept = (folder / MODEL).is_file() or settings.startswith("model:")
    again = f"remove {scores} to test it again" + ("" if kept else "; its model is gone, so it would be trained again")
    if missing := [name for name in sets if name not in set(table.set)]:
        raise ValueError(f"{folder} was not tested on {', '.join(missing)}: {again}")
    for name, image in zip(table.set, table.image, strict=True):
        if f"{name}/{image}" in CROPS and not crop_path(folder, name, str(image)).is_file():
            raise ValueError(f"{folder} has no close-up of {name}/{image}: {again}")
    return table


def _agree(known: str, settings: str) -> bool:
    """Whether two settings are of one run. Those that an earlier version had not are at their defaults."""
    values, comments = [], []
    for text in (known, settings):
        plain = yaml.safe_load(text)
        values.append(what_matters(parse_config(plain)) if "losses" in plain else plain)
        comments.append(dict(line.split(": ", 1) for line in text.splitlines() if line.startswith("#")))
    return values[0] == values[1] and all(
        comments[0][name] == comments[1][name] for name in comments[0].keys() & comments[1]
    )


def score_network(network: SRResNet | None, sets: Mapping[str, int | None], folder: Path) -> pd.DataFrame:
    """Test a network; None: bicubic enlargement, or, where nothing is enlarged, the degraded image as it is.

    Args:
        network: what is tested.
        sets: {test set: how many of its images, None for all}.
        folder: for the close-ups, `CROPS`.

    Returns:
        A row for each image: `set`, `image`, the measures of :class:`.Evaluator`, and :func:`.grid_energy` of the
        restored (`grid`) and of the clean image (`grid_clean`).
    """
    rows = []
    evaluator: Evaluator | None = None
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in sets.items():
        for pair in tqdm(pairs_of(name, count), f"testing on {name}", unit="image"):
            scale = pair.clean.shape[1] // pair.degraded.shape[1]
            evaluator = evaluator or Evaluator(border=scale, device="cpu")
            degraded = pair.degraded[None]
            restored = enlarge(degraded, scale).clamp(0, 1) if network is None else restore(network, degraded)
            values = evaluator(restored, pair.clean[None], notes={})
            values |= {"grid": grid_energy(restored), "grid_clean": grid_energy(pair.clean[None])}
            rows.append({"set": name, "image": pair.image, **{key: value.item() for key, value in values.items()}})
            if f"{name}/{pair.image}" in CROPS:
                save_image(close_up(restored[0], name, pair.image), crop_path(folder, name, pair.image))
    return pd.DataFrame(rows)


def close_up(x: Tensor, name: str, image: str) -> Tensor:
    """What is kept of an image (3, H, W) of a test set: the part that `CROPS` names."""
    top, left, height, width = CROPS[f"{name}/{image}"]
    return x[:, top : top + height, left : left + width]


def crop_path(folder: Path, name: str, image: str) -> Path:
    """Where the picture of a crop is."""
    return folder / f"{name}-{image}.png".replace("/", "-").replace(" ", "-")


def crop_of(folder: Path, name: str, image: str) -> Tensor:
    """A restored crop that :func:`run_scores` kept, (3, height, width)."""
    return load_image(crop_path(folder, name, image))
