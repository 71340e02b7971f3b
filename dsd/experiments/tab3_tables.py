"""Table 3 in numbers and in print: means, their spread over images and seeds, differences of losses."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dsd import paper
from dsd.cite.latex import latex
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.markdown import markdown_table
from dsd.experiments.output import environment
from dsd.experiments.provenance import Result
from dsd.experiments.restorations import LOSSES, loss_name, with_texts
from dsd.experiments.style import pretty
from dsd.quality.means import beyond, over_images
from dsd.restore.evaluate import MEASURES

AUTHORS = ("psnr_y_authors", "lpips_authors", "niqe_authors")  # Table 3's
USUAL = ("psnr_y", "lpips", "niqe")
WORDS = ("PSNR", "LPIPS", "NIQE")
LOSS = ["name", "loss", "backbone", "layer"]
# The paper's Style and MSS, perhaps two runs of one loss: their largest difference of PSNR, LPIPS and NIQE.
NOISE = tuple(
    max(
        abs(one[k] - other[k]) for one, other in zip(*(paper.TABLE3[n].values() for n in ("Style", "MSS")), strict=True)
    )
    for k in range(3)
)


def summarise(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The scores of images, and all that is made of them.

    Args:
        scores: as from :func:`.train_and_score`.
        seed: of the bootstrap over images.

    Returns:
        By `kind` of row: ``score`` of a run and image; ``mean`` of a run over a set; ``loss``: over a set's images and
        all seeds; ``difference`` of two losses, `minus` subtracted, of the same images; ``paper``. `statistic`:
        ``value``, ``mean``, ``low`` and ``high`` (95 % bootstrap interval over images), or ``seed std``, the standard
        deviation over `seeds`, of a difference over the seeds that both have.
    """
    scores = scores.reindex(columns=[*scores.columns.difference(list(MEASURES)), *MEASURES])
    names = [loss_name(loss, backbone) for loss, backbone in zip(scores.loss, scores.backbone, strict=True)]
    scores = scores.assign(kind="score", statistic="value", name=names)
    means = scores.groupby([*LOSS, "run", "seed", "set"], sort=False, as_index=False)[list(MEASURES)].mean()
    tables = [scores, means.assign(kind="mean", statistic="value"), _paper()]
    for name, of_set in scores.groupby("set", sort=False):
        rows = [*_losses(of_set, seed), *_differences(of_set, seed)]
        tables.append(pd.concat(rows, ignore_index=True).assign(set=name, images=of_set.image.nunique()))
    table = pd.concat(tables, ignore_index=True)
    first = ["kind", "statistic", *LOSS, "minus", "seed", "run", "set", "image", "images", "seeds"]
    return table.reindex(columns=[*first, *MEASURES])


def _paper() -> pd.DataFrame:
    rows = [
        {"kind": "paper", "statistic": "value", "name": name, "loss": name.lower(), "layer": layer}
        | dict(zip(AUTHORS, values, strict=True))
        for name, layers in paper.TABLE3.items()
        for layer, values in layers.items()
    ]
    return pd.DataFrame(rows)


def _by_image(scores: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]]:
    """Each loss and layer of a set: what it is, its means of each image over seeds, and of each seed over images."""
    for key, rows in scores.groupby(LOSS, sort=False):
        by_image, by_seed = (rows.groupby(by)[list(MEASURES)].mean() for by in ("image", "seed"))
        yield dict(zip(LOSS, key, strict=True)), by_image, by_seed


def _losses(scores: pd.DataFrame, seed: int) -> Iterator[pd.DataFrame]:
    for what, by_image, by_seed in _by_image(scores):
        yield _statistics(by_image, by_seed, seed).assign(kind="loss", **what)


def _differences(scores: pd.DataFrame, seed: int) -> Iterator[pd.DataFrame]:
    """DSD minus every other loss at its layer, or without a layer; DSD with the run's own network first."""
    every = list(_by_image(scores))
    done = set()
    for what, by_image, by_seed in every:
        if what["loss"] != "dsd":
            continue
        done.add(what["name"])
        for other, their_images, their_seeds in every:
            same = other["layer"] in ("", what["layer"]) and other["loss"] != "bicubic"
            if not same or other["name"] in done:
                continue
            # The L1 model is the same for all: it has no seed.
            seeds = by_seed - (their_seeds.iloc[0] if other["loss"] == "l1" else their_seeds)
            table = _statistics(by_image - their_images, seeds.dropna(how="all"), seed)
            yield table.assign(kind="difference", minus=other["name"], **what)


def _statistics(by_image: pd.DataFrame, by_seed: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Mean, interval over images, standard deviation over seeds: a row each."""
    rows = over_images(by_image, seed)
    if len(by_seed) > 1:
        rows.loc["seed std"] = by_seed.std()
    return rows.rename_axis("statistic").reset_index().assign(seeds=len(by_seed))


def first_set(result: Result) -> str:
    """The set that the figure shows."""
    return str(next(iter(result.parameters["sets"])))


def rows_of(result: Result, kind: str, name: str | None = None) -> pd.DataFrame:
    """Rows of one kind, of one set of images."""
    rows = result.table[(result.table.kind == kind) & (name is None or result.table.set == name)]
    return with_texts(rows, "layer", "backbone", "minus")


def losses_of(result: Result) -> pd.DataFrame:
    """The losses and their layers, in the paper's order."""
    rows = rows_of(result, "loss", first_set(result))[LOSS].drop_duplicates()
    order = np.lexsort((rows.layer, rows.name, rows.loss.map(list(LOSSES).index)))
    return rows.iloc[order].reset_index(drop=True)


def digits(measure: str, value: float) -> str:
    """A value with the paper's digits.

    Example:
        >>> digits("psnr_y", 25.114), digits("lpips_authors", 0.1874)
        ('25.11', '.187')
    """
    return f"{value:.3f}".replace("0.", ".", 1) if measure.startswith("lpips") else f"{value:.2f}"


def printed(result: Result, name: str) -> pd.DataFrame:
    """Losses and layers × measures on one set as text: the paper's, ours under both protocols.

    Where there are several seeds: ± their standard deviation.
    """
    theirs = rows_of(result, "paper").set_index(["name", "layer"]).to_dict("index")
    own = rows_of(result, "loss", name).set_index(["name", "layer", "statistic"]).to_dict("index")
    lines = {}
    for row in losses_of(result).to_dict("records"):
        place = (row["name"], row["layer"])
        line = {"Paper": _cell(theirs[place]) if place in theirs else "–"}
        mean, spread = own[*place, "mean"], own.get((*place, "seed std"))
        for measure, word in zip(AUTHORS, WORDS, strict=True):
            line[word] = digits(measure, mean[measure]) if np.isfinite(mean[measure]) else "–"
            if spread is not None and np.isfinite(spread[measure]):
                line[word] += f" ± {digits(measure, spread[measure])}"
        line["Usual protocol"] = _cell(mean, USUAL)
        line["Seeds"] = "–" if row["loss"] in ("bicubic", "l1") else f"{mean['seeds']:g}"
        lines[row["name"], pretty(row["layer"]) or "–"] = line
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(["Loss", "Layer"])


def _cell(row: Mapping[Any, Any], measures: tuple[str, ...] = AUTHORS) -> str:
    return " / ".join(digits(measure, row[measure]) if np.isfinite(row[measure]) else "–" for measure in measures)


def differences(result: Result, name: str) -> pd.DataFrame:
    """DSD minus other losses on one set, authors' protocol: `mean`, `low`, `high`, `seed std`, `seeds`, `beyond`.

    `beyond`: what the difference exceeds, see :func:`dsd.quality.means.beyond`.
    """
    rows = rows_of(result, "difference", name)
    lines = []
    for (loss, layer, minus), of in rows.groupby(["name", "layer", "minus"], sort=False):
        of = of.set_index("statistic")
        for measure, word in zip(AUTHORS, WORDS, strict=True):
            mean, low, high = (float(of[measure][key]) for key in ("mean", "low", "high"))
            if not np.isfinite(mean):
                continue
            std, seeds = float(of[measure].get("seed std", np.nan)), int(of.seeds.iloc[0])
            noise = beyond(mean, low, high, std, seeds)
            lines.append([f"{loss} − {minus}", pretty(str(layer)), word, mean, low, high, std, seeds, noise])
    columns = ["difference", "layer", "measure", "mean", "low", "high", "seed std", "seeds", "beyond"]
    return pd.DataFrame(lines, columns=columns).set_index(["difference", "layer", "measure"])


def write_tables(result: Result, out_dir: str | Path) -> None:
    """Write tab3.md (every set, and differences) and tab3.tex (the first set); `out_dir`: as for the result."""
    parts = []
    for name, data in result.provenance["datasets"].items():
        cells, gaps = printed(result, name), differences(result, name)
        head = ["Loss", "Layer", "Paper: PSNR / LPIPS / NIQE", *WORDS, "Usual protocol", "Seeds"]
        lines = [[*key, *row] for key, row in zip(cells.index, cells.to_numpy(), strict=True)]
        protocols = result.provenance["protocols"]
        parts.append(
            f"{data['summary']}. PSNR (dB, of Y), LPIPS (AlexNet), NIQE: {protocols['authors']}. ±: standard deviation "
            f"over seeds. Usual protocol: PSNR / LPIPS / NIQE, {protocols['usual']}.\n\n{markdown_table(head, lines)}"
        )
        if not gaps.empty:
            head = ["Difference", "Layer", "Measure", "Mean [95 % interval over images]", "Over seeds", "Beyond"]
            lines = [[*key, *_difference(row)] for key, row in zip(gaps.index, gaps.to_dict("records"), strict=True)]
            parts.append(f"The same images with DSD and with another loss:\n\n{markdown_table(head, lines)}")
    name = first_set(result)
    cells = printed(result, name)
    head = ["Loss", "Layer", "Paper", *WORDS, "Seeds"]
    rows = [
        [*key, *(row[column] for column in head[2:])]
        for key, row in zip(cells.index, cells.to_dict("records"), strict=True)
    ]
    body = [" & ".join(map(latex, map(str, row))) + r" \\" for row in [head, *rows]]
    tabular = ["\\begin{tabular}{@{}lllllll@{}}", "\\toprule", body[0], "\\midrule", *body[1:], "\\bottomrule"]
    caption = (
        f"×4 super-resolution on {name} by distribution loss and layer, authors' protocol: PSNR of Y in dB, LPIPS, "
        "NIQE. Paper: the same three numbers of its Table 3. ±: standard deviation over seeds."
    )
    content = "\\footnotesize\\setlength{\\tabcolsep}{4pt}\n" + "\n".join([*tabular, "\\end{tabular}"])
    texts = {"md": "\n".join(parts), "tex": environment("table", "tab3", content, caption, result)}
    for suffix, text in texts.items():
        (REPOSITORY / out_dir / f"tab3.{suffix}").write_text(text, encoding="utf-8")


def _difference(row: Mapping[Any, Any]) -> list[str]:
    places = 3 if max(abs(row["low"]), abs(row["high"]), abs(row["mean"])) < 0.1 else 2
    mean, low, high = (f"{row[key]:+.{places}f}".replace("-", "−") for key in ("mean", "low", "high"))
    spread = "one seed" if np.isnan(row["seed std"]) else f"± {row['seed std']:.{places}f} ({row['seeds']})"
    return [f"{mean} [{low}, {high}]", spread, row["beyond"]]
