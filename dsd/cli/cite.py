"""`dsd cite`: what to print of a figure in a paper."""

import argparse
import sys

from dsd.cli.arguments import check_file
from dsd.cli.output import escape


def run(options: argparse.Namespace) -> int:
    """Print a figure's caption, BibTeX, and LaTeX that places it; each part begins with a comment of LaTeX."""
    check_file(options.file)
    from dsd.cite import bibtex
    from dsd.cite.latex import place_figure
    from dsd.cite.stamp import read_stamp, summary

    stamp = read_stamp(options.file)
    if not stamp.verified:
        print(
            f"{options.command}: {escape(str(options.file))} has an older stamp, without a digest: whether the file is "
            "as it was drawn cannot be told",
            file=sys.stderr,
        )
    caption = stamp.caption or f"(none: it is in {stamp.name}.png, which does not lie beside this file)"
    version = str(stamp.provenance.get("versions", {}).get("dsd", "unknown"))
    entries = f"{bibtex.PAPER}{bibtex.software(version, stamp.provenance['commit'])}"
    figure = place_figure(stamp.name, stamp.caption, stamp.provenance, f"dsd cite {options.file.name}")
    parts = {
        "Caption": caption,
        "BibTeX, for the .bib file": entries.rstrip(),
        "LaTeX, for the text": figure.rstrip(),
    }
    first = f"% {stamp.name}: {summary(stamp.provenance)}"
    text = "\n\n".join([first, *(f"% {heading}\n{part}" for heading, part in parts.items())])
    print("\n".join(map(escape, text.split("\n"))))
    return 0
