"""`dsd scan`: score a collection."""

import argparse
import sys

from dsd.cli.arguments import check_network, check_out, split_alphas, split_names
from dsd.cli.output import escape
from dsd.paths import find_folder
from dsd.scan.settings import Settings, check_run

SHOWN = 10  # of the images that failed


def run(options: argparse.Namespace) -> int:
    """Score a collection, count what failed and name the first of it."""
    check_network(options)
    check_run(options.out, options.engine, options.workers)
    check_out(options.out)
    names = ["backbone", "weights", "precision", "device", "resize", "crop", "batch_size", "shard_size", "threads"]
    names.append("fingerprints")
    settings = Settings(
        layers=split_names(options.layers, "--layers"),
        alphas=split_alphas(options.alphas),
        **{name: getattr(options, name) for name in names},
    )
    if not options.source.is_file():
        find_folder(options.source)  # a wrong name is told before torch is imported
    try:
        from dsd.scan.collection import scan
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}: pip install '.[scan]' in the repository") from error
    failed = scan(
        options.source,
        options.out,
        settings,
        workers=options.workers,
        engine=options.engine,
        address=options.address,
        verify=options.verify,
    ).to_pylist()
    for row in failed[:SHOWN]:
        print(f"failed: {escape(row['path'])}: {escape(row['error'])}", file=sys.stderr)
    if failed:
        print(f"failed: {len(failed)} in all, see the column error of {options.out}", file=sys.stderr)
    return 1 if failed else 0
