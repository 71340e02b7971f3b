"""`dsd evaluate`: compare restored images with clean ones, under named protocols."""

import argparse
import json
import sys
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsd.atomic import atomic_write
from dsd.backbones import check_device
from dsd.cli.arguments import check_out, split_names
from dsd.cli.output import escape
from dsd.paths import find_folder

if TYPE_CHECKING:  # commands start without torch
    import pandas as pd


def run(options: argparse.Namespace) -> int:
    """Compare all, write the rows, show the means, name what failed."""
    _check(options)

    from dsd.restore.evaluate import MEASURES, Evaluator
    from dsd.restore.evaluate_folders import evaluate_folders, means

    names = list(MEASURES) if options.measures is None else split_names(options.measures, "--measures")
    evaluator = Evaluator(names, options.border, device=options.device)
    failed: dict[str, str] = {}
    table = evaluate_folders(options.sr, options.hr, evaluator, scale=options.scale, failed=failed)
    summary = means(table)
    try:
        if options.out is not None:
            _write(options.out, table, summary, failed)
    finally:
        _show(table, summary)
    for reason in dict.fromkeys(evaluator.left_out.values()):
        measures = [name for name, other in evaluator.left_out.items() if other == reason]
        print(f"note: no {', '.join(measures)}: {escape(reason)}", file=sys.stderr)
    for name, reason in failed.items():
        print(f"failed: {escape(name)}: {escape(reason)}", file=sys.stderr)
    return 1 if failed else 0


def _check(options: argparse.Namespace) -> None:
    """Refuse what can be seen to make no sense before torch is imported."""
    for name in ("border", "scale"):
        if getattr(options, name) < (least := 0 if name == "border" else 1):
            raise ValueError(f"--{name} must be at least {least}, got {getattr(options, name)}")
    check_device(options.device)
    if options.out is not None:
        if options.out.suffix not in (".csv", ".json"):
            raise ValueError(f"--out must end in .csv or .json, got {options.out}")
        check_out(options.out)
    paths = [path for path in (options.hr, options.sr) if path is not None]
    for path in paths:
        if not path.is_file():
            find_folder(path)
    if len({path.is_file() for path in paths}) > 1:
        raise ValueError(f"--hr and --sr must be two files or two folders, got {options.hr} and {options.sr}")


def _show(table: "pd.DataFrame", summary: "pd.DataFrame") -> None:
    """Print each protocol, its means, and what is to be said of single images."""
    print(f"mean of {len(table)} images" if len(table) != 1 else escape(str(table.index[0])))
    for protocol, rows in summary.groupby("protocol", sort=False):
        print(f"\n{protocol}")
        for measure, row in rows.iterrows():
            some = f" ({row['images']} of {len(table)} images)" if row["images"] < len(table) else ""
            print(f"  {row['mean']:>9.4f}  {measure!s:<18}{row['words']}{some}")
    if line := table.attrs["unmatched"]:
        print(f"note: {escape(line)}", file=sys.stderr)
    for note, rows in table[table["notes"] != ""].groupby("notes", sort=False):
        names = [escape(str(name)) for name in rows.index[:3]] + ["…"] * (len(rows) > 3)
        print(f"note: {', '.join(names)}: {note}", file=sys.stderr)


def _write(out: Path, table: "pd.DataFrame", summary: "pd.DataFrame", failed: Mapping[str, str]) -> None:
    """Write CSV (rows) or JSON (rows, means with their protocols, settings, failures): the old file or the new one.

    JSON knows no infinity and no NaN: null stands for them. In CSV they are ``inf`` and nothing.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    json_file = out.suffix == ".json"
    errors = "backslashreplace" if json_file else "surrogateescape"
    with atomic_write(out, "w", encoding="utf-8", errors=errors, newline="") as file:
        if not json_file:
            table.to_csv(file)
            return
        content = {
            "means": [_finite(row) for row in summary.reset_index().to_dict("records")],
            "provenance": table.attrs["provenance"],
            "unmatched": table.attrs["unmatched"],
            "images": [_finite(row) for row in table.reset_index().to_dict("records")],
            "failed": failed,
        }
        json.dump(content, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def _finite(row: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in row.items()}
