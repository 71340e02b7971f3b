"""Every measure on images that people judged: distances, and what they score by subset."""

from collections.abc import Iterator, Sequence
from functools import partial, reduce
from operator import add

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from dsd.backbones.base import Backbone
from dsd.contextual import contextual
from dsd.data.bapps import JudgedImages, Judgement
from dsd.data.images import load_image
from dsd.quality.classic import psnr, ssim
from dsd.quality.full_reference import compare_batch, encode
from dsd.quality.lpips import LPIPS
from dsd.quality.resampling import interval
from dsd.quality.two_afc import ceiling, jnd_precision, two_afc

ALL = "mean of subsets"
PEOPLE = "People"


@torch.inference_mode()
def distances(
    judged: JudgedImages, network: Backbone, learned: Sequence[LPIPS] = (), *, batch: int = 16
) -> list[pd.DataFrame]:
    """The distance of each judged image to its reference by every measure.

    Args:
        judged: triplets or pairs.
        network: whose layers are compared: the measures of :func:`.compare_batch`, and the contextual loss, ``"CX"``.
        learned: LPIPS, with one network or several.
        batch: how many references at a time.

    Returns:
        A table for each image of a judgement (two of a triplet, one of a pair): a row for each judgement, a column for
        each measure, ``"Style relu2_1"``, ``"LPIPS alexnet"``, ``"SSIM"``, ``"PSNR"``. The last two are made to fall
        with likeness: 1 − SSIM and −PSNR.

    Raises:
        ValueError: an image cannot be read, is too small, or of another size than the first of its batch; it is named.
    """
    similarity, peak_ratio = ssim(network.device), psnr(network.device)
    rows: list[list[pd.DataFrame]] = [[] for _ in judged.judgements[0].images]
    with tqdm(desc=judged.name, unit="judgement", total=len(judged.judgements)) as progress:
        for start in range(0, len(judged.judgements), batch):
            some = judged.judgements[start : start + batch]
            reference, *images = _load(some, network.device)
            target, targets = encode(reference, network), [lpips.encode(reference) for lpips in learned]
            for x, tables in zip(images, rows, strict=True):
                encoded = encode(x, network)
                values = compare_batch(encoded, target)
                for layer, maps in target.features.items():
                    values[f"CX {layer}"] = contextual(encoded.features[layer], maps)
                for lpips, other in zip(learned, targets, strict=True):
                    values[f"LPIPS {lpips.backbone.backbone_name}"] = lpips.compare(lpips.encode(x), other)
                values["SSIM"] = 1 - similarity(x, reference)
                values["PSNR"] = -peak_ratio(x, reference)
                tables.append(pd.DataFrame({name: value.double().cpu().numpy() for name, value in values.items()}))
            progress.update(len(some))
    return [pd.concat(tables, ignore_index=True) for tables in rows]


def _load(judgements: Sequence[Judgement], device: torch.device) -> Iterator[Tensor]:
    """Of some judgements the references, then their images, each as a batch."""
    first, shape = judgements[0].reference, None
    for paths in zip(*((at.reference, *at.images) for at in judgements), strict=True):
        images = [load_image(path) for path in paths]
        shape = shape or images[0].shape
        for path, image in zip(paths, images, strict=True):
            if image.shape != shape:
                sizes = [f"{size[2]}×{size[1]}" for size in (image.shape, shape)]
                raise ValueError(f"{path} has {sizes[0]} pixels, {first} has {sizes[1]}: they must be of one size")
        yield torch.stack(images).to(device)


def scores(judged: JudgedImages, found: Sequence[pd.DataFrame], seed: int = 0, resamples: int = 1000) -> pd.DataFrame:
    """The 2AFC score or the JND mean average precision of each measure on each subset, and on their mean.

    Args:
        judged: triplets or pairs.
        found: as from :func:`distances`.
        seed: of the bootstrap, which draws the judgements of each subset with replacement.
        resamples: how many draws.

    Returns:
        `subset`, `measure`, `minus`, `count` (judgements), `value`, and `low` and `high`, the 95 % interval. Of
        triplets that people judged, the measure ``"People"`` is :func:`.ceiling`. The subset ``"mean of subsets"``
        weighs all alike. There, rows whose `minus` is not empty are differences of two measures: of the same resamples.
    """
    subsets = pd.Series([at.subset for at in judged.judgements])
    share = np.array([at.share for at in judged.judgements])
    drawn: dict[str, pd.DataFrame] = {}
    counts = subsets.value_counts()
    for number, subset in enumerate(subsets.unique()):
        own, count = (subsets == subset).to_numpy(), int(counts[subset])
        generator = np.random.default_rng([seed, number])
        times = np.vstack([np.ones(count), generator.multinomial(count, np.full(count, 1 / count), resamples)])
        tables = [table[own] for table in found]
        if judged.question == "2afc":
            votes = two_afc(tables[0].to_numpy(), tables[1].to_numpy(), share[own])
            drawn[subset] = pd.DataFrame(times @ votes / count, columns=tables[0].columns)
            if judged.by_people:
                drawn[subset][PEOPLE] = times @ ceiling(share[own]) / count
        else:
            precision = partial(jnd_precision, same=share[own], times=times)
            drawn[subset] = tables[0].apply(lambda column, of=precision: pd.Series(of(column.to_numpy())))
    drawn[ALL] = reduce(add, drawn.values()) / len(drawn)  # NaN where one is
    rows = [
        [subset, name, "", counts.get(subset, len(share)), *interval(table[name])]
        for subset, table in drawn.items()
        for name in table.columns
    ]
    rows += [
        [ALL, one, other, len(share), *interval(drawn[ALL][one] - drawn[ALL][other])]
        for one, other in _compared(list(found[0].columns))
    ]
    return pd.DataFrame(rows, columns=["subset", "measure", "minus", "count", "value", "low", "high"])


def _compared(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """DSD_2 of each layer, and another measure there or of no layer of the network."""
    for one in (name for name in names if name.startswith("DSD_2 ")):
        layer = one.removeprefix("DSD_2")
        others = [name for name in names if name.endswith(layer) or not name.split(" ")[-1].startswith("relu")]
        yield from ((one, other) for other in others if other != one)
