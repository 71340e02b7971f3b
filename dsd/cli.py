"""The command line: `dsd score` compares images with references, `dsd scan` scores collections without any."""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from dsd.backbone import BACKBONES, find_device
from dsd.checks import check_images
from dsd.data import find_images, load_image
from dsd.files import written
from dsd.metrics import METRICS, Score


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 some images failed, 2 the command makes no sense, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="dsd", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("metrics", help="list the measures, one line each")
    scoring = commands.add_parser(
        "score",
        help="compare distorted images with their references",
        description="Compare a distorted image with its reference, or all of a folder with those of the same name "
        "(whatever the suffix) in another.",
    )
    scoring.add_argument("--reference", required=True, type=Path, help="image or folder")
    scoring.add_argument("--distorted", required=True, type=Path, help="image or folder")
    scoring.add_argument("--metrics", default="dsd", help="names separated by commas, see `dsd metrics` (dsd)")
    scoring.add_argument("--out", type=Path, help="file for the scores, .csv or .json")
    scanning = commands.add_parser(
        "scan",
        help="the self-dissimilarity of every image of a collection",
        description="Write ‖DSD_α‖₁ of every image of a folder, of a tar, or of a folder of tars, to a Parquet file. "
        "The same command goes on where it was interrupted.",
    )
    scanning.add_argument("source", type=Path, metavar="FOLDER", help="images, or tars of images")
    scanning.add_argument("--out", required=True, type=Path, help="file for the scores, .parquet")
    scanning.add_argument("--layers", default="relu3_1", help="names separated by commas (relu3_1)")
    scanning.add_argument("--alphas", default="2", help="scaling factors separated by commas (2)")
    scanning.add_argument("--resize", default=256, type=pixels, help="of the short side, or none (256)")
    scanning.add_argument("--crop", default=224, type=pixels, help="from the centre, or none (224)")
    scanning.add_argument("--batch-size", default=32, type=int, help="images that are scored together (32)")
    scanning.add_argument("--shard-size", default=1024, type=int, help="images between two saves (1024)")
    scanning.add_argument("--workers", default=4, type=int, help="processes that decode (4)")
    scanning.add_argument("--threads", type=int, help="of torch (as many as cores)")
    scanning.add_argument("--engine", default="local", help="local, or ray: on the machines of a Ray cluster (local)")
    scanning.add_argument("--address", help="of the Ray cluster (the one at hand, else one of this machine)")
    for command in (scoring, scanning):
        command.add_argument("--backbone", default="vgg19", help=f"{', '.join(BACKBONES)} (vgg19)")
        command.add_argument(
            "--weights",
            default="auto",
            help="weight file (lite's is here; vgg19's: under DSD_DATA, else downloaded)",
        )
        command.add_argument("--precision", default="float32", help="float32 or bfloat16 (float32)")
        command.add_argument("--device", default="auto", help="cuda, cpu (cuda where there is one)")
    options = parser.parse_args(arguments)
    if options.command == "metrics":
        for name, metric in METRICS.items():
            print(f"{name:<12}{'↑' if metric.higher_is_better else '↓'} {metric.summary}")
        print("\n↑ higher is better, ↓ lower is better")
        return 0
    try:
        return _score(options) if options.command == "score" else _scan(options)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"dsd {options.command}: {error}", file=sys.stderr)
        return 2


def _score(options: argparse.Namespace) -> int:
    """Score all pairs, show and write what succeeded, name what failed."""
    names = [name.strip() for name in options.metrics.split(",")]
    if unknown := [name for name in names if name not in METRICS]:
        raise ValueError(f"unknown metric {', '.join(unknown)}; valid ones: {', '.join(METRICS)}")
    if options.out is not None and options.out.suffix not in (".csv", ".json"):
        raise ValueError(f"--out must end in .csv or .json, got {options.out}")
    pairs, failed = _pairs(options.reference, options.distorted)
    device = find_device(options.device)
    settings = {"backbone": options.backbone, "weights": options.weights, "precision": options.precision}
    metrics = {name: METRICS[name].make(**settings, device=device) for name in names}
    rows: list[dict[str, Any]] = []
    try:
        for name, reference, distorted in tqdm(pairs, unit="pair", disable=len(pairs) < 2):
            try:
                rows.append({"image": name, **_scores_of(distorted, reference, metrics, device)})
            except (ValueError, OSError, RuntimeError) as error:
                failed[name] = str(error)
    finally:  # also when interrupted: what is done is kept
        _show(names, rows)
        if options.out is not None:
            _write(options.out, names, rows, failed)
    for name, reason in failed.items():
        print(f"failed: {name}: {reason}", file=sys.stderr)
    return 1 if failed else 0


def _pairs(reference: Path, distorted: Path) -> tuple[list[tuple[str, Path, Path]], dict[str, str]]:
    """(name, reference, distorted) for two files or two folders, and why each of the others has no partner."""
    for path in (reference, distorted):
        if not path.exists():
            raise FileNotFoundError(f"no file or folder {path}")
    if reference.is_dir() != distorted.is_dir():
        raise ValueError(
            f"--reference and --distorted must be two files or two folders, got {reference} and {distorted}"
        )
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


@torch.inference_mode()
def _scores_of(distorted: Path, reference: Path, metrics: dict[str, Score], device: str) -> dict[str, float]:
    x, y = (load_image(path)[None].to(device) for path in (distorted, reference))
    check_images(x)
    if x.shape != y.shape:
        sizes = " and ".join(f"{image.shape[3]}×{image.shape[2]}" for image in (x, y))
        raise ValueError(f"distorted image and reference must have the same size, got {sizes}")
    return {name: metric(x, y).item() for name, metric in metrics.items()}


def _show(names: list[str], rows: list[dict[str, Any]]) -> None:
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


def _write(out: Path, names: list[str], rows: list[dict[str, Any]], failed: dict[str, str]) -> None:
    """Write CSV or JSON in one step, so that a crash leaves the old file or the new one."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with written(out, "w", encoding="utf-8", newline="") as file:
        if out.suffix == ".json":
            json.dump({"metrics": names, "scores": rows, "failed": failed}, file, indent=2, ensure_ascii=False)
        else:
            writer = csv.DictWriter(file, ["image", *names])
            writer.writeheader()
            writer.writerows(rows)


def _scan(options: argparse.Namespace) -> int:
    """Score a collection, count what failed and name the first of it."""
    try:
        from dsd.scan import Settings, scan
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}: pip install '.[scan]' in the repository") from error
    names = ("backbone", "weights", "precision", "device", "resize", "crop", "batch_size", "shard_size")
    try:
        alphas = [float(alpha) for alpha in options.alphas.split(",")]
    except ValueError as error:
        raise ValueError(f"--alphas must be numbers separated by commas, got {options.alphas}") from error
    settings = Settings(
        layers=[layer.strip() for layer in options.layers.split(",")],
        alphas=alphas,
        **{name: getattr(options, name) for name in names},
        **({"threads": options.threads} if options.threads is not None else {}),
    )
    try:
        failed = scan(
            options.source,
            options.out,
            settings,
            workers=options.workers,
            engine=options.engine,
            address=options.address,
        ).to_pylist()
    except KeyboardInterrupt:
        print("dsd scan: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    for row in failed[:10]:
        print(f"failed: {row['path']}: {row['error']}", file=sys.stderr)
    if failed:
        print(f"failed: {len(failed)} in all, see the column error of {options.out}", file=sys.stderr)
    return 1 if failed else 0


def pixels(text: str) -> int | None:
    """A number of pixels; 0 and none are None."""
    return None if text == "none" else int(text) or None


if __name__ == "__main__":
    sys.exit(main())
