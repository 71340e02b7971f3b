"""How far measures depend on an image lying exactly on its reference: the same image, shifted by some pixels."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from dsd.backbones.base import Backbone
from dsd.contextual import contextual
from dsd.data.images import load_image
from dsd.data.rated import RatedImages
from dsd.quality.classic import ssim
from dsd.quality.evaluate import KEYS, agreement
from dsd.quality.full_reference import compare, encode
from dsd.quality.lpips import LPIPS
from dsd.quality.means import over_images

ENDS = ("value", "low", "high")


def shifted(x: Tensor, shift: int, largest: int) -> Tensor:
    """What is seen through a window that is `largest` pixels narrower than the image, after it moved to the right.

    No pixels are invented: at one side some of the image is lost, at the other as much appears.

    Args:
        x: images, (N, 3, H, W).
        shift: pixels, from 0 to `largest`.
        largest: the largest of all shifts, below W.

    Returns:
        (N, 3, H, W − largest).

    Raises:
        ValueError: the shift is not in that range, or the image is too narrow.
    """
    if not 0 <= shift <= largest < x.shape[3]:
        raise ValueError(f"shifts must be from 0 to {largest}, less than the width {x.shape[3]}; got {shift}")
    return x[..., shift : shift + x.shape[3] - largest]


@torch.inference_mode()
def score_shifted(
    rated: RatedImages, network: Backbone, learned: Sequence[LPIPS] = (), shifts: Sequence[int] = (0, 1, 2, 4, 8)
) -> pd.DataFrame:
    """L(x shifted, x_ref) for each distorted image, each reference itself, each shift and measure; higher is worse.

    Args:
        rated: the images.
        network: whose layers are compared: the measures of :func:`.full_reference.compare`.
        learned: LPIPS, with one network or several.
        shifts: pixels to the right, 0 among them.

    Returns:
        A row for each image and shift: `reference`, `distorted` (paths relative to ``rated.root``; of the reference
        itself both are the same), `shift`, and a column for each measure: its name and layer, ``"CX"`` (the contextual
        loss, :func:`.contextual`) at the deepest layer, ``"LPIPS alexnet"``, and ``"1 − SSIM"``.

    Raises:
        ValueError: 0 is not among the shifts, an image cannot be read, or is too narrow.
    """
    if 0 not in shifts:
        raise ValueError(f"shifts must have 0, which all others are compared with; got {list(shifts)}")
    device, images, rows = network.device, rated.images(), []
    similarity, deepest = ssim(device), network.layers[-1]
    with tqdm(
        desc=f"{rated.name}, shifted", unit="image", total=len(images) + sum(map(len, images.values()))
    ) as progress:
        for reference, distorted in images.items():
            original = shifted(load_image(reference)[None].to(device), 0, max(shifts))
            target, targets = encode(original, network), [lpips.encode(original) for lpips in learned]
            for path in dict.fromkeys([reference, *distorted]):
                image = load_image(path)[None].to(device)
                names = [at.relative_to(rated.root).as_posix() for at in (reference, path)]
                for shift in shifts:
                    x = shifted(image, shift, max(shifts))
                    encoded = encode(x, network)
                    values = compare(encoded, target)
                    values[f"CX {deepest}"] = contextual(encoded.features[deepest], target.features[deepest]).item()
                    for lpips, other in zip(learned, targets, strict=True):
                        values[f"LPIPS {lpips.backbone.backbone_name}"] = lpips.compare(lpips.encode(x), other).item()
                    values["1 − SSIM"] = 1 - similarity(x, original).item()
                    rows.append({**dict(zip(KEYS, names, strict=True)), "shift": shift, **values})
                progress.update()
    return pd.DataFrame(rows)


def effects(scores: pd.DataFrame, rated: RatedImages, seed: int = 0) -> pd.DataFrame:
    """What shifts do to measures, by `kind` of row.

    - ``growth``: how many times a measure of distorted images grows; geometric mean over images. Images whose value is
      not above 0 without a shift are left out.
    - ``copy``: a shifted copy of the reference itself: how many of the distorted images, not shifted, are called better
      than it, as a share. Mean over references; `low` and `high` are the lowest and the highest reference.
    - ``pearson``, ``agreement``: with people, where all distorted images are shifted alike, see :func:`.agreement`.
    - ``pearson change``, ``agreement change``: that, less what it is without a shift; of the same resampled images.

    Args:
        scores: from :func:`score_shifted`.
        rated: the images.
        seed: of the bootstraps.

    Returns:
        `kind`, `measure`, `shift`, `value`, and `low` and `high`, where not said otherwise the 95 % bootstrap interval.
    """
    measures = [name for name in scores if name not in (*KEYS, "shift")]
    values = scores.pivot(index=KEYS, columns="shift", values=measures)
    return pd.DataFrame([*_of_values(values, seed), *_of_agreement(values, rated, seed)])


def _of_values(values: pd.DataFrame, seed: int) -> Iterator[dict[str, Any]]:
    """The kinds ``growth`` and ``copy``; `values` has a column for each (measure, shift), the index is `KEYS`."""
    references = values.index.get_level_values("reference")
    itself = references == values.index.get_level_values("distorted")
    distorted, copies = values[~itself], values[itself].droplevel("distorted")
    for measure, shift in _columns(values):
        about, still = {"measure": measure, "shift": shift}, distorted[measure, 0]
        ratio = (distorted[measure, shift] / still.where(still > 0)).to_numpy()
        grown = over_images(pd.DataFrame({"log": np.log(np.where(ratio > 0, ratio, np.nan))}), seed).log
        yield {"kind": "growth", **about, **dict(zip(ENDS, np.exp(grown.to_numpy()), strict=True))}
        copy = copies[measure, shift].reindex(references[~itself]).to_numpy()
        better = pd.Series(still.to_numpy() < copy).groupby(references[~itself]).mean()
        yield {"kind": "copy", **about, "value": better.mean(), "low": better.min(), "high": better.max()}


def _of_agreement(values: pd.DataFrame, rated: RatedImages, seed: int) -> Iterator[dict[str, Any]]:
    """The kinds ``pearson``, ``agreement`` and their changes."""
    columns = {f"{measure}@{shift}": (measure, shift) for measure, shift in _columns(values)}
    found = agreement(values.set_axis(list(columns), axis=1).reset_index(), rated, seed=seed)
    changes = found.differences([(name, f"{measure}@0") for name, (measure, _) in columns.items()])
    for suffix, table in (("", found.table()), (" change", changes)):
        for kind, row in product(("pearson", "agreement"), table.to_dict("records")):
            measure, shift = columns[row["measure"]]
            ends = (row[kind + end] for end in ("", "_low", "_high"))
            yield {"kind": kind + suffix, "measure": measure, "shift": shift, **dict(zip(ENDS, ends, strict=True))}


def _columns(values: pd.DataFrame) -> list[tuple[str, int]]:
    return [
        (str(measure), int(shift)) for measure, shift in zip(*map(values.columns.get_level_values, (0, 1)), strict=True)
    ]
