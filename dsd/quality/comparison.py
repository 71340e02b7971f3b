"""What Table 1 and the text about it say: measures against people, against each other, and by type of distortion."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import pandas as pd

from dsd import paper
from dsd.data.rated import RatedImages
from dsd.quality.by_type import by_type
from dsd.quality.evaluate import KEYS, Agreement, agreement
from dsd.quality.resampling import next_one

LEARNED = paper.FULL_REFERENCE["lpips"]
BANDWIDTHS = paper.FULL_REFERENCE["bandwidths"]


def analyse(found: Agreement, scores: pd.DataFrame, rated: RatedImages, seed: int) -> pd.DataFrame:
    """Everything that the table, the figures and the text say of one set of images, by `kind` of row.

    - ``correlation``: of each measure with people, see :func:`.agreement`.
    - ``difference``: of two measures' statistics, those of `minus` subtracted; see :func:`compared`.
    - ``logistic``: Style and MSS through the authors' logistic function with their k, and differences of these.
    - ``type``: by `type` of distortion, see :func:`.by_type`; of the deepest layer and LPIPS.

    Args:
        found: agreement of all measures with people.
        scores: as from :func:`.score_all`.
        rated: the images.
        seed: of the bootstrap.
    """
    names = list(found.bandwidths)
    padding = names[0].split()[2]
    deepest = [name.split()[1] for name in names if not is_lpips(name)][-1]
    tables = {
        "correlation": [found.table()],
        "difference": [found.differences(compared(names))],
        "logistic": logistic(scores, rated, [name for name in names if name.endswith(padding)], seed),
        "type": [],
    }
    chosen = [name for name in names if name.endswith(f" {deepest} {padding}") or is_lpips(name)]
    for kind, of_type in by_type(scores[[*KEYS, *chosen]], rated, seed=seed).items():
        dsd = f"DSD_2 {deepest} {padding}"
        differences = of_type.differences((dsd, name) for name in chosen if name != dsd)
        tables["type"] += [of_type.table().assign(type=kind), differences.assign(type=kind)]
    rows = [part.assign(kind=kind) for kind, parts in tables.items() for part in parts]
    return pd.concat(rows, ignore_index=True).assign(dataset=rated.name)


def next_reference(alone: pd.DataFrame) -> pd.DataFrame:
    """Rows of kind ``next reference``: differences of `pearson` on single references, of all sets together.

    `pearson` is their mean; `_low` and `_high` bound what one more reference would have, see :func:`.next_one`.

    Args:
        alone: correlations on each reference alone, a column for each measure.
    """
    rows = []
    for measure, minus in compared([str(name) for name in alone]) if len(alone) > 1 else ():
        differences = alone[measure] - alone[minus]
        row = {
            "measure": measure,
            "minus": minus,
            "pearson_lowest": differences.min(),
            "pearson_highest": differences.max(),
        }
        rows.append(
            row | dict(zip(("pearson", "pearson_low", "pearson_high"), next_one(differences.to_list()), strict=True))
        )
    return pd.DataFrame(rows).assign(kind="next reference", dataset="all")


def in_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with `measure`, `layer` and `padding` in columns of their own, and the paper's values."""
    words = table.measure.str.split(" ", expand=True).set_axis(["measure", "layer", "padding"], axis=1)
    first = [table[["dataset", "kind"]], words, table[["minus"]]]
    table = pd.concat([*first, table.drop(columns=["dataset", "kind", "measure", "minus"])], axis=1)
    table["paper"] = [
        paper.TABLE1.get(measure, {}).get(layer) if kind == "correlation" else None
        for kind, measure, layer in zip(table.kind, table.measure, table.layer, strict=True)
    ]
    return table


def is_lpips(name: str) -> bool:
    """Whether a column of scores is LPIPS's: its layer is a network."""
    return name.startswith("LPIPS ")


def compared(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Which measures are compared, the later one less the earlier one.

    - two measures at one layer with one padding; at the deepest layer, LPIPS with each;
    - a measure at the deepest and at the shallowest layer;
    - a measure with two paddings.

    Args:
        names: columns of scores, ``"Style relu2_1 zeros"``.
    """
    layers = [name.split()[1] for name in names if not is_lpips(name)]
    for a, b in combinations(names, 2):
        (measure_a, layer_a, padding_a), (measure_b, layer_b, padding_b) = a.split(), b.split()
        same = (measure_a == measure_b, layer_a == layer_b, padding_a == padding_b)
        ends = same == (True, False, True) and (layer_a, layer_b) == (layers[0], layers[-1])
        with_lpips = is_lpips(b) and layer_a in (layers[-1], *LEARNED) and same[2]
        if same in ((False, True, True), (True, True, False)) or ends or with_lpips:
            yield b, a


def logistic(scores: pd.DataFrame, rated: RatedImages, names: Sequence[str], seed: int) -> list[pd.DataFrame]:
    """`pearson_logistic` of Style and MSS with each k of the authors, ``"Style(k=500)"`` …, and three differences.

    At each layer, from Style with its own k: Style with that of MSS, which the authors' code may have printed as MSS,
    and MSS itself.
    """
    chosen = [name for name in names if name.split()[0] in BANDWIDTHS]
    at = {
        k: agreement(scores[[*KEYS, *chosen]], rated, bandwidth=k, seed=seed).statistics["pearson_logistic"]
        for k in BANDWIDTHS.values()
    }
    samples = {name.replace(" ", f"(k={k}) ", 1): table[name] for k, table in at.items() for name in chosen}
    found = Agreement({"pearson_logistic": pd.DataFrame(samples)})
    pairs = [
        (f"{measure}(k={BANDWIDTHS['MSS']}) {place}", f"Style(k={BANDWIDTHS['Style']}) {place}")
        for place in dict.fromkeys(name.split(" ", 1)[1] for name in chosen)
        for measure in BANDWIDTHS
    ]
    return [found.table(), found.differences(pairs)]
