"""How far images are apart in each channel, measured once: what weights of channels are fitted to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from dsd.checkpoint import load_checkpoint, save_checkpoint
from dsd.data.bapps import Judgement
from dsd.data.images import load_image
from dsd.quality.weighted import ChannelWeighted

Pairs = Sequence[tuple[Path, Path]]
PART = 20  # pairs in a file: a kill costs no more


def pairs_of(triplets: Sequence[Judgement]) -> list[tuple[Path, Path]]:
    """The distinct pairs of a reference and an image, those of a reference side by side."""
    pairs: dict[Path, dict[Path, None]] = {}
    for at in triplets:
        pairs.setdefault(at.reference, {}).update(dict.fromkeys(at.images))
    return [(reference, image) for reference, images in pairs.items() for image in images]


@torch.no_grad()
def measure_channels(
    distance: ChannelWeighted, pairs: Pairs, folder: Path, settings: Mapping[str, Any], *, quiet: bool = False
) -> Tensor:
    """m of each pair, (N, K). What a call that was stopped has measured is read from its files.

    Args:
        distance: what m is of.
        pairs: references and images.
        folder: for the files, of 20 pairs each.
        settings: what the numbers depend on, as plain values. Files of other ones are refused.
        quiet: show no progress.

    Raises:
        ValueError: a file is damaged or of other settings; an image cannot be read, is too small, or of another size
            than its reference.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**settings, "part": PART}
    parts, shown = [], None
    with tqdm(total=len(pairs), desc="channels", unit="pair", disable=quiet) as progress:
        for start in range(0, len(pairs), PART):
            some, file = pairs[start : start + PART], folder / f"{start}.pt"
            if not file.is_file():
                rows = []
                for reference, image in some:
                    if shown != reference:
                        shown, y = reference, load_image(reference)
                        target = distance.encode(y[None].to(distance.heads.device))
                    x = load_image(image)
                    if x.shape != y.shape:
                        sizes = [f"{at.shape[2]}×{at.shape[1]}" for at in (x, y)]
                        raise ValueError(f"{image} has {sizes[0]} pixels, its reference {reference} {sizes[1]}")
                    rows.append(distance.channels(distance.encode(x[None].to(distance.heads.device)), target)[0].cpu())
                    progress.update()
                save_checkpoint(file, {"channels": torch.stack(rows)}, settings)
            else:
                progress.update(len(some))
            parts.append(load_checkpoint(file, settings)["channels"])
    return torch.cat(parts)
