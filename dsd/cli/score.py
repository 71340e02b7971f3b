"""`dsd score`: compare distorted images with their references."""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from dsd.atomic import atomic_write
from dsd.cli.parsers import check_network, split_alphas, split_names
from dsd.quality.metrics import check_names, check_options


def run(options: argparse.Namespace) -> int:
    """Score all pairs, show and write what succeeded, name what failed."""
    names = list(dict.fromkeys(split_names(options.metrics, "--metrics")))
    layers = None if options.layers is None else split_names(options.layers, "--layers")
    alphas = None if options.alphas is None else split_alphas(options.alphas)
    _check(names, options)

    import torch
    from tqdm import tqdm

    from dsd.quality.scoring import MetricSet

    pairs, failed = _pairs(options.reference, options.distorted)
    metrics = MetricSet(
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
            _write(options.out, names, rows, failed, metrics.provenance())
    for name, reason in failed.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    return 1 if failed else 0


def _check(names: Sequence[str], options: argparse.Namespace) -> None:
    """Refuse what can be seen to make no sense before torch is imported."""
    check_names(names)
    check_options(
        names,
        layers=None if options.layers is None else f"--layers {options.layers}",
        alphas=None if options.alphas is None else f"--alphas {options.alphas}",
    )
    check_network(options)
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
    """(name, reference, distorted) for two files or two folders, and why each of the others has no partner.

    A reference of the same name and suffix goes first, then the only one of the same name.
    """
    from dsd.data.images import find_images

    if reference.is_file():
        return [(distorted.name, reference, distorted)], {}
    references = {path.relative_to(reference): path for path in find_images(reference)}
    by_stem: dict[Path, list[Path]] = {}
    for name in references:
        by_stem.setdefault(name.with_suffix(""), []).append(name)
    pairs, failed = [], {}
    for path in find_images(distorted):
        name = path.relative_to(distorted)
        partners = [name] if name in references else by_stem.get(name.with_suffix(""), [])
        if len(partners) == 1:
            pairs.append((name.as_posix(), references[partners[0]], path))
        elif partners:
            several = ", ".join(partner.as_posix() for partner in partners)
            failed[name.as_posix()] = f"several references of that name in {reference}: {several}"
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


def _write(
    out: Path,
    names: Sequence[str],
    rows: Sequence[dict[str, Any]],
    failed: dict[str, str],
    provenance: dict[str, Any],
) -> None:
    """Write CSV or JSON in one step, so that a crash leaves the old file or the new one.

    JSON knows no infinity and no NaN: null stands for them.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out, "w", encoding="utf-8", newline="") as file:
        if out.suffix == ".json":
            scores = [{"image": row["image"], **{name: _finite(row[name]) for name in names}} for row in rows]
            content = {"metrics": names, "provenance": provenance, "scores": scores, "failed": failed}
            json.dump(content, file, indent=2, ensure_ascii=False, allow_nan=False)
            file.write("\n")
        else:
            writer = csv.DictWriter(file, ["image", *names])
            writer.writeheader()
            writer.writerows(rows)


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
