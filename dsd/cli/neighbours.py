"""`dsd neighbours`: the images of a collection that are nearest to another one."""

import argparse

from dsd.backbones import check_device
from dsd.cli.arguments import check_file, check_weights
from dsd.cli.output import escape


def run(options: argparse.Namespace) -> int:
    """Print the nearest images of an index."""
    if options.count < 1:
        raise ValueError(f"--count must be at least 1, got {options.count}")
    if options.index.suffix != ".parquet":
        raise ValueError(f"--index must be the table of a scan, .parquet, got {options.index}")
    check_device(options.device)
    check_weights(options.weights)
    check_file(options.images)
    check_file(options.index)
    try:
        from dsd.scan.neighbours import fingerprint, nearest, open_index
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}: pip install '.[scan]' in the repository") from error
    from dsd.scan.fingerprints import SCALE, l1_distances
    from dsd.scan.shortlist import COUNT, shortlist

    index = open_index(options.index)
    query = fingerprint(options.images, index.about, weights=options.weights, device=options.device)
    some = shortlist(index, query, max(COUNT, options.count)) if options.shortlist else None
    (distances,) = l1_distances(index.rows if some is None else index.rows[some], query) / SCALE
    print(f"{'rank':>4}  {'distance':>11}  file")
    for rank, row in enumerate(nearest(distances, options.count), start=1):
        path = index.paths[row if some is None else some[row]]
        print(f"{rank:>4}  {distances[row]:>11.6g}  {escape(path)}")
    return 0
