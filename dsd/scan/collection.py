"""Score a whole collection: ‖DSD_α‖₁ of every image of a folder or of tar shards, as one Parquet table.

Images are scored in fixed units. Each finished unit is a file in ``<out>.parts/``; a scan that is started again does
only what has none, and Ray spreads units over machines. Either way the table is the same, on processors of one kind
to the last bit.

Each row says which bytes it is of: size, time and SHA-256 of its file. A scan that is started again, also one that is
complete, compares them with the files as they are, and scores the units again in which a file changed. The old table
is there until the new one is complete. Damaged units are scored again; a damaged table is an error.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pyarrow as pa
import torch
from tqdm import tqdm

import dsd
from dsd.backbones import find_device
from dsd.scan.earlier import check_same, find_changed, keep_settings
from dsd.scan.items import Item, find_items
from dsd.scan.ray import score_on_ray
from dsd.scan.scoring import Scorer
from dsd.scan.settings import Settings, check_run
from dsd.scan.table import failures, merge
from dsd.versions import torchvision_version


def scan(
    source: str | Path,
    out: str | Path,
    settings: Settings,
    *,
    workers: int = 4,
    engine: str = "local",
    address: str | None = None,
    verify: bool = False,
) -> pa.Table:
    """‖DSD_α(x)‖₁ of every image x of a collection, in one Parquet file.

    Its columns are `path`, `class` (the WordNet number of the folder or tar, as in ImageNet's layout, or empty),
    `height` and `width` of the image as it was, one such as ``relu3_1_dsd2`` per layer and alpha, `error`: null, or
    why the image has no score; and which bytes the row is of: `bytes`, `mtime_ns` and `sha256`, the size of the file,
    when it was last written (of a member of a tar: when the tar was; nanoseconds since 1970), and SHA-256 of its
    content as it was read. They are null where it could not be read. The file's metadata say under ``dsd`` how it was
    made (JSON), and hold a digest of the rest of the file.

    The same call goes on where an earlier one was interrupted. Where files changed since, the unit that they are in is
    scored again, also if the table is complete: the result is that of a scan from the start. Standard error says so.

    Args:
        source: a folder (path, or name under the data root) of images or, where it has none, of tars of images; or a
            tar.
        out: the table, .parquet. Finished units are kept in a folder beside it until it is complete.
        settings: what decides the numbers.
        workers: processes that decode, for each that scores; 0 decodes in that one.
        engine: ``"local"``, or ``"ray"``: a process of `settings.threads` CPUs (and one GPU, if `settings.device` is
            one) wherever the cluster has room. All its machines must see `source` and `out` at the same paths.
        address: of the Ray cluster; None is the one at hand, else one of this machine.
        verify: a file has changed if its content has (all are read); otherwise if its size or time has.

    Returns:
        `path` and `error` of the images that could not be scored.

    Raises:
        FileNotFoundError: no such folder, no image in it, or no weights.
        ValueError: settings that make no sense, or differ from those `out` was begun with; files were added or removed
            since; or `out` is damaged.
        ModuleNotFoundError: Ray was asked for and is not installed.

    Example:
        >>> import tempfile
        >>> import pyarrow.parquet as pq
        >>> from dsd.data.images import embedded_photographs
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     settings = Settings(("relu1_2",), weights="random", resize=40, crop=32)
        ...     failed = scan(embedded_photographs()[0].parent, f"{folder}/scores.parquet", settings, workers=0)
        ...     pq.read_table(f"{folder}/scores.parquet").column_names
        ['path', 'class', 'height', 'width', 'relu1_2_dsd2', 'error', 'bytes', 'mtime_ns', 'sha256']
    """
    out = Path(out).absolute()
    check_run(out, engine, workers)
    settings = replace(settings, threads=settings.threads or torch.get_num_threads())
    if engine == "local" or settings.device == "auto":
        settings = replace(settings, device=find_device(settings.device))
    root, items = find_items(source)
    scorer = Scorer(settings, root, workers, device=settings.device if engine == "local" else "cpu")
    about = _provenance(scorer, items)
    parts = out.with_name(out.name + ".parts")
    check_same(out, parts, about, items)
    size = settings.shard_size
    units = {parts / f"{start // size:06}.parquet": items[start : start + size] for start in range(0, len(items), size)}
    missing, times = find_changed(units, out, root, verify)
    if missing or times or any(map(Path.exists, units)):
        keep_settings(parts, about, items)
        work = {str(unit): images for unit, images in missing.items()}
        done = len(items) - sum(map(len, work.values()))
        with tqdm(desc=out.name, unit="image", total=len(items), initial=done) as progress:
            for count in score_on_ray(scorer, work, address) if work and engine == "ray" else scorer(work):
                progress.update(count)
        merge(units, times, parts, out, about)
    for unit in units:
        unit.unlink(missing_ok=True)
    shutil.rmtree(parts, ignore_errors=True)  # the settings last: whatever is left, they tell of what it is
    return failures(out)


def _provenance(scorer: Scorer, items: Sequence[Item]) -> dict[str, Any]:
    """What the table says about itself; another scan's is not gone on with."""
    settings = scorer.settings
    names = "\n".join(item.path for item in items)
    versions = {package.__name__: package.__version__ for package in (dsd, np, PIL, torch)}
    return {
        **asdict(settings),
        **scorer.backbone.provenance(),
        "layers": scorer.backbone.layers,
        "alphas": [float(alpha) for alpha in settings.alphas],
        "device": settings.device.split(":")[0],
        "normalize": "chw",
        "images": len(items),
        "files_sha256": hashlib.sha256(os.fsencode(names)).hexdigest(),
        "versions": versions | {"torchvision": torchvision_version()},
    }
