"""The command line. It starts at once: each command imports what is heavy when its work begins."""

import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, SimpleNamespace

from dsd.cli.output import escape, steady_streams


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    A reader of its output who leaves early, as ``head`` does, changes neither its work nor its exit code.

    Args:
        arguments: what was typed. None: what this process was started with; it ends with the command.

    Returns:
        The exit code. 0: all is done. 1: some images failed. 2: the command makes no sense, or cannot be done, or what
        it printed was lost, as on a full device; files are written all the same. 130: Ctrl-C. 143: SIGTERM.
    """
    options = SimpleNamespace(command="dsd", interrupted="interrupted")
    with steady_streams() as finish, _signals(last=arguments is None) as signals:
        try:
            code = _run(arguments, options)
            finish()
        except (Exception, KeyboardInterrupt) as error:
            if signals or isinstance(error, KeyboardInterrupt):
                code = 128 + (signals or [signal.SIGINT])[0]
            elif _can_happen(error):
                print(f"{options.command}: {_in_words(error, options)}", file=sys.stderr)
                return 2
            else:
                raise
        if code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
            print(f"{options.command}: {options.interrupted}", file=sys.stderr)
        return code


def _run(arguments: Sequence[str] | None, options: SimpleNamespace) -> int:
    from pkgutil import resolve_name

    from dsd.cli.parsers import command_line

    try:
        command_line().parse_args(arguments, options)
        return resolve_name(options.run)(options)
    except SystemExit as end:  # argparse's, or a training's that SIGTERM has stopped
        return int(end.code or 0)


def _can_happen(error: BaseException) -> bool:
    """Whether it is the input's, or the machine's, and no bug."""
    known = (ValueError, OSError, ModuleNotFoundError, FloatingPointError, MemoryError)
    return isinstance(error, known) or bool(re.search("out of memory|can't allocate memory", str(error)))


def _in_words(error: BaseException, options: SimpleNamespace) -> str:
    """What to print of an error. What was typed stays on one line; a message may have more."""
    message = str(error) or type(error).__name__
    for typed in map(str, vars(options).values()):
        if "\n" in typed:
            message = message.replace(typed, escape(typed))
    return "\n".join(map(escape, message.split("\n")))


@contextmanager
def _signals(last: bool) -> Iterator[list[int]]:
    """Note Ctrl-C and SIGTERM, and raise KeyboardInterrupt; a second one ends the process at once.

    A library that one interrupts while being imported may raise what it likes instead.

    Args:
        last: nothing comes after: from the end on, both end the process at once.

    Yields:
        The signals that came.
    """
    came: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        came.append(number)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]  # as a background job does
    for number in heeded:
        signal.signal(number, stop)
    try:
        yield came
    finally:
        for number in heeded:
            signal.signal(number, signal.SIG_DFL if last else before[number])
