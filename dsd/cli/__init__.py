"""The command line. It starts at once: each command imports what is heavy when its work begins."""

import signal
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pkgutil import resolve_name
from types import FrameType

from dsd.cli.parsers import command_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 some images failed, 2 the command makes no sense, 130 interrupted."""
    options = Namespace(command="dsd", interrupted="interrupted")
    with _ctrl_c() as interrupts:
        try:
            command_line().parse_args(arguments, options)
            return resolve_name(options.run)(options)
        except (Exception, KeyboardInterrupt) as error:
            if interrupts or isinstance(error, KeyboardInterrupt):
                print(f"{options.command}: {options.interrupted}", file=sys.stderr)
                return 130
            if isinstance(error, ValueError | OSError | ModuleNotFoundError | FloatingPointError):
                print(f"{options.command}: {error}", file=sys.stderr)
                return 2
            raise


@contextmanager
def _ctrl_c() -> Iterator[list[int]]:
    """A list that Ctrl-C adds to. A library that it interrupts while being imported may raise what it likes instead."""
    interrupts: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored, as of a job in the background
        yield interrupts
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
