"""What can be typed: commands and their options. What each does is in the function that its `run` names."""

import argparse
import os
from math import isfinite
from pathlib import Path
from typing import NoReturn

from dsd import __version__
from dsd.backbones import BACKBONES, check_backbone, check_device
from dsd.cli.output import escape

DEVICES = "cuda, cpu (cuda where there is one)"
# What dsd.backbones.base.Precision allows, known before torch is imported.
PRECISIONS = ("float32", "bfloat16")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(escape(message))  # what was typed may be a file's name


def command_line() -> argparse.ArgumentParser:
    """The parser of ``dsd …``.

    Beside what was typed its options have `command`, what messages call it; `run`, the ``"module:function"`` that takes
    the options and returns the exit code; and `interrupted`, what to say after Ctrl-C.
    """
    parser = _Parser(
        prog="dsd",
        description="Deep self-dissimilarities: `dsd score` compares images with references, `dsd scan` scores "
        "collections without any.",
    )
    parser.add_argument("--version", action="version", version=f"dsd {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_metrics(commands.add_parser("metrics", help="list the measures, one line each"))
    _add_score(
        commands.add_parser(
            "score",
            help="compare distorted images with their references",
            description="Compare a distorted image with its reference, or all of a folder with those of the same name "
            "(whatever the suffix) in another. With --out, the same command goes on where it was interrupted.",
        )
    )
    _add_scan(
        commands.add_parser(
            "scan",
            help="the self-dissimilarity of every image of a collection",
            description="Write ‖DSD_α‖₁ of every image of a folder, of a tar, or of a folder of tars, to a Parquet "
            "file. The same command goes on where it was interrupted.",
        )
    )
    training = commands.add_parser("train", help="train a network").add_subparsers(metavar="NETWORK", required=True)
    _add_train_lite(
        training.add_parser(
            "lite",
            help="VGG-19 lite, distilled from VGG-19",
            description="Distil VGG-19 lite from VGG-19. It needs VGG-19's weights and, under DSD_DATA, "
            "imagenet-sample, imagenette160 and bsds500. The same command goes on from its last checkpoint.",
        )
    )
    data = commands.add_parser("data", help="bring data to the form that is used here")
    convert = data.add_subparsers(metavar="ACTION", required=True).add_parser(
        "convert", help="what a data set's source publishes to what is used here"
    )
    kinds = convert.add_subparsers(metavar="DATA", required=True)
    _add_convert_vgg19(
        kinds.add_parser(
            "vgg19",
            help="VGG-19's weights",
            description="Convert the Oxford group's Caffe model of VGG-19 to a weight file.",
        )
    )
    _add_convert_live(
        kinds.add_parser(
            "live",
            help="LIVE's human scores",
            description="Write LIVE's human scores, release 2, to ratings.csv in its folder.",
        )
    )
    return parser


def _add_metrics(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.metrics:run")


def _add_score(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.score:run")
    parser.add_argument("--reference", required=True, type=Path, help="image or folder")
    parser.add_argument("--distorted", required=True, type=Path, help="image or folder")
    parser.add_argument("--metrics", default="dsd", help="names separated by commas, see `dsd metrics` (dsd)")
    parser.add_argument(
        "--out",
        type=Path,
        help="file for the scores, .csv or .json (infinity, as PSNR of equal images, is null)",
    )
    parser.add_argument("--layers", help="names separated by commas (each metric's own)")
    parser.add_argument("--alphas", help="scaling factors of dsd, separated by commas and added up (2)")
    _add_backbone(parser)


def _add_scan(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.scan:run", "interrupted; the same command goes on from here")
    parser.add_argument("source", type=Path, metavar="FOLDER", help="images, or tars of images")
    parser.add_argument("--out", required=True, type=Path, help="file for the scores, .parquet")
    parser.add_argument("--layers", default="relu3_1", help="names separated by commas (relu3_1)")
    parser.add_argument("--alphas", default="2", help="scaling factors separated by commas (2)")
    parser.add_argument("--resize", default=256, type=pixels, help="of the short side, or none (256)")
    parser.add_argument("--crop", default=224, type=pixels, help="from the centre, or none (224)")
    parser.add_argument("--batch-size", default=32, type=int, help="images that are scored together (32)")
    parser.add_argument("--shard-size", default=1024, type=int, help="images between two saves (1024)")
    parser.add_argument(
        "--workers", default=min(4, os.cpu_count() or 4), type=int, help="processes that decode (4, or a core each)"
    )
    parser.add_argument("--threads", type=int, help="of torch (as many as cores)")
    parser.add_argument(
        "--verify", action="store_true", help="look for changed files by their content, not by size and time"
    )
    parser.add_argument("--engine", default="local", help="local, or ray: on the machines of a Ray cluster (local)")
    parser.add_argument("--address", help="of the Ray cluster (the one at hand, else one of this machine)")
    _add_backbone(parser)


def _add_backbone(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backbone", default="vgg19", help=f"{', '.join(BACKBONES)} (vgg19)")
    parser.add_argument(
        "--weights", default="auto", help="weight file (lite's is here; vgg19's: under DSD_DATA, else downloaded)"
    )
    parser.add_argument("--precision", default="float32", help="float32 or bfloat16 (float32)")
    parser.add_argument("--device", default="auto", help=DEVICES)


def _add_train_lite(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.train:run_lite", "interrupted; the same command goes on from its last checkpoint")
    parser.add_argument("--out", type=Path, default=Path("build/lite"), help="folder for weights and checkpoint")
    parser.add_argument("--weights", default="auto", help="the teacher's, VGG-19's (the first file found)")
    parser.add_argument(
        "--start", type=Path, help="earlier weights: what fits is taken, narrower layers are widened (none)"
    )
    parser.add_argument("--steps", type=int, default=8000, help="of training (8000)")
    parser.add_argument("--seed", type=int, default=0, help="of crops and distortions (0)")
    parser.add_argument("--device", default="auto", help=DEVICES)


def _add_convert_vgg19(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.data:run_convert_vgg19")
    parser.add_argument("caffemodel", type=Path, metavar="CAFFEMODEL", help="VGG_ILSVRC_19_layers.caffemodel")
    parser.add_argument("out", type=Path, metavar="OUT", help="the weight file, vgg19-oxford-features.pth")


def _add_convert_live(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.data:run_convert_live")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the release, with dmos_realigned.mat in it")


def _set_run(parser: argparse.ArgumentParser, run: str, interrupted: str = "interrupted") -> None:
    parser.set_defaults(command=parser.prog, run=run, interrupted=interrupted)


def split_names(text: str, option: str) -> list[str]:
    """Names separated by commas.

    Raises:
        ValueError: one is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ValueError(f"{option} must be names separated by commas, got {text!r}")
    return names


def split_alphas(text: str) -> list[float]:
    """Scaling factors separated by commas.

    Raises:
        ValueError: one is no number, not finite, or below 1; or it is there twice.
    """
    try:
        alphas = [float(alpha) for alpha in text.split(",")]
    except ValueError as error:
        raise ValueError(f"--alphas must be numbers separated by commas, got {text!r}") from error
    for alpha in alphas:
        if not (isfinite(alpha) and alpha >= 1):
            raise ValueError(f"alpha must be a finite number of at least 1, got {alpha:g}")
    if len(set(alphas)) < len(alphas):
        raise ValueError(f"alphas must all be different, got {text}")
    return alphas


def check_network(options: argparse.Namespace) -> None:
    """Refuse a network that cannot be before torch is imported.

    Args:
        options: with `backbone`, `weights`, `precision` and `device`.

    Raises:
        ValueError: unknown backbone, precision or device; the message lists the valid ones.
        FileNotFoundError: there is no such file of weights.
    """
    check_backbone(options.backbone)
    if options.precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}; got {options.precision!r}")
    check_device(options.device)
    check_weights(options.weights)


def check_weights(weights: str) -> None:
    """Refuse a weight file that is not there before torch is imported.

    Raises:
        FileNotFoundError: there is none.
    """
    if weights not in ("auto", "random") and not Path(weights).is_file():
        raise FileNotFoundError(f"no weight file at {weights or repr(weights)}")


def check_file(path: Path) -> None:
    """Refuse a path that leads to no file before torch is imported.

    Raises:
        FileNotFoundError: there is none.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")


def check_out(path: Path, name: str = "--out") -> None:
    """Refuse a place where a file cannot be written before work begins.

    Raises:
        ValueError: it is a folder, below a file, or in a folder that is closed.
    """
    if path.is_dir():
        raise ValueError(f"{name} must be a file, got the folder {path}")
    nearest = next(place for place in path.absolute().parents if place.exists())
    if not nearest.is_dir():
        raise ValueError(f"{name}: cannot write {path}, {nearest} is no folder")
    if not os.access(nearest, os.W_OK):
        raise ValueError(f"{name}: cannot write {path}, the folder {nearest} does not allow it")


def pixels(text: str) -> int | None:
    """A number of pixels; 0 and none are None."""
    return None if text == "none" else int(text) or None
