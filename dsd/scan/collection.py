"""Score a whole collection: ‖DSD_α‖₁ of every image of a folder or of tar shards, as one Parquet table.

Images are scored in fixed units. Each finished unit is a file in ``<out>.parts/``; a scan that is started again does
only what has none, and Ray spreads units over machines. Either way the table is the same, on processors of one kind
to the last bit.
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
from dsd.scan.items import Item, find_items
from dsd.scan.ray import score_on_ray
from dsd.scan.scoring import Scorer
from dsd.scan.settings import Settings, check_run
from dsd.scan.table import begin, failures, merge
from dsd.versions import torchvision_version


def scan(
    source: str | Path,
    out: str | Path,
    settings: Settings,
    *,
    workers: int = 4,
    engine: str = "local",
    address: str | None = None,
) -> pa.Table:
    """‖DSD_α(x)‖₁ of every image x of a collection, in one Parquet file.

    Its columns are `path`, `class` (the WordNet number of the folder or tar, as in ImageNet's layout, or empty),
    `height` and `width` of the image as it was, one such as ``relu3_1_dsd2`` per layer and alpha, and `error`: null, or
    why the image has no score. The file's metadata say under ``dsd`` how it was made (JSON).

    Args:
        source: a folder (path, or name under the data root) of images or, where it has none, of tars of images; or a
            tar.
        out: the table, .parquet. Finished units are kept in a folder beside it until it is complete.
        settings: what decides the numbers.
        workers: processes that decode, for each that scores; 0 decodes in that one.
        engine: ``"local"``, or ``"ray"``: a process of `settings.threads` CPUs (and one GPU, if `settings.device` is
            one) wherever the cluster has room. All its machines must see `source` and `out` at the same paths.
        address: of the Ray cluster; None is the one at hand, else one of this machine.

    Returns:
        `path` and `error` of the images that could not be scored.

    Raises:
        FileNotFoundError: no such folder, no image in it, or no weights.
        ValueError: settings that make no sense, or differ from those `out` was begun with.
        ModuleNotFoundError: Ray was asked for and is not installed.

    Example:
        >>> import tempfile
        >>> import pyarrow.parquet as pq
        >>> from dsd.data.images import embedded_photographs
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     settings = Settings(("relu1_2",), weights="random", resize=40, crop=32)
        ...     failed = scan(embedded_photographs()[0].parent, f"{folder}/scores.parquet", settings, workers=0)
        ...     pq.read_table(f"{folder}/scores.parquet").column_names
        ['path', 'class', 'height', 'width', 'relu1_2_dsd2', 'error']
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
    if begin(out, parts, about):
        size = settings.shard_size
        shards = {parts / f"{start // size:06}.parquet": start for start in range(0, len(items), size)}
        units = {str(shard): items[start : start + size] for shard, start in shards.items() if not shard.exists()}
        done = len(items) - sum(map(len, units.values()))
        with tqdm(desc=out.name, unit="image", total=len(items), initial=done) as progress:
            for count in score_on_ray(scorer, units, address) if units and engine == "ray" else scorer(units):
                progress.update(count)
        merge(parts, list(shards), out, about)
    shutil.rmtree(parts, ignore_errors=True)  # it is there, too, when all but this was done
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
