"""What Table 1 and the text about it say: measures against people, against each other, and by type of distortion."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import pandas as pd

from dsd import paper
from dsd.data.rated import RatedImages
from dsd.quality.by_type import by_type
from dsd.quality.evaluate import KEYS, Agreement, agreement
from dsd.quality.resampling import next_one

LEARNED = paper.FULL_REFERENCE["lpips"]
BANDWIDTHS = paper.FULL_REFERENCE["bandwidths"]


class Column(NamedTuple):
    """A column of scores, as its name says it."""

    measure: str
    layer: str
    """Of LPIPS: its network."""
    padding: str

    @property
    def place(self) -> str:
        """Layer and padding."""
        return f"{self.layer} {self.padding}"


def column(name: str) -> Column:
    """What a column of :func:`.score_all` has in it.

    Example:
        >>> column("Style relu2_1 zeros")
        Column(measure='Style', layer='relu2_1', padding='zeros')
    """
    return Column(*name.split(" "))


def analyse(found: Agreement, scores: pd.DataFrame, rated: RatedImages, seed: int) -> pd.DataFrame:
    """Everything that the table, the figures and the text say of one set of images, by `kind` of row.

    - ``correlation``: of each measure with people, see :func:`.agreement`.
    - ``difference``: of two measures' statistics, those of `minus` subtracted; see :func:`compared`.
    - ``reference``: `pearson` on each `reference` alone.
    - ``logistic``: Style and MSS through the authors' logistic function with their k, and differences of these.
    - ``type``: by `type` of distortion, see :func:`.by_type`; of the deepest layer and LPIPS.

    Args:
        found: agreement of all measures with people.
        scores: as from :func:`.score_all`.
        rated: the images.
        seed: of the bootstrap.
    """
    columns = {name: column(name) for name in found.bandwidths}
    at = list(columns.values())
    deepest = [one for one in at if one.measure != "LPIPS" and one.padding == at[0].padding][-1].place
    alone = found.alone.rename_axis("reference").melt(var_name="measure", value_name="pearson", ignore_index=False)
    tables = {
        "correlation": [found.table()],
        "difference": [found.differences(compared(list(columns)))],
        "reference": [alone.reset_index()],
        "logistic": logistic(scores, rated, [name for name in columns if columns[name].padding == at[0].padding], seed),
        "type": [],
    }
    chosen = [name for name, one in columns.items() if one.place == deepest or one.measure == "LPIPS"]
    for kind, of_type in by_type(scores[[*KEYS, *chosen]], rated, seed=seed).items():
        dsd = f"DSD_2 {deepest}"
        differences = of_type.differences((dsd, name) for name in chosen if name != dsd)
        tables["type"] += [of_type.table().assign(type=kind), differences.assign(type=kind)]
    rows = [part.assign(kind=kind) for kind, parts in tables.items() for part in parts]
    return pd.concat(rows, ignore_index=True).assign(dataset=rated.name)


def next_reference(alone: pd.DataFrame, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Rows of kind ``next reference``: differences of `pearson` on single references, of all sets together.

    `pearson` is their mean; `_low` and `_high` bound what one more reference would have, see :func:`.next_one`.

    Args:
        alone: correlations on each reference alone, a column for each measure. Of one reference there are no rows.
        pairs: (measure, the one that is subtracted).
    """
    rows = []
    for measure, minus in pairs if len(alone) > 1 else ():
        differences = alone[measure] - alone[minus]
        bounds = dict(zip(("pearson", "pearson_low", "pearson_high"), next_one(differences.to_list()), strict=True))
        ends = {"pearson_lowest": differences.min(), "pearson_highest": differences.max()}
        rows.append({"measure": measure, "minus": minus, **ends, **bounds})
    return pd.DataFrame(rows).assign(kind="next reference", dataset="all")


def in_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with `measure`, `layer` and `padding` in columns of their own, and the paper's values."""
    words = pd.DataFrame(map(column, table.measure), index=table.index)
    first = [table[["dataset", "kind"]], words, table[["minus"]]]
    table = pd.concat([*first, table.drop(columns=["dataset", "kind", "measure", "minus"])], axis=1)
    table["paper"] = [
        paper.TABLE1.get(measure, {}).get(layer) if kind == "correlation" else None
        for kind, measure, layer in zip(table.kind, table.measure, table.layer, strict=True)
    ]
    return table


def compared(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Which measures are compared, the later one less the earlier one.

    - two measures at one layer with one padding; at the deepest layer, LPIPS with each;
    - a measure at the deepest and at the shallowest layer;
    - a measure with two paddings.

    Args:
        names: columns of scores, ``"Style relu2_1 zeros"``.
    """
    layers = [column(name).layer for name in names if column(name).measure != "LPIPS"]
    for a, b in combinations(names, 2):
        of_a, of_b = column(a), column(b)
        same = tuple(one == other for one, other in zip(of_a, of_b, strict=True))
        ends = same == (True, False, True) and (of_a.layer, of_b.layer) == (layers[0], layers[-1])
        with_lpips = of_b.measure == "LPIPS" and of_a.layer in (layers[-1], *LEARNED) and same[2]
        if same in ((False, True, True), (True, True, False)) or ends or with_lpips:
            yield b, a


def logistic(scores: pd.DataFrame, rated: RatedImages, names: Sequence[str], seed: int) -> list[pd.DataFrame]:
    """`pearson_logistic` of Style and MSS with each k of the authors, ``"Style(k=500)"`` …, and three differences.

    At each layer, from Style with its own k: Style with that of MSS, which the authors' code may have printed as MSS,
    and MSS itself.
    """
    chosen = [name for name in names if column(name).measure in BANDWIDTHS]
    at = {
        k: agreement(scores[[*KEYS, *chosen]], rated, bandwidth=k, seed=seed).statistics["pearson_logistic"]
        for k in BANDWIDTHS.values()
    }
    samples = {name.replace(" ", f"(k={k}) ", 1): table[name] for k, table in at.items() for name in chosen}
    found = Agreement({"pearson_logistic": pd.DataFrame(samples)})
    pairs = [
        (f"{measure}(k={BANDWIDTHS['MSS']}) {place}", f"Style(k={BANDWIDTHS['Style']}) {place}")
        for place in dict.fromkeys(column(name).place for name in chosen)
        for measure in BANDWIDTHS
    ]
    return [found.table(), found.differences(pairs)]
