"""The images of a collection that are nearest to another one: exact, by the L1 distance of their DSD matrices."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from dsd.backbones import load_backbone
from dsd.data.images import load_image
from dsd.data.views import cut_view
from dsd.descriptor import dsd_matrices
from dsd.scan.fingerprint_files import describe, fingerprint_files
from dsd.scan.fingerprints import encode


@dataclass(frozen=True)
class Index:
    """The fingerprints of a collection."""

    rows: np.ndarray
    """float16 (N, entries), mapped into memory; NaN where an image has none."""
    paths: Sequence[str]
    """What the table calls the N images."""
    about: Mapping[str, Any]
    """What they are of: layer, alpha, backbone and so on."""
    place: Path
    """The file of the rows."""


def open_index(table: Path) -> Index:
    """The fingerprints that ``dsd scan --fingerprints`` wrote beside a table.

    What describes them is compared with the table. The rows themselves are not compared with their SHA-256, which would
    take a third of an exact query's time: the scan does that.

    Args:
        table: what was ``--out`` of the scan.

    Raises:
        FileNotFoundError: there is no such table, or no fingerprints lie beside it.
        ValueError: it is no table of a scan, or of one without fingerprints; or they are of another one, or damaged.
    """
    place, sidecar = fingerprint_files(table)
    try:
        about = json.loads(sidecar.read_bytes())
        rows = np.lib.format.open_memmap(place, mode="r")
        scan = json.loads(pq.read_schema(table).metadata[b"dsd"])
        expected = describe(scan, rows, about["sha256"]) if scan.get("fingerprints") else None
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"no file {error.filename or table}: `dsd scan FOLDER --fingerprints --out {table}` writes it"
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{table}, {place.name} or {sidecar.name} is damaged, or is none of a scan: {error}"
        ) from error
    paths = pq.read_table(table, columns=["path"])["path"].to_pylist()
    if expected is None:
        raise ValueError(
            f"{table} is of a scan without --fingerprints; those beside it are of another one. "
            "Remove all three, and repeat the scan with --fingerprints"
        )
    entries = expected["channels"] * (expected["channels"] + 1) // 2
    names = [name for name, value in expected.items() if about.get(name) != value]
    if names or rows.shape != (len(paths), entries) or rows.dtype != np.float16:
        reason = ", ".join(names) or f"shape {rows.shape} of {rows.dtype}"
        raise ValueError(f"{place} is not of {table}: {reason} differs. Repeat the scan, or remove them")
    return Index(rows, paths, about, place)


@torch.inference_mode()
def fingerprint(image: Path, about: Mapping[str, Any], *, weights: str = "auto", device: str = "auto") -> np.ndarray:
    """The fingerprint of an image, made as those of an index.

    Args:
        image: its file.
        about: of the index, :attr:`Index.about`.
        weights: as for :func:`dsd.load_backbone`, like `device`; they must be the index's.
        device: where the network goes.

    Returns:
        float16 (1, entries).

    Raises:
        FileNotFoundError: no image, or no weights.
        ValueError: it cannot be used, is too small, or its DSD has too large an entry; or the weights are others.
    """
    network = load_backbone(about["backbone"], [about["layer"]], weights, precision=about["precision"], device=device)
    here = network.provenance()["weights_sha256"]
    if here != about["weights_sha256"]:
        raise ValueError(
            f"the index is of {about['backbone']} with the weights {about['weights']} ({about['weights_sha256'][:8]}), "
            f"these are others ({here[:8]}): name the same file by --weights"
        )
    x = cut_view(load_image(image), about["resize"], about["crop"], name=str(image))
    matrices = dsd_matrices(x[None].to(network.device), network, [about["alpha"]], about["normalize"])
    row = encode(next(iter(matrices.values())))
    if np.isnan(row).any():
        raise ValueError(f"{image} has no fingerprint: its DSD has an entry too large for one (docs/scan.md)")
    return row


def nearest(distances: np.ndarray, count: int) -> np.ndarray:
    """The indices of the smallest distances, from the nearest on; of equal ones the first. NaN is left out.

    Args:
        distances: (N,).
        count: of them; fewer where there are not as many.

    Example:
        >>> nearest(np.array([3, 1, np.nan, 1]), 3)
        array([1, 3, 0])
    """
    order = np.argsort(distances, kind="stable")  # NaN comes last
    return order[: min(count, np.isfinite(distances).sum())]
