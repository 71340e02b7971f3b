"""`dsd score`: compare distorted images with their references."""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dsd.atomic import atomic_write
from dsd.cli.parsers import check_backbone, split_alphas, split_names
from dsd.quality.metrics import check_names


def run(options: argparse.Namespace) -> int:
    """Score all pairs, show and write what succeeded, name what failed."""
    names = split_names(options.metrics)
    _check(names, options)
    layers = split_names(options.layers) if options.layers else None
    alphas = split_alphas(options.alphas) if options.alphas else None

    import torch
    from tqdm import tqdm

    from dsd.quality.scoring import create_metrics

    pairs, failed = _pairs(options.reference, options.distorted)
    metrics = create_metrics(
        names,
        options.backbone,
        layers=layers,
        alphas=alphas,
        weights=options.weights,
        precision=options.precision,
        device=options.device,
    )
    rows: list[dict[str, Any]] = []
    try:
        for name, reference, distorted in tqdm(pairs, unit="pair", disable=len(pairs) < 2):
            try:
                with torch.inference_mode():
                    scores = metrics(distorted, reference)
                rows.append({"image": name, **{metric: score.item() for metric, score in scores.items()}})
            except (ValueError, OSError, RuntimeError) as error:
                failed[name] = str(error)
    finally:  # also when interrupted: what is done is kept
        _show(names, rows)
        if options.out is not None:
            _write(options.out, names, rows, failed)
    for name, reason in failed.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    return 1 if failed else 0


def _check(names: Sequence[str], options: argparse.Namespace) -> None:
    """Refuse what can be seen to make no sense before torch is imported."""
    check_names(names)
    check_backbone(options.backbone)
    if options.out is not None and options.out.suffix not in (".csv", ".json"):
        raise ValueError(f"--out must end in .csv or .json, got {options.out}")
    reference, distorted = options.reference, options.distorted
    for path in (reference, distorted):
        if not path.exists():
            raise FileNotFoundError(f"no file or folder {path}")
    if reference.is_dir() != distorted.is_dir():
        raise ValueError(
            f"--reference and --distorted must be two files or two folders, got {reference} and {distorted}"
        )


def _pairs(reference: Path, distorted: Path) -> tuple[list[tuple[str, Path, Path]], dict[str, str]]:
    """(name, reference, distorted) for two files or two folders, and why each of the others has no partner."""
    from dsd.data.images import find_images

    if reference.is_file():
        return [(distorted.name, reference, distorted)], {}
    references = {path.relative_to(reference).with_suffix(""): path for path in find_images(reference)}
    pairs, failed = [], {}
    for path in find_images(distorted):
        name = path.relative_to(distorted)
        if partner := references.get(name.with_suffix("")):
            pairs.append((name.as_posix(), partner, path))
        else:
            failed[name.as_posix()] = f"no reference of that name in {reference}"
    return pairs, failed


def _show(names: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Print the table, with means where there are several rows."""
    if not rows:
        return
    shown = list(rows)
    if len(rows) > 1:
        shown.append({"image": "mean", **{name: sum(row[name] for row in rows) / len(rows) for name in names}})
    width = max(len(row["image"]) for row in shown) + 2
    print("image".ljust(width) + "".join(f"{name:>13}" for name in names))
    for row in shown:
        print(row["image"].ljust(width) + "".join(f"{row[name]:>13.6g}" for name in names))


def _write(out: Path, names: Sequence[str], rows: Sequence[dict[str, Any]], failed: dict[str, str]) -> None:
    """Write CSV or JSON in one step, so that a crash leaves the old file or the new one."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out, "w", encoding="utf-8", newline="") as file:
        if out.suffix == ".json":
            json.dump({"metrics": names, "scores": rows, "failed": failed}, file, indent=2, ensure_ascii=False)
        else:
            writer = csv.DictWriter(file, ["image", *names])
            writer.writeheader()
            writer.writerows(rows)
