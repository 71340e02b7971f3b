"""`dsd niqe fit`: a model of one's own for NIQE."""

import argparse
import sys

from dsd.cli.arguments import check_out
from dsd.cli.output import escape
from dsd.paths import find_folder


def run_fit(options: argparse.Namespace) -> int:
    """Make a model of a folder of sharp photographs, name the files that cannot be used."""
    check_out(options.out)
    if options.out.suffix != ".safetensors":
        raise ValueError(f"--out must end in .safetensors, got {options.out}")
    if options.border < 0:
        raise ValueError(f"--border must be at least 0, got {options.border}")
    folder = find_folder(options.folder)  # a wrong name is told before torch is imported

    from tqdm import tqdm

    from dsd.data.images import find_images, load_image
    from dsd.quality.niqe_fit import sharp_features, write_model

    settings = {"grey": options.grey, "rounded": not options.not_rounded, "border": options.border}
    sharp, failed = [], {}
    for path in tqdm(find_images(folder), unit="image"):
        try:
            sharp.append(sharp_features(load_image(path), **settings))
        except (ValueError, OSError, MemoryError) as error:
            failed[path.relative_to(folder).as_posix()] = str(error) or type(error).__name__
    for name, reason in failed.items():
        print(f"failed: {escape(name)}: {escape(reason)}", file=sys.stderr)
    print(write_model(sharp, options.out, **settings))
    return 1 if failed else 0
