"""Parquet files that notice their own damage: a flipped bit, anywhere in the file."""

import hashlib
from collections.abc import Iterable, Mapping
from itertools import chain
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from dsd.atomic import atomic_write

SEAL = b"SHA-256 of the rest of the file: "  # 64 digits follow it in the metadata


def write_sealed(path: Path, tables: Iterable[pa.Table], metadata: Mapping[str, str] | None = None) -> None:
    """Write tables of the same columns to a Parquet file, each as a row group.

    Args:
        path: of the file.
        tables: at least one; one at a time is in memory.
        metadata: what the file says about itself.
    """
    tables = iter(tables)
    first = next(tables)
    with atomic_write(path, "w+b") as file:
        with pq.ParquetWriter(file, first.schema.with_metadata(metadata)) as writer:
            writer.add_key_value_metadata({"seal": f"{SEAL.decode()}{'0' * 64}"})
            for table in chain([first], tables):
                writer.write_table(table, row_group_size=len(table))
        file.flush()
        at, digest = _find_seal(file)
        file.seek(at)
        file.write(digest)


def is_intact(path: Path) -> bool:
    """Whether a file is as :func:`write_sealed` wrote it.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        at, digest = _find_seal(file)
        file.seek(max(at, 0))
        return at >= 0 and file.read(64) == digest


def _find_seal(file: IO[bytes]) -> tuple[int, bytes]:
    """Where the digits of the seal are, -1 in a file without one, and what they must be."""
    if not file.seek(0, 2):
        return -1, b""
    with mmap(file.fileno(), 0, access=ACCESS_READ) as content, memoryview(content) as view:
        if (at := content.rfind(SEAL)) < 0:
            return -1, b""
        at += len(SEAL)
        digest = hashlib.sha256(view[:at])
        digest.update(view[at + 64 :])
        return at, digest.hexdigest().encode()
