"""`dsd data`: bring what sources publish to the form that is used here."""

import argparse

from dsd.cli.parsers import check_file, check_out
from dsd.paths import find_folder


def run_convert_vgg19(options: argparse.Namespace) -> int:
    """Write VGG-19's weight file."""
    check_file(options.caffemodel)
    check_out(options.out, "OUT")
    from dsd.data.convert_vgg19 import convert_vgg19

    print(convert_vgg19(options.caffemodel, options.out))
    return 0


def run_convert_live(options: argparse.Namespace) -> int:
    """Write LIVE's table of human scores."""
    find_folder(options.folder)  # a wrong name is told at once
    from dsd.data.convert_live import convert_live

    print(convert_live(options.folder))
    return 0
