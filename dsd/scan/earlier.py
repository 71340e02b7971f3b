"""What an earlier run left: whether this one may go on with it, and which of its units still hold."""

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from dsd.atomic import atomic_write
from dsd.scan.fingerprint_files import check_fingerprints
from dsd.scan.items import Item
from dsd.scan.sealed import is_intact
from dsd.scan.stamps import Stamp, full_stamp, quick_stamp
from dsd.scan.table import printable

OF_FILES = ("images", "files_sha256", "files")  # what differs when files were added or removed
NAMED = 3  # of these files


def check_same(out: Path, parts: Path, provenance: Mapping[str, Any], items: Sequence[Item]) -> None:
    """Refuse to go on with what is of another scan.

    Args:
        out: the table.
        parts: the folder of the units' files.
        provenance: what decides the table.
        items: all of the collection.

    Raises:
        ValueError: `out` or `parts` is of another scan or damaged, or `out` is no table of a scan, or its fingerprints
            are damaged.
        FileNotFoundError: `parts` holds files, but no settings.
    """
    now = json.loads(json.dumps(provenance)) | {"files": _files(items)}
    if out.exists():
        table = pq.ParquetFile(out) if is_intact(out) else None
        if table is None or b"dsd" not in table.metadata.metadata:  # a unit has none
            raise ValueError(f"{out} is damaged, or is no table of a scan. Remove it, or write elsewhere")
        was = json.loads(table.metadata.metadata[b"dsd"])
        if now["fingerprints"] and was.get("fingerprints"):
            check_fingerprints(out, parts)
        _compare(out, was | {"files": table.read(["path"])["path"].to_pylist()}, now)
    settings = parts / "settings.json"
    if any(path != settings for path in parts.glob("[!.]*")):
        try:
            _compare(parts, json.loads(settings.read_bytes()), now)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{parts} has no settings.json that says of which scan it is. Remove it, or write elsewhere"
            ) from error
        except (TypeError, KeyError, AttributeError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{settings} is damaged. Remove {parts}") from error


def keep_settings(parts: Path, provenance: Mapping[str, Any], items: Sequence[Item]) -> None:
    """Write down what the units' files are of, in their folder."""
    parts.mkdir(parents=True, exist_ok=True)
    with atomic_write(parts / "settings.json") as file:
        file.write(json.dumps({**provenance, "files": _files(items)}, indent=2).encode())


def _files(items: Sequence[Item]) -> list[str]:
    return [printable(item.path) for item in items]


def _compare(place: Path, was: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise a ValueError that tells all differences."""
    was = {"fingerprints": False} | was  # what a table of before they could be kept does not say
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    if not names:
        return
    differing = [f"{name} was {was.get(name)}, is {now.get(name)}" for name in names if name not in OF_FILES]
    if "files_sha256" in names:
        before, after = set(was["files"]), set(now["files"])
        for what, paths in {"new": after - before, "gone": before - after}.items():
            more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
            named = ", ".join(map(repr, sorted(paths)[:NAMED])) + more
            differing += [f"files that are {what}: {named}"] if paths else []
    raise ValueError(
        f"{place} is of another scan: {'; '.join(differing) or 'its files had another order'}. "
        "Repeat that one as it was, remove it, or write elsewhere"
    )


def find_changed(
    units: Mapping[Path, Sequence[Item]], out: Path, root: Path, verify: bool
) -> tuple[dict[Path, Sequence[Item]], dict[Path, pa.Array]]:
    """Compare what was scored with the images as they are now, and say what changed.

    Args:
        units: all of them, in order: {file: images}.
        out: the table, where there is one; it has the rows of units without a file.
        root: folder of the collection.
        verify: compare contents; otherwise size and time.

    Returns:
        The units that must be scored, also those that never were; and, where only times are others, the column
        `mtime_ns` of a unit as it is now.
    """
    make_stamp, key = (full_stamp, "sha256") if verify else (quick_stamp, "mtime_ns")
    table = pq.ParquetFile(out) if out.exists() else None
    missing: dict[Path, Sequence[Item]] = {}
    times: dict[Path, pa.Array] = {}
    changed = again = 0
    progress = tqdm(units.items(), desc="looking for changes", unit="unit", leave=False, delay=1)
    for number, (unit, items) in enumerate(progress):
        if (rows := _read(unit, table, number)) is None:
            missing[unit] = items
            continue
        stamps = [make_stamp(root, item) for item in items]
        now = [stamp.mtime_ns for stamp in stamps]
        if differing := sum(map(_differs, items, stamps, rows, repeat(key))):
            missing[unit] = items
            changed, again = changed + differing, again + 1
        elif now != [row["mtime_ns"] for row in rows]:
            times[unit] = pa.array(now, pa.int64())
    if changed:
        files, are = "file" if changed == 1 else "files", "is" if again == 1 else "are"
        _say(f"{changed} {files} changed: {again} of {len(units)} units {are} scored again")
    return missing, times


def _read(unit: Path, table: pq.ParquetFile | None, number: int) -> list[dict[str, Any]] | None:
    """What an earlier run wrote of a unit."""
    columns = ["error", "bytes", "mtime_ns", "sha256"]
    if not unit.exists():
        return table.read_row_group(number, columns).to_pylist() if table else None
    if is_intact(unit):
        return pq.ParquetFile(unit).read(columns).to_pylist()
    _say(f"{unit} is damaged: its images are scored again")
    return None


def _differs(item: Item, stamp: Stamp, row: Mapping[str, Any], key: str) -> bool:
    """Whether a row is of other bytes than an item has now, or has no score for another reason."""
    if item.reason:
        return row["error"] != printable(item.reason)
    return (row["bytes"], row[key]) != (stamp.bytes, getattr(stamp, key))


def _say(text: str) -> None:
    tqdm.write(text, file=sys.stderr)
