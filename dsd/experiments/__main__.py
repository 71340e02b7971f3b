"""Figures, tables and reports from the command line; `make` calls it.

python -m dsd.experiments run fig2 --preset sample --parameter seed=1 --out figures/mine
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from dsd.experiments.catalogue import PRESETS, REPOSITORY, find_experiment, list_experiments

FROM_ENVIRONMENT = ("BACKBONE", "WEIGHTS", "DEVICE", "SEED")  # each a parameter's value


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(
        prog="python -m dsd.experiments", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command, text in [
        ("run", "execute an experiment's notebook: numbers, figure and the notebook itself"),
        ("compute", "numbers and pictures only, without Jupyter; `run -p redraw=FOLDER` draws them"),
    ]:
        running = commands.add_parser(command, help=text, description=text)
        running.add_argument("name", help="fig2, tab1, …")
        running.add_argument("--preset", help=f"{', '.join(PRESETS)} (quick)")
        running.add_argument("--images", help="folder (or file) instead of all the preset's images")
        running.add_argument(
            "--parameter", "-p", action="append", default=[], metavar="NAME=VALUE", help="may be repeated"
        )
        running.add_argument(
            "--out",
            type=Path,
            help="folder for the files (default: figures/<preset>, or figures/<preset>-changed where something is)",
        )
        running.add_argument(
            "--from-environment",
            action="store_true",
            help=f"take PRESET, IMAGES, {', '.join(FROM_ENVIRONMENT)} from the environment where they are set",
        )
    commands.add_parser("list", help="names and titles")
    reporting = commands.add_parser("report", help="write report.html and report.pdf beside a folder's figures")
    reporting.add_argument("folder", type=Path, help="figures/sample, say")
    commands.add_parser("gallery", help="write figures/README.md, and the README's table, out of what was rendered")
    options = parser.parse_args(arguments)
    try:
        work = prepare(options)
    except ValueError as error:
        parser.error(str(error))
    work()


def prepare(options: argparse.Namespace) -> Callable[[], None]:
    """The work that a command line asks for, after all its names and values were checked.

    Raises:
        ValueError: one of them makes no sense.
    """
    match options.command:
        case "list":
            titles = [f"{name:<13} {experiment.title}" for name, experiment in list_experiments().items()]
            return partial(print, *titles, sep="\n")
        case "gallery":
            return write_pages
        case "report":
            return partial(write_report, options.folder)
    return prepare_run(options)


def write_pages() -> None:
    """Write the gallery, and the README's table of verdicts."""
    from dsd.experiments import gallery, verdicts

    gallery.write()
    verdicts.write()


def write_report(folder: Path) -> None:
    """Write a folder's report, and its PDF where this machine can.

    Raises:
        SystemExit: there is nothing to report, or a figure's file is not what was stamped.
    """
    from dsd.experiments import report, report_pdf

    try:
        print(page := report.write(folder))
        print(report_pdf.write_pdf(page) or report_pdf.MISSING)
    except ValueError as error:
        raise SystemExit(str(error)) from None


def prepare_run(options: argparse.Namespace) -> Callable[[], None]:
    """What ``run`` and ``compute`` do, after all names and values were checked.

    Raises:
        ValueError: one of them makes no sense.
    """
    from dsd.experiments.presets import default_parameters, resolve
    from dsd.experiments.run import compute, run

    if malformed := [text for text in options.parameter if "=" not in text]:
        raise ValueError(f"--parameter takes NAME=VALUE, got {', '.join(malformed)}")
    given = dict(text.split("=", 1) for text in options.parameter)
    preset, images = options.preset, options.images
    if options.from_environment:
        preset = preset or os.environ.get("PRESET")
        images = images or os.environ.get("IMAGES")
        given = {name.lower(): os.environ[name] for name in FROM_ENVIRONMENT if os.environ.get(name)} | given
    preset = preset or "quick"
    images = images and as_typed(images)
    if given.get("redraw"):
        given["redraw"] = as_typed(given["redraw"])
    experiment = find_experiment(options.name)
    parameters = resolve(experiment, preset, images, given)
    out = options.out or REPOSITORY / "figures" / f"{preset}{'-changed' if given or images else ''}"
    if options.command == "run":
        return partial(run, experiment, parameters, out)
    if "redraw" in given:
        raise ValueError("compute does not draw: give redraw to run")
    everything = default_parameters(experiment) | parameters
    return partial(compute, experiment, {name: everything[name] for name in everything if name != "out_dir"}, out)


def as_typed(path: str) -> str:
    """A path that exists where one is, for a notebook, which runs in the repository; any other text stays."""
    there = Path(path)
    return str(there.absolute()) if there.exists() and not Path.cwd().samefile(REPOSITORY) else path


if __name__ == "__main__":
    main()
