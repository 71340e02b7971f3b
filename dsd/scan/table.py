"""The table of a scan: a file for each unit, one for all of them, and what it says about how it came about."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dsd.scan.fingerprint_files import COLUMN, FingerprintWriter
from dsd.scan.sealed import write_sealed
from dsd.scan.stamps import Stamp


def printable(text: str) -> str:
    """Text that Parquet can hold: names of files may be of any bytes."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def write_unit(
    path: Path,
    names: Sequence[str],
    sizes: Sequence[Sequence[int | None]],
    errors: Sequence[str | None],
    stamps: Sequence[Stamp],
    scores: Mapping[str, np.ndarray],
    fingerprints: np.ndarray | None = None,
) -> None:
    """Write the rows of a unit.

    Args:
        path: the unit's file.
        names: of the N images.
        sizes: their heights and widths.
        errors: why an image has no scores, or None.
        stamps: which bytes they are of.
        scores: {column: (N,)}; where there is an error the table has null.
        fingerprints: float16 (N, entries), kept with the rows until they are joined.
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
            "bytes": pa.array([stamp.bytes for stamp in stamps], pa.int64()),
            "mtime_ns": pa.array([stamp.mtime_ns for stamp in stamps], pa.int64()),
            "sha256": pa.array([stamp.sha256 for stamp in stamps], pa.string()),
        }
    )
    if fingerprints is not None:
        width = pa.binary(fingerprints[0].nbytes)
        column = pa.FixedSizeBinaryArray.from_buffers(width, len(names), [None, pa.py_buffer(fingerprints)])
        table = table.append_column(COLUMN, column)
    write_sealed(path, [table])


def merge(
    units: Iterable[Path], times: Mapping[Path, pa.Array], parts: Path, out: Path, provenance: Mapping[str, Any]
) -> None:
    """Join all units, one in memory at a time; their fingerprints go to a file of their own.

    The old table is there until the new one is complete.

    Args:
        units: their files, in order. One that is not there is taken from the old table.
        times: of units whose files were touched only: the column `mtime_ns` as it is now.
        parts: the folder of the units' files.
        out: the table.
        provenance: what it says about itself.
    """
    old = pq.ParquetFile(out) if out.exists() else None
    writer = FingerprintWriter(parts, out, provenance) if provenance["fingerprints"] else None

    def tables() -> Iterator[pa.Table]:
        for number, unit in enumerate(units):
            table = old.read_row_group(number) if old and not unit.exists() else pq.ParquetFile(unit).read()
            if unit in times:
                table = table.set_column(table.column_names.index("mtime_ns"), "mtime_ns", times[unit])
            if writer:
                own = COLUMN in table.column_names
                writer.add(_fingerprints(table) if own else None, len(table))
                table = table.drop_columns([COLUMN]) if own else table
            yield table

    whole = parts / "whole.parquet"
    write_sealed(whole, tables(), {"dsd": json.dumps(provenance)})
    if writer:
        writer.finish()
    whole.replace(out)


def _fingerprints(unit: pa.Table) -> np.ndarray:
    column = unit[COLUMN].combine_chunks()
    return np.frombuffer(column.buffers()[1], np.float16).reshape(len(unit), -1)


def failures(out: Path) -> pa.Table:
    """`path` and `error` of the images that have no score."""
    errors = pq.ParquetFile(out).read(["path", "error"])
    return errors.filter(pc.is_valid(errors["error"]))
