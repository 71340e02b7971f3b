"""`dsd score`: compare distorted images with their references, or score images without any."""

import argparse
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsd.atomic import atomic_write
from dsd.cli.arguments import check_network, check_out, split_alphas, split_names
from dsd.cli.output import escape
from dsd.quality.metrics import METRICS, NO_REFERENCE, check_applicable, check_names

if TYPE_CHECKING:  # commands start without torch
    from dsd.cli.partial import Scores
    from dsd.quality.no_reference import NoReferenceSet
    from dsd.quality.scoring import MetricSet

LIBRARIES = ("dsd", "PIL", "numpy", "torch", "torchmetrics", "torchvision")  # whose versions scores may depend on
Rows = Mapping[str, Mapping[str, float]]  # {image: {measure: score}}
Items = list[tuple[str, tuple[Path, ...]]]  # names, and what a measure takes: distorted and reference, or one image


def run(options: argparse.Namespace) -> int:
    """Score all, write and show what succeeded, name what failed."""
    names = list(dict.fromkeys(split_names(options.metrics or ("q_dsd" if options.images else "dsd"), "--metrics")))
    layers = None if options.layers is None else split_names(options.layers, "--layers")
    alphas = None if options.alphas is None else split_alphas(options.alphas)
    _check(names, options)

    from tqdm import tqdm

    from dsd.cli.partial import PartialScores, file_states
    from dsd.quality.no_reference import NoReferenceSet
    from dsd.quality.scoring import MetricSet

    network = {"weights": options.weights, "precision": options.precision, "device": options.device}
    metrics: MetricSet | NoReferenceSet
    failed: dict[str, str] = {}
    if options.images:
        items = _images(options.images)
        metrics = NoReferenceSet(names, options.backbone, **network)
    else:
        items, failed = _pairs(options.reference, options.distorted)
        metrics = MetricSet(names, options.backbone, layers=layers, alphas=alphas, **network)
    versions = {name: str(sys.modules[name].__version__) for name in LIBRARIES if name in sys.modules}
    settings = {"metrics": names, **metrics.provenance(), "device": metrics.device.type, "versions": versions}
    partial = PartialScores(options.out, settings)
    if options.out is not None:
        options.interrupted += "; the same command goes on from here"
    rows: dict[str, Mapping[str, float]] = {}
    try:
        for name, paths in tqdm(items, unit="image" if options.images else "pair", disable=len(items) < 2):
            try:
                files = file_states(*paths)
                scores = partial.get(name, files)
                rows[name], reasons = (scores, {}) if scores else _score(metrics, paths)
            except (ValueError, OSError, RuntimeError, MemoryError) as error:
                failed[name] = str(error) or type(error).__name__
                continue
            if reasons:  # not kept: it may succeed the next time
                failed[name] = "; ".join(f"no {metric}: {reasons[metric]}" for metric in names if metric in reasons)
            else:
                partial.add(name, files, rows[name])
        if options.out is not None:
            _write(options.out, names, rows, failed, metrics.provenance())
        partial.remove()
    except BaseException:  # also when interrupted: what is done is kept, and before it is shown
        partial.save()
        raise
    finally:
        _show(names, rows)
    for name, reason in failed.items():
        print(f"failed: {escape(name)}: {escape(reason)}", file=sys.stderr)
    return 1 if failed else 0


def _check(names: Sequence[str], options: argparse.Namespace) -> None:
    """Refuse what can be seen to make no sense before torch is imported."""
    paths = [path for path in (options.images, options.reference, options.distorted) if path]
    if len(paths) != (1 if options.images else 2):
        raise ValueError(
            "give --reference and --distorted, or IMAGES alone for measures without a reference; got "
            + (", ".join(map(str, paths)) or "none of them")
        )
    check_names(names, NO_REFERENCE if options.images else METRICS)
    layers, alphas = (
        None if value is None else f"--{name} {value}"
        for name, value in (("layers", options.layers), ("alphas", options.alphas))
    )
    if options.images and (layers or alphas):
        raise ValueError(f"{', '.join(names)} has no choice of layers or alphas, got {layers or alphas}")
    if not options.images:
        check_applicable(names, layers=layers, alphas=alphas)
    check_network(options)
    if options.out is not None:
        if options.out.suffix not in (".csv", ".json"):
            raise ValueError(f"--out must end in .csv or .json, got {options.out}")
        check_out(options.out)
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no file or folder {path}")
    if len({path.is_dir() for path in paths}) > 1:
        raise ValueError(f"--reference and --distorted must be two files or two folders, got {paths[0]} and {paths[1]}")


def _images(images: Path) -> Items:
    """A file, or all of a folder."""
    from dsd.data.images import find_images

    if images.is_file():
        return [(images.name, (images,))]
    return [(path.relative_to(images).as_posix(), (path,)) for path in find_images(images)]


def _pairs(reference: Path, distorted: Path) -> tuple[Items, dict[str, str]]:
    """Distorted images with their references, of two files or two folders, and why each of the others has no partner.

    A reference of the same name and suffix goes first, then the only one of the same name, unless another image has its
    whole name.
    """
    from dsd.data.images import find_images

    if reference.is_file():
        return [(distorted.name, (distorted, reference))], {}
    references = {path.relative_to(reference): path for path in find_images(reference)}
    by_stem: dict[Path, list[Path]] = {}
    for name in references:
        by_stem.setdefault(name.with_suffix(""), []).append(name)
    images = {path.relative_to(distorted): path for path in find_images(distorted)}
    pairs: Items = []
    failed = {}
    for name, path in images.items():
        partners = [name] if name in references else by_stem.get(name.with_suffix(""), [])
        several = ", ".join(partner.as_posix() for partner in partners)
        if not partners:
            failed[name.as_posix()] = f"no reference of that name in {reference}"
        elif len(partners) > 1:
            failed[name.as_posix()] = f"several references of that name in {reference}: {several}"
        elif partners != [name] and partners[0] in images:
            failed[name.as_posix()] = f"{reference / several} is the reference of {several}, which has its whole name"
        else:
            pairs.append((name.as_posix(), (path, references[partners[0]])))
    return pairs, failed


def _score(metrics: "MetricSet | NoReferenceSet", paths: Sequence[Path]) -> tuple["Scores", Mapping[str, str]]:
    """An image's or a pair's scores, and why some are missing.

    Raises:
        ValueError: there is none.
    """
    import torch

    reasons: dict[str, str] = {}
    with torch.inference_mode():
        scores = metrics(*paths, failed=reasons)
    if not scores:
        raise ValueError("; ".join(dict.fromkeys(reasons.values())))
    return {name: score.item() for name, score in scores.items()}, reasons


def _write(
    out: Path, names: Sequence[str], rows: Rows, failed: Mapping[str, str], provenance: Mapping[str, Any]
) -> None:
    """Write CSV or JSON in one step, so that a crash leaves the old file or the new one.

    JSON knows no infinity and no NaN: null stands for them, as for what is missing, which CSV leaves empty. Bytes of a
    name that are no UTF-8 are in CSV what they are; in JSON they are escaped, as Python has them: U+DC80 to U+DCFF.
    """
    json_file = out.suffix == ".json"
    errors = "backslashreplace" if json_file else "surrogateescape"
    with atomic_write(out, "w", encoding="utf-8", errors=errors, newline="") as file:
        if json_file:
            scores = [
                {"image": image, **{name: _finite(row.get(name)) for name in names}} for image, row in rows.items()
            ]
            content = {"metrics": names, "provenance": provenance, "scores": scores, "failed": failed}
            json.dump(content, file, indent=2, ensure_ascii=False, allow_nan=False)
            file.write("\n")
        else:
            writer = csv.DictWriter(file, ["image", *names])
            writer.writeheader()
            writer.writerows({"image": image, **row} for image, row in rows.items())


def _finite(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def _show(names: Sequence[str], rows: Rows) -> None:
    """Print the table, with means where there are several rows."""
    if not rows:
        return
    shown = list(rows.items())
    if len(rows) > 1:
        columns = {name: [row[name] for row in rows.values() if name in row] for name in names}
        shown.append(("mean", {name: sum(values) / len(values) for name, values in columns.items() if values}))
    texts = [{name: f"{row[name]:.6g}" if name in row else "–" for name in names} for _, row in shown]
    images = [escape(image) for image, _ in shown]
    width = max(map(len, images)) + 2
    for image, row in zip(["image", *images], [{name: name for name in names}, *texts], strict=True):
        print(image.ljust(width) + "".join(f"  {row[name]:>{max(11, len(name))}}" for name in names))
