"""`dsd restore`: enlarge or deblur images with a trained network."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from dsd.backbones import check_device, find_device
from dsd.cli.arguments import check_out
from dsd.cli.output import escape
from dsd.restore.shipped import find_model

Jobs = list[tuple[Path, Path]]  # image, and file of the restored one


def run(options: argparse.Namespace) -> int:
    """Restore all, keep what a folder has already, name what failed."""
    model = _check(options)
    jobs = _jobs(options.images, options.out)
    folder = options.images.is_dir()
    todo = [(path, out) for path, out in jobs if options.overwrite or not (folder and out.is_file())]

    from tqdm import tqdm

    from dsd.data.images import load_image, save_image
    from dsd.restore.apply import restore
    from dsd.restore.model import load_model

    network, _ = load_model(model, find_device(options.device))
    if folder and not options.overwrite:
        options.interrupted += "; the same command goes on from here"
    failed: dict[str, str] = {}
    try:
        for path, out in tqdm(todo, unit="image", disable=len(todo) < 2):
            try:
                restored = restore(network, load_image(path)[None], tile=options.tile)[0]
            except (ValueError, OSError, RuntimeError, MemoryError) as error:
                failed[str(path)] = str(error) or type(error).__name__
            else:
                out.parent.mkdir(parents=True, exist_ok=True)
                save_image((255 * restored).round() / 255, out)  # to the nearest
    finally:  # also when a full disk stops it
        for name, reason in failed.items():
            print(f"failed: {escape(name)}: {escape(reason)}", file=sys.stderr)
    _show(options.out, len(todo) - len(failed), len(jobs) - len(todo))
    return 1 if failed else 0


def _check(options: argparse.Namespace) -> Path:
    """Refuse what can be seen to make no sense before torch is imported, and tell the model's file."""
    images, out = options.images, options.out
    if not images.exists():
        raise FileNotFoundError(f"no file or folder {images}")
    if images.is_dir():
        if out.resolve().is_relative_to(images.resolve()):
            raise ValueError(f"--out must not be in IN, whose images are all restored; got {out} in {images}")
        check_out(out / "image.png")
    else:
        if out.suffix != ".png":
            raise ValueError(f"--out must end in .png, as {images} is one image; got {out}")
        check_out(out)
        _check_inputs_stay([(images, out)])
    if options.tile is not None and options.tile < 1:
        raise ValueError(f"--tile must be at least 1, or none; got {options.tile}")
    check_device(options.device)
    return find_model(options.model)


def _jobs(images: Path, out: Path) -> Jobs:
    """What becomes what: a file, or all of a folder.

    Raises:
        ValueError: two images would become one file, or one would become another.
    """
    if images.is_file():
        return [(images, out)]
    from dsd.data.images import find_images

    first: dict[Path, Path] = {}
    for path in find_images(images):
        target = out / path.relative_to(images).with_suffix(".png")
        if target in first:
            raise ValueError(f"{first[target]} and {path} would both become {target}: rename one of them")
        first[target] = path
    jobs = [(path, target) for target, path in first.items()]
    _check_inputs_stay(jobs)
    return jobs


def _check_inputs_stay(jobs: Sequence[tuple[Path, Path]]) -> None:
    paths = {path.resolve() for path, _ in jobs}
    for path, target in jobs:
        if target.resolve() in paths:
            raise ValueError(f"--out: {path} would become {target}, which is itself an image to restore")


def _show(out: Path, written: int, kept: int) -> None:
    """Print where the images are, and which were not touched."""
    if written:
        print(f"{escape(str(out))}: {written} image{'s' * (written > 1)} written")
    if kept:
        are = "images were" if kept > 1 else "image was"
        print(f"{escape(str(out))}: {kept} {are} there and kept; --overwrite restores again")
