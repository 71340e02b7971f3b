"""Does learning help? Weights of channels, tested on references that they did not learn from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from dsd.checks import check_integer
from dsd.data.bapps import Judgement
from dsd.data.rated import RatedImages
from dsd.data.same import same_photographs
from dsd.learned.channels import Pairs
from dsd.learned.ranking import Learner
from dsd.learned.train import Fitting, fit, measured
from dsd.learned.triplets import judged
from dsd.quality.evaluate import Agreement
from dsd.quality.learned import MEASURES
from dsd.quality.resampling import interval
from dsd.training import Process

KINDS = ("published", "uniform", "balanced", "layers", "channels", "shuffled")  # of weights
LEARNED = ("layers", "channels", "shuffled")
STATISTICS = ("pearson", "agreement")
MORE = "DSD − LPIPS"
COMPARED = (  # what is subtracted from what
    *(("channels", other) for other in ("balanced", "layers", "published", "uniform", "shuffled")),
    ("layers", "balanced"),
)


@dataclass(frozen=True)
class Fold:
    """A reference that is held out, and triplets of all others."""

    reference: Path
    same: frozenset[Path]
    """All references that show the same photograph: none of them is learned from."""
    triplets: Sequence[Judgement]


def folds(sets: Sequence[RatedImages], most: int, seed: int) -> Iterator[Fold]:
    """One fold for each reference of all sets. With it goes what shows the same photograph in another set.

    Shares of a set are made of the pairs that are learned from alone: see :func:`.judged`.

    Args:
        sets: rated images.
        most: triplets of a reference that are learned from, drawn where it has more, so that references count alike.
        seed: of the draw.

    Raises:
        ValueError: there is one photograph only, so nothing to learn from; `most` is no integer of at least 1.
    """
    check_integer(most, "triplets", 1)
    references = [reference for rated in sets for reference in rated.images()]
    same = same_photographs(references)
    if len(set(same.values())) < 2:
        raise ValueError(
            f"sets must have references of at least two photographs, to hold one out; got {len(references)} of one"
        )
    random = np.random.default_rng(seed)
    drawn = []
    for rated in sets:
        own: dict[Path, list[int]] = {}
        for number, pair in enumerate(rated.pairs):
            own.setdefault(pair.reference, []).append(number)
        chosen = [n for numbers in own.values() for n in sorted(random.permutation(numbers)[:most])]
        drawn.append(replace(rated, pairs=[rated.pairs[n] for n in chosen]))
    for reference in references:
        out = same[reference]
        left = [replace(rated, pairs=[p for p in rated.pairs if p.reference not in out]) for rated in drawn]
        yield Fold(reference, out, [at for rated in left if rated.pairs for at in judged(rated).judgements])


def learn(
    out: Path, widths: Mapping[str, int], channels: Tensor, pairs: Pairs, fold: Fold, fitting: Fitting, kind: str
) -> Tensor:
    """Weights (K,) that were learned from the triplets of a fold. Their distances are 1 on average there.

    Otherwise G could give each fold a scale of its own, and a correlation over references of several folds would
    suffer.

    Args:
        out: folder of the run, which goes on where it was stopped.
        widths: {layer: channels}.
        channels: m of each pair, (N, K).
        pairs: references and images.
        fold: what is learned from.
        fitting: steps, rate, seed.
        kind: ``"channels"``: a weight for each; ``"layers"``: one for all channels of a layer; ``"shuffled"``: one for
            each channel, and answers are dealt out at random. What that finds is no agreement with people.
    """
    triplets, layers = fold.triplets, dict.fromkeys(widths, 1) if kind == "layers" else widths
    if kind == "shuffled":
        shares = np.random.default_rng(fitting.seed).permutation([at.share for at in triplets])
        triplets = [replace(at, share=float(share)) for at, share in zip(triplets, shares, strict=True)]
    own = [*widths.values()]
    if kind == "layers":
        channels = torch.stack([part.sum(dim=1) for part in channels.split(own, dim=1)], dim=1)
    learner = Learner(layers, lambda batch: (batch[0], batch[1]), dropout=fitting.dropout, seed=fitting.seed)
    about: dict[str, Any] = {"kind": kind, "reference": fold.reference.name, "channels": tuple(channels.shape)}
    fit(out, learner, measured(channels, pairs, triplets), fitting, about, Process("cpu"))
    heads = learner.heads()
    heads = heads / (_others(channels, pairs, fold) @ heads).mean()
    return torch.repeat_interleave(heads, torch.tensor(own)) if kind == "layers" else heads


def balance(widths: Mapping[str, int], channels: Tensor, pairs: Pairs, fold: Fold) -> Tensor:
    """Weights (K,) with which layers give equal parts of the distance, which is 1 on average: where learning begins.

    Args:
        widths, channels, pairs, fold: as of :func:`learn`. Nothing is learned from what people said.
    """
    parts = _others(channels, pairs, fold).mean(dim=0).split([*widths.values()])
    return torch.cat([torch.full_like(part, 1 / (len(parts) * part.sum().item())) for part in parts])


def _others(channels: Tensor, pairs: Pairs, fold: Fold) -> Tensor:
    return channels[torch.tensor([reference not in fold.same for reference, _ in pairs])]


def scores(channels: Tensor, pairs: Pairs, heads: Mapping[Path, Tensor], rated: RatedImages) -> pd.DataFrame:
    """The distance of each image of a set to its reference.

    Args:
        channels: m of each pair, (N, K).
        pairs: references and images.
        heads: {reference: its weights}.
        rated: the set.

    Returns:
        `reference`, `distorted`, as of :func:`.evaluate.score`; and `value`.
    """
    root, there = rated.root, rated.images()
    rows = [
        (*(path.relative_to(root).as_posix() for path in (reference, image)), float(m @ heads[reference]))
        for (reference, image), m in zip(pairs, channels, strict=True)
        if reference in there
    ]
    return pd.DataFrame(rows, columns=["reference", "distorted", "value"])


def summarise_heads(found: Mapping[tuple[str, str], Agreement]) -> pd.DataFrame:
    """Agreement with people of each kind of weights, and differences of two kinds; of one set of images.

    Args:
        found: {(measure, network): agreement, a measure for each kind of weights, "channels 0" of the first seed}.

    Returns:
        `kind`, the statistic; `measure`, `network`, `heads`, `minus`; `value`, `low` and `high`, the 95 % bootstrap
        interval; `lowest` and `highest`, of single seeds. Learned ones are means over seeds. Where `minus` is not empty
        it is a paired difference. `measure` `MORE` is how much more learning helps DSD.
    """
    rows = []
    gains: dict[tuple[str, str, str, str], dict[str, pd.DataFrame]] = {}
    for (measure, network), at in found.items():
        for statistic in STATISTICS:
            table = at.statistics[statistic]
            kinds = {
                kind: own
                for kind in KINDS
                if not (own := table[[c for c in table if str(c).split(" ")[0] == kind]]).empty
            }
            for kind, own in kinds.items():
                rows.append(_row(statistic, measure, network, kind, "", own))
            for kind, other in COMPARED:
                if kind not in kinds or other not in kinds:
                    continue
                less = pd.DataFrame(kinds[kind].to_numpy() - kinds[other].to_numpy())  # seed by seed
                rows.append(_row(statistic, measure, network, kind, other, less))
                gains.setdefault((statistic, network, kind, other), {})[measure] = less
    for (statistic, network, kind, other), by_measure in gains.items():
        if set(by_measure) == set(MEASURES):
            rows.append(_row(statistic, MORE, network, kind, other, by_measure["dsd"] - by_measure["lpips"]))
    return pd.DataFrame(rows)


def _row(statistic: str, measure: str, network: str, heads: str, minus: str, of_seeds: pd.DataFrame) -> dict[str, Any]:
    value, low, high = interval(of_seeds.mean(axis=1))
    about = {"kind": statistic, "measure": measure, "network": network, "heads": heads, "minus": minus}
    ends = {"lowest": of_seeds.iloc[0].min(), "highest": of_seeds.iloc[0].max()}
    return {**about, "value": value, "low": low, "high": high, **ends}
