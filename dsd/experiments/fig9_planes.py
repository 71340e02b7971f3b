"""Fig. 9: perception against distortion: NIQE over SSIM, of networks that restore images."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dsd.experiments.fig9_points import AXES, COLUMNS, TRUTH, evaluated, files_of, points, points_of, values_by_image
from dsd.experiments.provenance import Computed, Result
from dsd.experiments.restorations import LOOKS, TestedOn, losses_network, train_and_score, with_texts, with_weights
from dsd.experiments.style import Width, figure_width
from dsd.restore.evaluate import Evaluator

PANELS = {"sr": "super-resolution, ×4", "deblur": "motion deblurring"}
FURTHER = "*>^vhX8"  # markers of other networks


def compute(
    *,
    config: str,
    first: str,
    runs: Sequence[str],
    folder: str,
    sets: Mapping[str, int | None],
    methods: Sequence[str],
    deblur_config: str,
    deblur_first: str,
    deblur_runs: Sequence[str],
    deblur_folder: str,
    deblur_sets: Mapping[str, int | None],
    protocol: str,
    weights: str,
    device: str,
    seed: int,
) -> Computed:
    """Score each network's results on the images that all have. Args: the parameters of the notebook.

    Returns:
        By `panel` (``sr``, ``deblur``), network (`name`, `layer`) and `statistic`: ``value`` of an `image`, mean over
        `seeds`; ``mean``, ``low``, ``high`` over images (95 % bootstrap interval). `on_front`: no other network has a
        higher SSIM and a lower NIQE, under the protocol that is drawn.

    Raises:
        ValueError: an unknown protocol; or no image that all have.
    """
    if protocol not in AXES:
        raise ValueError(f"protocol must be one of {', '.join(AXES)}; got {protocol!r}")
    tables: list[pd.DataFrame] = []
    datasets: dict[str, TestedOn] = {}
    options: dict[str, Any] = {"weights": weights, "seed": seed, "device": device}
    scores = train_and_score(config, runs, folder, sets, first=first, **options)
    panels = [("sr", scores, next(iter(sets)), with_weights(config, weights).network.scale, list(methods))]
    if deblur_runs:
        scores = train_and_score(deblur_config, deblur_runs, deblur_folder, deblur_sets, first=deblur_first, **options)
        panels.append(("deblur", scores, next(iter(deblur_sets)), 1, []))
    for panel, scores, name, scale, others in panels:
        values = values_by_image(scores[scores.set == name], panel)
        files = {method: files_of(method) for method in others}
        known = [set(rows.image) for _, rows in values.groupby(["name", "layer"])]
        images = set.intersection(*known, *map(set, files.values()))
        if not images:
            raise ValueError(f"no image of {name} is among the results of all: {', '.join(files)}")
        values = pd.concat([values[values.image.isin(images)], evaluated(name, images, files, scale)])
        values = with_texts(values, "loss", "layer", "backbone").assign(statistic="value")
        tables.append(pd.concat([values, points(values, protocol, seed)]).assign(panel=panel, set=name))
        datasets[panel] = TestedOn(name, tuple(sorted(images)))
    table = pd.concat(tables, ignore_index=True)
    order = ["panel", "set", "statistic", "name", "loss", "backbone", "layer", "seeds", "image", "on_front", *COLUMNS]
    borders = {panel: Evaluator(["ssim_y"], scale, device="cpu").protocols() for panel, _, _, scale, _ in panels}
    protocols = {name: "; ".join(dict.fromkeys(one[name] for one in borders.values())) for name in borders["sr"]}
    return Computed(table[order], losses_network(config, weights, device), datasets, extra={"protocols": protocols})


def draw(result: Result, width: Width = "page") -> Figure:
    """Draw a plane for each task: NIQE over SSIM, intervals, the front, the clean images' NIQE.

    Args:
        result: from :func:`.load_or_compute`.
        width: ``"page"``, 5.5 in, or ``"column"``, 8.4 cm.
    """
    panels = list(result.provenance["datasets"])
    below = width == "column"
    shape = (len(panels), 1) if below else (1, len(panels))
    height = 2.9 * len(panels) if below else 3.2 if len(panels) == 1 else 3.6
    figure, axes = plt.subplots(*shape, figsize=(figure_width(width), height), squeeze=False)
    legend: dict[str, Any] = {}
    markers = cycle(FURTHER)
    looks: dict[str, dict[str, Any]] = {}
    for axis, panel, letter in zip(axes.flat, panels, "ab", strict=False):
        rows = points_of(result, panel)
        for name, loss in zip(rows.name, rows.loss, strict=True):
            if name not in looks and name != TRUTH:
                looks[name] = _look(loss, name, markers)
        _draw_plane(axis, rows, looks, legend)
        data = result.provenance["datasets"][panel]
        axis.set_title(f"{f'({letter}) ' if len(panels) > 1 else ''}{PANELS[panel]}\n{data['summary']}", loc="left")
        axis.set_xlabel(f"SSIM of {'RGB' if result.parameters['protocol'] == 'authors' else 'Y'} (higher is better)")
        axis.set_ylabel("NIQE (lower is better)")
    for line in ("front", "ground truth's NIQE"):  # after the networks
        if line in legend:
            legend[line] = legend.pop(line)
    columns = 3 if below else 5
    figure.legend(
        legend.values(), list(legend), loc="outside upper center", ncols=columns, columnspacing=1, handletextpad=0.4
    )
    return figure


def _look(loss: str, name: str, markers: Iterator[str]) -> dict[str, Any]:
    """Ours filled, hollow where the loss has another network; other networks black."""
    if not loss:
        return {"color": "0", "marker": next(markers)}
    return dict(LOOKS[loss]) | ({"markerfacecolor": "white"} if "(" in name else {})


def _draw_plane(axis: Axes, rows: pd.DataFrame, looks: Mapping[str, Any], legend: dict[str, Any]) -> None:
    layers = rows.groupby("name").size()
    front = rows[rows.on_front].sort_values("ssim")
    if len(front) > 1:
        # Between two points of the front a network is beaten that has less SSIM than the right one and more NIQE.
        look: dict[str, Any] = {"color": "0.6", "linestyle": "--", "linewidth": 0.8, "zorder": 1}
        (legend["front"],) = axis.step(front.ssim, front.niqe, where="pre", **look)
    places = cycle([(3, 3), (3, -8), (-12, 3), (-12, -8)])
    for row in rows.dropna(subset="niqe").to_dict("records"):
        name, ssim, niqe = row["name"], row["ssim"], row["niqe"]
        if name == TRUTH:
            legend["ground truth's NIQE"] = axis.axhline(niqe, color="0", linestyle=":", linewidth=0.8, zorder=0)
            continue
        bars = {"color": looks[name]["color"], "linewidth": 0.5, "alpha": 0.6, "zorder": 2}
        axis.plot([row["ssim_low"], row["ssim_high"]], [niqe, niqe], **bars)
        axis.plot([ssim, ssim], [row["niqe_low"], row["niqe_high"]], **bars)
        (legend[name],) = axis.plot(ssim, niqe, linestyle="none", markersize=5, zorder=3, **looks[name])
        if layers[name] > 1:
            layer = row["layer"].removeprefix("relu")
            axis.annotate(layer, (ssim, niqe), next(places), textcoords="offset points", fontsize=6, zorder=4)
    axis.grid(axis="both")


def caption(result: Result) -> str:
    """What the figure shows."""
    sets = []
    for panel, data in result.provenance["datasets"].items():
        sets.append(f"{PANELS[panel]} on {data['dataset']}, the {data['count']} images that all have")
    letters = [f"({letter}) " for letter in "ab"] if len(sets) > 1 else [""]
    what = "; ".join(letter + text for letter, text in zip(letters, sets, strict=True))
    protocol = result.parameters["protocol"]
    return (
        f"Perception (NIQE) against distortion (SSIM): {what}. Best is below at the right. Thin lines: 95% bootstrap "
        "intervals over images. Front: no network has a higher SSIM and a lower NIQE than one on it. Dotted: NIQE of "
        f"the clean images. Protocol: {result.provenance['protocols'][protocol].rpartition('evaluation: ')[2]}. Black: "
        "results of other networks. A loss at several layers has their numbers beside it; of several seeds the mean "
        "is shown. The paper prints no numbers with its figure, so none of its points is here."
    )
