"""BAPPS: which of two distorted patches is closer? Measures against people, or against a known order of distortions."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from dsd.backbones import load_backbone
from dsd.backbones.base import Precision
from dsd.cite.latex import latex
from dsd.data.bapps import JudgedImages, Question
from dsd.data.synthetic_2afc import write_synthetic
from dsd.data.traditional import KINDS, distort
from dsd.data.views import Photographs
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.markdown import markdown_table, with_interval
from dsd.experiments.output import environment, save_figure
from dsd.experiments.provenance import Computed, Images, Result
from dsd.experiments.style import Width, draw_image, figure_width, pretty
from dsd.experiments.tab1_tables import NETWORK_NAMES, symbol
from dsd.paths import find_folder
from dsd.quality.judged import ALL, PEOPLE, distances, scores
from dsd.quality.lpips import LPIPS

SHOWN = ("DSD_2", "DSD_4", "Style", "MSS", "PDL", "Perceptual", "CX", "LPIPS", "SSIM", "PSNR", PEOPLE)
SCORES = {"2afc": "2AFC score", "jnd": "JND mean average precision"}
STRENGTHS = (0.5, 1.0)  # of the picture of all distortions
PICTURE = "distortions"


def compute(
    *,
    backbone: str,
    weights: str,
    precision: Precision,
    lpips: Sequence[str],
    images: str,
    layers: Sequence[str],
    resize: int,
    crop: int,
    count: int,
    crops: int,
    each: int,
    combined: int,
    gap: float,
    shown: str,
    batch: int,
    device: str,
    seed: int,
) -> Computed:
    """Score every measure on judged patches. Args: the parameters of the notebook.

    Returns:
        The rows of :func:`.scores` for each question, and a picture of all distortions.

    Raises:
        FileNotFoundError, ValueError: as of :meth:`.JudgedImages.read`, or of :func:`.write_synthetic`.
    """
    network = load_backbone(backbone, layers, weights, precision=precision, device=device)
    learned = [LPIPS(load_backbone(name, device=device)) for name in lpips]
    tables = []
    with tempfile.TemporaryDirectory() as folder:
        sets = [JudgedImages.read(images, question) for question in published(images)]
        used: dict[str, Images] = {}
        if not sets:
            photographs = Photographs.from_folder(images, resize=resize, crop=crop, count=count, crops=crops, seed=seed)
            used["photographs"] = photographs
            sets = [write_synthetic(photographs, Path(folder), each=each, combined=combined, gap=gap, seed=seed)]
        for judged in sets:
            used[judged.question] = judged
            found = distances(judged, network, learned, batch=batch)
            tables.append(scores(judged, found, seed).assign(kind=judged.question))
    table = pd.concat(tables, ignore_index=True)
    words = table.measure.str.split(" ", n=1, expand=True).reindex(columns=[0, 1]).fillna("")
    table = table.assign(measure=words[0], layer=words[1])
    first = ["kind", "subset", "measure", "layer", "minus"]
    picture = draw_mosaic(Photographs.from_names([shown], resize=crop)[0], seed)
    extra = {"lpips": [at.backbone.provenance() for at in learned]}
    return Computed(table[[*first, "count", "value", "low", "high"]], network, used, {PICTURE: picture}, extra)


def published(images: str) -> list[Question]:
    """The questions that a folder of BAPPS's layout has answers to; none for photographs.

    Raises:
        ValueError: it is a folder inside of one.
    """
    if images == "embedded":
        return []
    folder = find_folder(images)
    questions = [question for question in get_args(Question) if (folder / question).is_dir()]
    if not questions and next(folder.rglob("*.npy"), None):
        raise ValueError(f"{folder} holds answers (.npy) and is not BAPPS's folder itself, which has 2afc/ or jnd/")
    return questions


def draw_mosaic(x: Tensor, seed: int) -> Tensor:
    """The image and its distortions beside each other; below, the same of the next strength; (3, 2 H, 21 W)."""
    rows = [torch.cat([x, *(distort(x, [kind], strength, seed) for kind in KINDS)], dim=2) for strength in STRENGTHS]
    return torch.cat(rows, dim=1)


def values_of(result: Result) -> pd.DataFrame:
    """Measures at layers × subsets: the rows of the table that are no differences, in the order of `SHOWN`."""
    table = result.table.fillna({"minus": "", "layer": ""})
    table = table[(table.minus == "") & table.measure.isin(SHOWN)]
    jnd = table.kind == "jnd"
    table = table.assign(subset=table.subset.where(~jnd, "JND, " + table.subset), place=table.measure.map(SHOWN.index))
    columns, layers = table.subset.unique(), list(table.layer.unique())
    table = table.assign(order=table.layer.map(layers.index)).sort_values(["place", "order"], kind="stable")
    wide = table.pivot(index=["place", "measure", "order", "layer"], columns="subset", values=["value", "low", "high"])
    return wide.droplevel(["place", "order"]).reindex(columns=columns, level=1)


def label(measure: str, layer: str) -> str:
    """What a row is called.

    Example:
        >>> label("DSD_2", "relu4_1"), label("LPIPS", "alexnet"), label("SSIM", "")
        ('DSD$_2$ ReLU4_1', 'LPIPS AlexNet', 'SSIM')
    """
    return f"{symbol(measure)} {NETWORK_NAMES.get(layer, pretty(layer))}".strip()


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw the scores as numbers on grey, in percent: the darker, the higher.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    table = values_of(result).value * 100
    names = [label(*row) for row in table.index]
    figure, axis = plt.subplots(figsize=(figure_width(width), 1.5 + 0.145 * len(table)))
    low = min(50, 5 * np.floor(np.nanmin(table) / 5))
    axis.imshow(table, cmap="Greys", vmin=low - 10, vmax=160, aspect="auto")
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        text = f"{value:.1f}" if width == "page" else f"{value:.0f}"
        axis.text(column, row, text, ha="center", va="center_baseline", fontsize=7)
    measures = table.index.get_level_values("measure")
    for row in np.flatnonzero(measures[1:] != measures[:-1]):
        axis.axhline(row + 0.5, color="white", linewidth=2)
    for column in np.flatnonzero(table.columns.str.endswith(ALL)):
        axis.axvline(column - 0.5, color="white", linewidth=2)
    axis.set_yticks(range(len(names)), names)
    axis.set_xticks(range(len(table.columns)), table.columns, rotation=40, ha="left", rotation_mode="anchor")
    axis.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    axis.spines[:].set_visible(False)
    axis.grid(False)
    axis.set_xlabel((what(result) + ", %").replace(" (", " (" if width == "page" else "\n("))
    return figure


def is_by_people(result: Result) -> bool:
    """Whether people judged the images."""
    return all(data.get("by_people", True) for data in result.provenance["datasets"].values())


def what(result: Result) -> str:
    """What the numbers are, in a few words."""
    if is_by_people(result):
        return " and ".join(name for kind, name in SCORES.items() if kind in result.provenance["datasets"])
    return "Right answers (synthetic: order known, no person asked)"


def caption(result: Result) -> str:
    """What the figure shows."""
    sets = result.provenance["datasets"]
    counts = " and ".join(sets[kind]["summary"] for kind in SCORES if kind in sets)
    parameters = result.parameters
    told = (
        "2AFC: the share of people who chose the patch that the measure finds closer to the reference. People: how "
        "often two of them agree. JND: how well a measure tells which pairs people call the same."
        if is_by_people(result)
        else "Each triplet is a patch and the same distortion of it at two "
        f"strengths that differ by {parameters['gap']:g} (of 1); right is who finds the weaker one closer. This tests "
        "whether a measure follows the strength of a distortion, and not whether it agrees with people. Squared error "
        "(PSNR) does by construction, nearly always."
    )
    return f"{what(result)} of each measure by subset, in percent: {counts}. {told} Darker is higher."


def draw_distortions(result: Result, width: Width = "page") -> Figure:
    """Draw one photograph and its 20 traditional distortions at two strengths, the weaker one above."""
    picture = result.images[PICTURE]
    names = ["original", *KINDS]
    side = picture.shape[2] // len(names)
    columns = 7 if width == "page" else 5
    rows = -(-len(names) // columns)
    inches = figure_width(width) / columns
    figure, axes = plt.subplots(rows, columns, figsize=(figure_width(width), rows * (2 * inches + 0.2)), squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    if len(names) < axes.size:
        note = f"Above: strength {STRENGTHS[0]:g}\nBelow: strength {STRENGTHS[1]:g}"
        axes.flat[len(names)].text(0, 0.5, note, fontsize=7).set_in_layout(False)
    for number, (axis, name) in enumerate(zip(axes.flat, names, strict=False)):
        draw_image(axis, picture[:, :, number * side : (number + 1) * side])
        axis.set_title(name.replace(" ", "\n") if width == "column" else name.replace("chromatic ", "chromatic\n"))
        axis.title.set_fontsize(7)
    return figure


def save_distortions(result: Result, out_dir: str | Path, width: Width = "page", *, stamp: bool = True) -> None:
    """Write :func:`draw_distortions` as tab-bapps-distortions, see :func:`.save_figure`."""
    about = (
        "The 20 traditional distortions that Zhang et al. (CVPR 2018) name, of one photograph, at strength "
        f"{STRENGTHS[0]:g} (above) and {STRENGTHS[1]:g} (below). The paper does not publish its ranges; these are ours."
    )
    save_figure(draw_distortions(result, width), result, about, out_dir, stamp=stamp, part=PICTURE)


def printed(result: Result) -> pd.DataFrame:
    """Measures × subsets as text: percent, and the 95 % interval in brackets."""
    table = values_of(result) * 100
    subsets = table.columns.get_level_values("subset").unique()
    cells = {
        subset: [with_interval(*row, form=".1f") for row in table.xs(subset, axis=1, level=1).values]
        for subset in subsets
    }
    return pd.DataFrame(cells, index=[label(*row).replace("$", "") for row in table.index])


def differences(result: Result) -> pd.DataFrame:
    """DSD_2 less other measures, on the mean of subsets, in percent, with paired intervals."""
    rows = result.table.dropna(subset="minus").query("minus != ''")
    name = rows.measure + " " + rows.layer + " − " + rows.minus
    return (rows.set_index([rows.kind, name.rename("difference")])[["value", "low", "high"]] * 100).round(1)


def write_tables(result: Result, out_dir: str | Path) -> None:
    """Write the table as tab-bapps.md, with intervals, and as tab-bapps.tex; `out_dir`: as for :func:`.save_figure`."""
    text, table = printed(result), values_of(result).value * 100
    rows = zip(table.index, table.to_numpy(), strict=True)
    lines = [["Measure", *table.columns], *([label(*row), *map("{:.1f}".format, cells)] for row, cells in rows)]
    head, *body = (" & ".join(map(latex, line)) + " \\\\" for line in lines)
    columns = f"@{{}}l*{{{len(table.columns)}}}{{r}}@{{}}"
    rules = [f"\\begin{{tabular}}{{{columns}}}", "\\toprule", head, "\\midrule", *body, "\\bottomrule"]
    tabular = "\n".join([*rules, "\\end{tabular}"])
    files = {
        "md": f"{what(result)}, percent:\n\n" + markdown_table(["Measure", *text.columns], text.itertuples()),
        "tex": environment("table", "tab-bapps", f"\\footnotesize\n{tabular}", caption(result), result),
    }
    for suffix, content in files.items():
        (REPOSITORY / out_dir / f"tab-bapps.{suffix}").write_text(content, encoding="utf-8")
