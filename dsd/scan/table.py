"""The table of a scan: a file for each unit, one for all of them, and what it says about how it came about."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dsd.atomic import atomic_write


def printable(text: str) -> str:
    """Text that Parquet can hold: names of files may be of any bytes."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def write_unit(
    path: Path,
    names: Sequence[str],
    sizes: Sequence[Sequence[int | None]],
    errors: Sequence[str | None],
    scores: Mapping[str, np.ndarray],
) -> None:
    """Write the rows of a unit.

    Args:
        path: the unit's file.
        names: of the N images.
        sizes: their heights and widths.
        errors: why an image has no scores, or None.
        scores: {column: (N,)}; where there is an error the table has null.
    """
    names = [printable(name) for name in names]
    classes = [re.search(r"(?:^|/)(n\d{8})(?:\.tar)?/", name) for name in names]
    failed = np.array([error is not None for error in errors])
    table = pa.table(
        {
            "path": pa.array(names, pa.string()),
            "class": pa.array([match[1] if match else "" for match in classes], pa.string()),
            "height": pa.array([height for height, _ in sizes], pa.int32()),
            "width": pa.array([width for _, width in sizes], pa.int32()),
            **{column: pa.array(values, mask=failed) for column, values in scores.items()},
            "error": pa.array(errors, pa.string()),
        }
    )
    with atomic_write(path) as file:
        pq.write_table(table, file)


def begin(out: Path, parts: Path, provenance: Mapping[str, Any]) -> bool:
    """Whether there is work left. What was begun with other settings is refused; a new scan's are kept.

    Args:
        out: the table.
        parts: the folder of the units' files.
        provenance: what decides the table, to be written as JSON.

    Raises:
        ValueError: `out` or `parts` is of another scan, or `out` is no table of a scan.
        FileNotFoundError: `parts` holds files, but no settings.
    """
    kept = parts / "settings.json"
    was = now = json.loads(json.dumps(provenance))
    if out.exists():
        try:
            was = json.loads(pq.read_metadata(out).metadata[b"dsd"])
        except (pa.ArrowInvalid, KeyError, TypeError) as error:
            raise ValueError(f"{out} exists, and is no table of a scan") from error
    elif any(path != kept for path in parts.glob("[!.]*")):
        was = json.loads(kept.read_text(encoding="utf-8"))
    if names := [name for name in {**was, **now} if was.get(name) != now.get(name)]:
        differing = "; ".join(f"{name} was {was.get(name)}, is {now.get(name)}" for name in names)
        raise ValueError(
            f"{out if out.exists() else parts} is of another scan: {differing}. "
            "Repeat that one as it was, remove it, or write elsewhere"
        )
    if not out.exists():
        parts.mkdir(parents=True, exist_ok=True)
        with atomic_write(kept) as file:
            file.write(json.dumps(provenance, indent=2).encode())
    return not out.exists()


def merge(parts: Path, shards: Sequence[Path], out: Path, provenance: Mapping[str, Any]) -> None:
    """Join the units' files, one in memory at a time; `provenance` becomes the table's metadata."""
    schema = pq.read_schema(shards[0]).with_metadata({"dsd": json.dumps(provenance)})
    whole = parts / "whole.parquet"
    with atomic_write(whole) as file, pq.ParquetWriter(file, schema) as writer:
        for shard in shards:
            writer.write_table(pq.ParquetFile(shard).read())
    whole.replace(out)


def failures(out: Path) -> pa.Table:
    """`path` and `error` of the images that have no score."""
    errors = pq.ParquetFile(out).read(["path", "error"])
    return errors.filter(pc.is_valid(errors["error"]))
