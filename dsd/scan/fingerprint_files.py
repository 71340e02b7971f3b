"""The fingerprints of a scan: a row of one file for each row of the table, and what says what they are of.

The file is a plain ``.npy``, which numpy maps into memory; a ``.json`` beside it has the settings.
"""

import json
from collections.abc import Mapping
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from dsd.atomic import atomic_write
from dsd.data.files import file_digest
from dsd.scan.fingerprints import SCALE, channels_of

COLUMN = "fingerprint"  # of the files of a scan's units
WHOLE = "fingerprints.npy"  # beside them, until it is complete
KEPT = ("backbone", "weights", "weights_sha256", "precision", "normalize", "resize", "crop", "images", "files_sha256")


def fingerprint_files(table: Path) -> tuple[Path, Path]:
    """Where the fingerprints of a scan's table are, and what says what they are of.

    Example:
        >>> [path.name for path in fingerprint_files(Path("norms.parquet"))]
        ['norms.fingerprints.npy', 'norms.fingerprints.json']
    """
    return table.with_suffix(".fingerprints.npy"), table.with_suffix(".fingerprints.json")


def graph_file(rows: Path, sha256: str) -> Path:
    """Where the graph is that finds a shortlist of fingerprints: its name has the first digits of their digest.

    Example:
        >>> graph_file(Path("norms.fingerprints.npy"), "0123456789abcdef").name
        'norms.fingerprints.01234567.usearch'
    """
    return rows.with_suffix(f".{sha256[:8]}.usearch")


def remove_graphs(rows: Path) -> None:
    """Remove the graphs of a file of fingerprints, also those of what it was before."""
    for graph in rows.parent.glob(f"{escape(rows.stem)}.{'[0-9a-f]' * 8}.usearch"):
        graph.unlink(missing_ok=True)


def describe(provenance: Mapping[str, Any], rows: np.ndarray, sha256: str) -> dict[str, Any]:
    """What the .json says of a file of fingerprints.

    Args:
        provenance: of the table.
        rows: the fingerprints, (N, C·(C+1)/2).
        sha256: of their file.
    """
    (layer,), (alpha,) = provenance["layers"], provenance["alphas"]
    return {
        "layer": layer,
        "alpha": alpha,
        "channels": channels_of(rows.shape[1]),
        "scale": SCALE,
        "entries": "upper triangle with the diagonal, row by row",
        **{name: provenance[name] for name in KEPT},
        "sha256": sha256,
    }


class FingerprintWriter:
    """Joins the fingerprints of a scan's units to one file; the old one is there until the new one is complete.

    Args:
        folder: where the new file is until it is complete.
        table: the table that it lies beside.
        provenance: what the table says about itself.
    """

    def __init__(self, folder: Path, table: Path, provenance: Mapping[str, Any]) -> None:
        self.whole = folder / WHOLE
        self.files = fingerprint_files(table)
        self.provenance = provenance
        self.old = np.load(self.files[0], mmap_mode="r") if table.exists() else None
        self.rows: np.memmap | None = None
        self.count = 0

    def add(self, rows: np.ndarray | None, count: int) -> None:
        """Append a unit's rows, float16 (count, entries); None: those that the old file has in their place."""
        if rows is None:
            assert self.old is not None, "a unit is either in its own file or in the old table"
            rows = self.old[self.count : self.count + count]
        if self.rows is None:
            shape = (self.provenance["images"], rows.shape[1])
            self.rows = np.lib.format.open_memmap(self.whole, "w+", np.float16, shape)
        self.rows[self.count : self.count + count] = rows
        self.count += count

    def finish(self) -> None:
        """Bring both files to their places; :func:`check_fingerprints` does the second step after a stop between."""
        assert self.rows is not None, "a collection has an image"
        self.rows.flush()
        about = describe(self.provenance, self.rows, file_digest(self.whole))
        remove_graphs(self.files[0])
        with atomic_write(self.files[1]) as file:
            file.write(json.dumps(about, indent=2).encode())
        self.whole.replace(self.files[0])


def check_fingerprints(table: Path, parts: Path) -> None:
    """Refuse to go on beside fingerprints that are not as they were written.

    Where a scan was stopped after it wrote the .json, the .npy that this describes is brought to its place first.

    Args:
        table: that they lie beside.
        parts: the folder of the units' files, where the new .npy is until then.

    Raises:
        ValueError: a file is missing, or damaged.
    """
    rows, about = fingerprint_files(table)
    try:
        digest = json.loads(about.read_bytes())["sha256"]
        if (parts / WHOLE).exists() and file_digest(parts / WHOLE) == digest:
            (parts / WHOLE).replace(rows)
        intact = file_digest(rows) == digest
    except (OSError, ValueError, KeyError, TypeError):
        intact = False
    if not intact:
        raise ValueError(f"{rows} or {about.name} is damaged or missing. Remove both and {table}, or write elsewhere")
