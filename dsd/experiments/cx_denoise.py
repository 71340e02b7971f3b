"""Denoising learned from clean images that lie beside the noisy ones: L1, CX, style and DSD, each alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dsd.checks import check_choice
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.restorations import (
    LOOKS,
    LOSSES,
    Variant,
    losses_network,
    picture_name,
    tested_on,
    with_weights,
)
from dsd.experiments.style import Width, draw_image, figure_width, pretty
from dsd.quality.means import over_images
from dsd.restore.runs import close_up, crop_of, model_scores, run_scores, with_loss_alone
from dsd.restore.testing import pairs_of

MEASURES = {"PSNR": "psnr_y_authors", "LPIPS": "lpips_authors"}
TITLES = {"PSNR": "PSNR, dB (higher is better)", "LPIPS": "LPIPS (lower is better)"}
NOISY, CLEAN = "Noisy", "Clean"
KEYS = ["set", "image"]
ALONE = ("l1", "cx", "pdl", "style", "mss", "dsd")  # losses that a run may have


def compute(
    *,
    config: str,
    weights: str,
    runs: Sequence[str],
    misaligned: Sequence[int],
    folder: str,
    sets: Mapping[str, int | None],
    shown: str,
    device: str,
    seed: int,
) -> Computed:
    """Train a network with each loss at each misalignment, and test it. Args: the parameters of the notebook.

    Returns:
        A row for each run and image: `set`, `image`, `label`, `misaligned`, `seed`, and `MEASURES`; of the noisy images
        `misaligned` is 0. Images "set image label misaligned", close-ups.

    Raises:
        ValueError: runs that cannot be told apart or have an unknown loss; a close-up of an image that is not tested.
    """
    variants = parse_runs(runs)
    base, root = with_weights(config, weights), REPOSITORY / folder
    name, _, image = shown.partition("/")
    pairs = pairs_of(name, sets[name]) if name in sets else iter(())
    clean = next((pair.clean for pair in pairs if pair.image == image), None)
    if clean is None:
        raise ValueError(f'shown must be "set/image" of an image in sets, got {shown!r}')
    images = {picture_name(shown, CLEAN): close_up(clean, name, image)}
    tables = [_tidy(model_scores("", root / "noisy", sets), NOISY)]
    images[picture_name(shown, NOISY)] = crop_of(root / "noisy", name, image)
    for variant in variants:
        run = replace(variant, seed=variant.seed + seed)
        for far in misaligned:
            alone = with_loss_alone(base, run.loss, run.layer, run.seed, run.backbone)
            settings = replace(alone, data=replace(base.data, misaligned=far, margin=max(misaligned)))
            place, label = root / f"{run.name}-{far}", loss_label(run)
            tables.append(_tidy(run_scores(settings, place, sets, device=device), label, far, run.seed))
            images.setdefault(picture_name(shown, f"{label} {far}"), crop_of(place, name, image))
    table = pd.concat(tables, ignore_index=True)
    about = {"steps": base.steps, "side": base.data.side, "photographs": list(base.data.images)}
    return Computed(table, losses_network(config, weights, device), tested_on(table), images, extra=about)


def parse_runs(runs: Sequence[str]) -> list[Variant]:
    """The runs, L1 among them, each loss with one layer and one backbone: a loss is what a line of the figure is.

    Raises:
        ValueError: it is otherwise, or a loss is unknown.
    """
    variants = list(map(Variant.parse, runs))
    for run in variants:
        check_choice(run.loss, "the loss of a run", ALONE)
        if others := {at.layer for at in variants if at.loss == run.loss} - {run.layer}:
            raise ValueError(f"runs must have {run.loss} at one layer, got {run.layer} and {', '.join(sorted(others))}")
        if len({at.backbone for at in variants if at.loss == run.loss}) > 1:
            raise ValueError(f"runs must have {run.loss} on one backbone")
    if "l1" not in {run.loss for run in variants}:
        raise ValueError(f'runs must have "l1 - 0", which the others are compared with; got {", ".join(runs)}')
    return variants


def loss_label(run: Variant) -> str:
    """What a run is called.

    Example:
        >>> loss_label(Variant("cx", "relu3_2", 0)), loss_label(Variant("l1", "", 0))
        ('CX', 'L1')
    """
    return "L1" if run.loss == "l1" else LOSSES[run.loss]


def _tidy(scores: pd.DataFrame, label: str, far: int = 0, seed: int = 0) -> pd.DataFrame:
    found = {name: scores[column] for name, column in MEASURES.items() if column in scores}  # LPIPS may be left out
    return scores[KEYS].astype(str).assign(label=label, misaligned=far, seed=seed, **found)


def summary(result: Result) -> pd.DataFrame:
    """Means over all images and their 95 % intervals: rows are losses and misalignments."""
    return _over_images(_by_image(result), result.parameters["seed"])


def differences(result: Result, other: str = "L1") -> pd.DataFrame:
    """Each loss less another one at the same misalignment, image by image: the mean and its 95 % interval."""
    values = _by_image(result).drop(NOISY, level="label")
    base = values.xs(other, level="label")
    less = {
        str(label): rows.droplevel("label") - base
        for label, rows in values.groupby(level="label", sort=False)
        if label != other
    }
    return _over_images(pd.concat(less, names=["label"]), result.parameters["seed"])


def by_seed(result: Result) -> pd.DataFrame:
    """Means over all images: rows are losses and misalignments, columns measures and seeds."""
    return result.table.pivot_table(_measures(result), ["label", "misaligned"], "seed", sort=False)


def _by_image(result: Result) -> pd.DataFrame:
    """Means over seeds; the index is label, misaligned, set, image."""
    return result.table.groupby(["label", "misaligned", *KEYS], sort=False)[_measures(result)].mean()


def _measures(result: Result) -> list[str]:
    return [name for name in MEASURES if name in result.table]


def _over_images(values: pd.DataFrame, seed: int) -> pd.DataFrame:
    tables = {key: over_images(rows, seed) for key, rows in values.groupby(level=["label", "misaligned"], sort=False)}
    return pd.DataFrame(pd.concat(tables, names=["label", "misaligned", "statistic"]).unstack(sort=False))


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw close-ups, a row for each misalignment, and below the measures against the misalignment.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    losses = [label for label in dict.fromkeys(result.table.label) if label != NOISY]
    labels, fars = [NOISY, *losses, CLEAN], list(result.parameters["misaligned"])
    size = figure_width(width)
    above, below = len(fars) * size / (len(labels) + 0.3) + 0.3, 2.2 if width == "page" else 1.9
    figure = plt.figure(figsize=(size, above + below))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=[above, below])
    axes = upper.subplots(len(fars), len(labels), squeeze=False)
    for row, far in zip(axes, fars, strict=True):
        for axis, label in zip(row, labels, strict=True):
            if label in losses:
                draw_image(axis, result.images[picture_name(result.parameters["shown"], f"{label} {far}")])
            elif far == fars[0]:
                draw_image(axis, result.images[picture_name(result.parameters["shown"], label)])
            else:
                axis.axis("off")
        row[1].set_ylabel(f"{far} px")
    for axis, label in zip(axes[0], labels, strict=True):
        axis.set_title(label)
    means = summary(result)
    measures = list(means.columns.get_level_values(0).unique())
    panels = lower.subplots(1, len(measures), squeeze=False)[0]
    for axis, measure in zip(panels, measures, strict=True):
        _draw_panel(axis, means[measure], losses, fars)
        axis.set_title(TITLES[measure] if width == "page" else TITLES[measure].replace(" (", "\n("))
    lower.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(losses) + 1)
    return figure


def _draw_panel(axis: Axes, means: pd.DataFrame, losses: Sequence[str], fars: list[int]) -> None:
    looks = {loss_label(Variant(loss, "", 0)): look for loss, look in LOOKS.items()}
    for number, label in enumerate(losses):
        own = means.loc[label].reindex(fars)
        x = [place + 0.06 * (number - len(losses) / 2) for place in range(len(fars))]
        axis.plot(x, own["mean"], linewidth=1, markersize=3.5, label=label, **looks[label])
        axis.vlines(x, own.low, own.high, color=looks[label]["color"], linewidth=0.7)
    axis.axhline(means["mean"][NOISY, 0], color="0.3", linewidth=0.8, linestyle=":", label=NOISY)
    axis.set_xticks(range(len(fars)), list(map(str, fars)))
    axis.set_xlabel("Misalignment, pixels")


def caption(result: Result) -> str:
    """What the figure shows."""
    done, origin = result.parameters, result.provenance
    sets = ", ".join(about["summary"] for about in origin["datasets"].values())
    layers = {loss_label(run): run.layer for run in map(Variant.parse, done["runs"]) if run.layer}
    where = ", ".join(f"{label} at {pretty(layer)}" for label, layer in layers.items())
    seeds = result.table[result.table.label != NOISY].seed.nunique()
    return (
        "Networks that learned to remove noise (standard deviation 25 of 255), each with one loss alone: L1 on pixels, "
        f"{where}; {origin['steps']} steps. The clean crops that they learned from, {origin['side']} pixels wide, lay "
        "up to so many pixels away in each direction. Above: one photograph. Below: means over the photographs of "
        f"{sets}, with 95% bootstrap intervals; {seeds} seed{'s' * (seeds > 1)}."
    )
