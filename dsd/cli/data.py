"""`dsd data`: bring what sources publish to the form that is used here."""

import argparse

from dsd.cli.arguments import check_file, check_out
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


def run_convert_niqe(options: argparse.Namespace) -> int:
    """Write NIQE's parameters."""
    check_file(options.parameters)
    check_out(options.out, "OUT")
    from dsd.data.convert_live_models import convert_niqe

    print(convert_niqe(options.parameters, options.out))
    return 0


def run_convert_brisque(options: argparse.Namespace) -> int:
    """Write BRISQUE's parameters."""
    check_file(options.model)
    check_file(options.ranges)
    check_out(options.out, "OUT")
    from dsd.data.convert_live_models import convert_brisque

    print(convert_brisque(options.model, options.ranges, options.out))
    return 0
