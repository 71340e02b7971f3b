"""Folders of restored images against folders of clean ones, under the protocols of :class:`.Evaluator`."""

from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from dsd.checks import check_integer
from dsd.data.images import find_images, load_image
from dsd.paths import find_folder

if TYPE_CHECKING:  # only tables need pandas
    import pandas as pd

from dsd.restore.evaluate import MEASURES, Evaluator


def evaluate_folders(
    restored: str | Path,
    clean: str | Path | None = None,
    evaluator: Evaluator | None = None,
    *,
    scale: int = 4,
    failed: MutableMapping[str, str] | None = None,
    quiet: bool = False,
) -> "pd.DataFrame":
    """Restored image files against clean ones: all of two folders, matched by name without suffix, or one of each.

    Clean images are often not cut yet to a multiple of the factor of super-resolution. Such a one is cut at the right
    and below to the size of the restored one, and the column ``notes`` says so. Other sizes are an error.

    Args:
        restored: folder or file. A folder may also be named by its place under the data root.
        clean: likewise; of two files the names may differ. None: NIQE only.
        evaluator: what compares them. None: all measures, border 4.
        scale: the factor: a clean image may be larger by what cutting it to multiples of `scale` takes off.
        failed: where images that cannot be compared are noted with the reason; the rest is done. None: the first one is
            an error.
        quiet: show no progress.

    Returns:
        One row per image, whose name is the index: a column per measure and ``notes``, where something is to be said.
        `attrs` has ``unmatched``, a line that names clean images without a restored one, or is empty; and
        ``provenance``. :func:`means` sums it up.

    Raises:
        FileNotFoundError: no such file or folder, or no image in it.
        ValueError: a folder and a file; no image of one folder has a partner in the other; `failed` is None and an
            image cannot be compared, or has no partner; `scale` is no integer of at least 1.

    Example:
        >>> import torch
        >>> from tempfile import TemporaryDirectory
        >>> from dsd.data.images import save_image
        >>> with TemporaryDirectory() as place:
        ...     save_image(torch.rand(3, 43, 40), f"{place}/clean.png")
        ...     save_image(torch.rand(3, 40, 40), f"{place}/restored.png")
        ...     evaluator = Evaluator(["psnr_y"], device="cpu")
        ...     evaluate_folders(f"{place}/restored.png", f"{place}/clean.png", evaluator).notes.item()
        'clean cut from 43×40 to 40×40'
    """
    import pandas as pd

    scale = check_integer(scale, "scale", 1)
    pairs, lonely, unmatched = _match(Path(restored), None if clean is None else Path(clean))
    if lonely and failed is None:
        raise ValueError("; ".join(f"{name}: {reason}" for name, reason in list(lonely.items())[:3]))
    evaluator = Evaluator() if evaluator is None else evaluator
    if failed is not None:
        failed.update(lonely)
    rows: dict[str, dict[str, Any]] = {}
    for name, paths in tqdm(pairs.items(), "evaluating", unit="image", disable=quiet or len(pairs) < 2):
        try:
            rows[name] = _row(evaluator, paths, scale)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            if failed is None:
                raise
            failed[name] = str(error) or type(error).__name__
    columns = [name for name in evaluator.names if clean is not None or MEASURES[name].kind == "niqe"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*columns, "notes"]).rename_axis("image")
    table.attrs = {"unmatched": unmatched, "provenance": {**evaluator.provenance(), "scale": scale}}
    return table


def means(table: "pd.DataFrame") -> "pd.DataFrame":
    """Each measure's mean over images, with its protocol in words.

    Args:
        table: of :func:`evaluate_folders`.

    Returns:
        A row per measure: ``words``, ``protocol``, ``mean`` over the ``images`` that have it.
    """
    import pandas as pd

    protocols = table.attrs["provenance"]["protocols"]
    names = [name for name in table.columns if name in MEASURES]
    rows = [
        (MEASURES[name].words, protocols[MEASURES[name].protocol], table[name].mean(), int(table[name].count()))
        for name in names
    ]
    return pd.DataFrame(rows, index=pd.Index(names, name="measure"), columns=["words", "protocol", "mean", "images"])


def _row(evaluator: Evaluator, paths: Sequence[Path], scale: int) -> dict[str, Any]:
    """A pair's values, or those of a restored image alone, and what is to be said of them."""
    images = [load_image(path)[None].to(evaluator.device) for path in paths]
    notes = []
    if len(images) == 2:
        (height, width), whole = images[0].shape[2:], images[1].shape[2:]
        if (height, width) != tuple(whole):
            fits = (side in (full, full // scale * scale) for side, full in zip((height, width), whole, strict=True))
            if not all(fits):
                raise ValueError(
                    f"the restored image is {height}×{width} pixels, the clean one {whole[0]}×{whole[1]}: they must be "
                    f"equal, or the clean one be larger by what is left over of a multiple of {scale}"
                )
            images[1] = images[1][..., :height, :width]
            notes.append(f"clean cut from {whole[0]}×{whole[1]} to {height}×{width}")
    reasons: dict[str, str] = {}
    values = evaluator(*images, notes=reasons)
    notes += [f"no {name}: {reason}" for name, reason in reasons.items()]
    return {**{name: value.item() for name, value in values.items()}, "notes": "; ".join(notes)}


def _match(restored: Path, clean: Path | None) -> tuple[dict[str, tuple[Path, ...]], dict[str, str], str]:
    """Files that belong together, by the restored one's name; those without a partner; a line on clean ones left."""
    places = [place if place.is_file() else find_folder(place) for place in (restored, clean) if place is not None]
    if len({place.is_file() for place in places}) > 1:
        raise ValueError(f"restored and clean must be two files or two folders, got {restored} and {clean}")
    if restored.is_file():
        return {restored.name: tuple(places)}, {}, ""
    files = [_by_stem(place) for place in places]
    if clean is None:
        return {name: (path,) for same in files[0].values() for name, path in same.items()}, {}, ""
    pairs: dict[str, tuple[Path, ...]] = {}
    lonely = {}
    for stem, same in files[0].items():
        partners = files[1].get(stem, {})
        for name, path in same.items():
            if not partners:
                lonely[name] = f"no clean image of that name in {clean}"
            elif len(same) > 1:
                lonely[name] = f"several restored images of that name in {restored}: {', '.join(same)}"
            elif len(partners) > 1:
                lonely[name] = f"several clean images of that name in {clean}: {', '.join(partners)}"
            else:
                pairs[name] = (path, *partners.values())
    every = [name for same in files[1].values() for name in same]
    left = [name for stem, same in files[1].items() if stem not in files[0] for name in same]
    if len(left) == len(every):
        raise ValueError(
            f"no image of {restored} has a clean one of its name in {clean}: got {_first(list(lonely))} and "
            f"{_first(left)}"
        )
    line = f"{len(left)} of {len(every)} clean images have no restored one: {_first(left)}" if left else ""
    return pairs, lonely, line


def _by_stem(folder: Path) -> dict[str, dict[str, Path]]:
    """{name without suffix: {name: path}} of all images of a folder."""
    files: dict[str, dict[str, Path]] = {}
    for path in find_images(folder):
        name = path.relative_to(folder)
        files.setdefault(name.with_suffix("").as_posix(), {})[name.as_posix()] = path
    return files


def _first(names: Sequence[str]) -> str:
    return ", ".join([*names[:3], *(["…"] if len(names) > 3 else [])])
