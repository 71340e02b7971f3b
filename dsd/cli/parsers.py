"""What can be typed: commands and their options. What each does is in the function that its `run` names."""

import argparse
import os
from pathlib import Path
from typing import NoReturn

from dsd import __version__
from dsd.backbones import BACKBONES
from dsd.cli.arguments import pixels
from dsd.cli.output import escape
from dsd.paper import NO_REFERENCE

DEVICES = "cuda, cpu (cuda where there is one)"


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
            help="compare distorted images with their references, or score images without any",
            description="Compare a distorted image with its reference, or all of a folder with those of the same name "
            "(whatever the suffix) in another: --reference and --distorted. Or score an image or a folder by measures "
            "without a reference: IMAGES. Regressors and models of your own are for Python only. With --out, the same "
            "command goes on where it was interrupted.",
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
    _add_neighbours(
        commands.add_parser(
            "neighbours",
            help="the images of a collection that are nearest to another one",
            description="Print the nearest images of a collection that `dsd scan --fingerprints` has scanned, by "
            "L_DSD = ‖DSD_α(x) − DSD_α(y)‖₁ at its layer and alpha. Network and size are those of the scan.",
        )
    )
    _add_restore(
        commands.add_parser(
            "restore",
            help="enlarge or deblur images",
            description="Restore an image, or all below a folder, with a trained network: by default enlarge them 4 "
            "times. Images that a folder OUT has already are kept, so the same command goes on where it was "
            "interrupted; with another model, give another folder or --overwrite. One file is always written.",
        )
    )
    _add_evaluate(
        commands.add_parser(
            "evaluate",
            help="compare restored images with clean ones: PSNR, SSIM, LPIPS, NIQE",
            description="Compare restored images (--sr) with clean ones (--hr) of the same name, whatever the suffix, "
            "under two protocols: the usual one of super-resolution (8 bits, border cut, Y) and that of the paper's "
            "authors. Two folders or two files; a larger --hr is cut at the right and below to multiples of --scale. "
            "Without --hr: NIQE only.",
        )
    )
    _add_cite(
        commands.add_parser(
            "cite",
            help="caption, BibTeX and LaTeX of a figure that `make` rendered",
            description="Read the stamp in a figure's file: what it shows and how it came about. Print its caption, "
            "BibTeX of the paper and of this software, and LaTeX that places it. A file without a stamp, or one that "
            "is not what was stamped, is an error.",
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
    _add_train_noref(
        training.add_parser(
            "noref",
            help="ψ of Q_DSD, which tells ‖DSD‖ from the downscaled image",
            description="Train ψ, which predicts ‖DSD‖ of a clean photograph from its downscaled version. By "
            "default on BSDS500's train and test photographs under DSD_DATA. The same command goes on from its last "
            "checkpoint.",
        )
    )
    for task, words in (("sr", "super-resolution"), ("deblur", "deblurring")):
        _add_train_restorer(
            training.add_parser(
                task,
                help=f"a network for {words}",
                description=f"Train a network for {words} by the paper's Eq. 6, with the settings of a YAML file: see "
                "docs/restoration.md. The same command goes on from its last checkpoint.",
            ),
            task,
        )
    niqe = commands.add_parser("niqe", help="models of NIQE").add_subparsers(metavar="ACTION", required=True)
    _add_niqe_fit(
        niqe.add_parser(
            "fit",
            help="a model of one's own photographs",
            description="Fit NIQE's model to a folder of sharp photographs. In Python: dsd.NIQE(FILE).",
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
    _add_convert_niqe(
        kinds.add_parser(
            "niqe", help="NIQE's parameters", description="Convert the parameters of NIQE's release, niqe_release.zip."
        )
    )
    _add_convert_brisque(
        kinds.add_parser(
            "brisque",
            help="BRISQUE's parameters",
            description="Convert the parameters of BRISQUE's release, BRISQUE_release.zip.",
        )
    )
    return parser


def _add_metrics(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.metrics:run")


def _add_score(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.score:run")
    parser.add_argument("images", nargs="?", type=Path, metavar="IMAGES", help="image or folder, without a reference")
    parser.add_argument("--reference", type=Path, help="image or folder")
    parser.add_argument("--distorted", type=Path, help="image or folder")
    parser.add_argument("--metrics", help="names separated by commas, see `dsd metrics` (dsd; of IMAGES: q_dsd)")
    parser.add_argument(
        "--out",
        type=Path,
        help="file for the scores, .csv or .json (infinity, as PSNR of equal images, is null)",
    )
    parser.add_argument("--layers", help="names separated by commas (each metric's own)")
    parser.add_argument("--alphas", help="scaling factors of dsd, separated by commas and added up (2)")
    _add_backbone(parser)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.evaluate:run")
    parser.add_argument("--hr", type=Path, help="clean image or folder (none: NIQE only)")
    parser.add_argument("--sr", required=True, type=Path, help="restored image or folder")
    parser.add_argument("--border", default=4, type=int, help="pixels that the usual protocol cuts from each side (4)")
    parser.add_argument("--scale", default=4, type=int, help="the factor: clean images are cut to its multiples (4)")
    parser.add_argument("--measures", help="names separated by commas, as the table shows them (all)")
    parser.add_argument("--out", type=Path, help="file for each image's values, .csv or .json")
    parser.add_argument("--device", default="auto", help=DEVICES)


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
    parser.add_argument(
        "--fingerprints", action="store_true", help="keep each image's DSD matrix, for `dsd neighbours`; of one layer"
    )
    parser.add_argument("--engine", default="local", help="local, or ray: on the machines of a Ray cluster (local)")
    parser.add_argument("--address", help="of the Ray cluster (the one at hand, else one of this machine)")
    _add_backbone(parser)


def _add_neighbours(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.neighbours:run")
    parser.add_argument("images", type=Path, metavar="IMAGE", help="whose neighbours")
    parser.add_argument("--index", required=True, type=Path, help="the table of `dsd scan --fingerprints`, .parquet")
    parser.add_argument("--count", default=10, type=int, help="of neighbours (10)")
    parser.add_argument(
        "--shortlist",
        action="store_true",
        help="compare only 200 images, which usearch finds: for large collections; the first call prepares it",
    )
    parser.add_argument("--weights", default="auto", help="those of the scan (looked for as there)")
    parser.add_argument("--device", default="auto", help=DEVICES)


def _add_restore(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.restore:run")
    parser.add_argument("images", type=Path, metavar="IN", help="image or folder")
    parser.add_argument("--out", required=True, type=Path, help="file, .png; for a folder IN: folder of PNGs")
    parser.add_argument(
        "--model", default="dsd", help="dsd or l1, which come along, or a file of `dsd train sr` or `deblur` (dsd)"
    )
    parser.add_argument(
        "--tile", default=256, type=pixels, help="side of what is done at once; less needs less memory; or none (256)"
    )
    parser.add_argument("--overwrite", action="store_true", help="restore again what OUT has already")
    parser.add_argument("--device", default="auto", help=DEVICES)


def _add_cite(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.cite:run")
    parser.add_argument("file", type=Path, metavar="FILE", help="figure.png, .pdf, .json or .csv")


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


def _add_train_noref(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.train:run_noref", "interrupted; the same command goes on from its last checkpoint")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and checkpoint")
    parser.add_argument("--alpha", type=float, default=2, help="the scaling factor (2)")
    parser.add_argument("--backbone", default="vgg19", help=f"{', '.join(BACKBONES)} (vgg19)")
    parser.add_argument("--weights", default="auto", help="the backbone's (the first file found)")
    parser.add_argument(
        "--images", default="bsds500/train,bsds500/test", help="folders of clean photographs, separated by commas"
    )
    parser.add_argument("--start", type=Path, help="earlier weights of ψ (none)")
    parser.add_argument("--steps", type=int, default=NO_REFERENCE["steps"], help="of training (50000)")
    parser.add_argument("--rate", type=float, default=NO_REFERENCE["rate"], help="the highest learning rate (0.0002)")
    parser.add_argument(
        "--schedule", default="halved", help="halved, after 40 and 80 %% of the steps, or cosine (halved)"
    )
    parser.add_argument("--side", type=int, default=NO_REFERENCE["side"], help="of a downscaled crop, in pixels (80)")
    parser.add_argument("--crops", type=int, default=16, help="of each photograph (16)")
    parser.add_argument("--precision", default="float32", help="of ψ: float32 or bfloat16 (float32)")
    parser.add_argument("--seed", type=int, default=0, help="of crops, batches and weights (0)")
    parser.add_argument("--device", default="auto", help=DEVICES)


def _add_train_restorer(parser: argparse.ArgumentParser, task: str) -> None:
    _set_run(parser, "dsd.cli.train:run_restorer", "interrupted; the same command goes on from its last checkpoint")
    parser.set_defaults(task=task)
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the settings, .yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder for model, checkpoint, log and validation")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="changes", help="losses.dsd.weight=100, say"
    )
    parser.add_argument("--print", action="store_true", dest="only_print", help="print all settings, and do nothing")
    parser.add_argument("--device", default="auto", help=DEVICES)


def _add_niqe_fit(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.niqe:run_fit")
    parser.add_argument("folder", metavar="FOLDER", help="sharp photographs")
    parser.add_argument("--out", required=True, type=Path, help="file for the model, .safetensors")
    parser.add_argument("--grey", default="rgb2gray", choices=("rgb2gray", "y"), help="how grey is made (rgb2gray)")
    parser.add_argument("--not-rounded", action="store_true", help="grey is not rounded to 8 bits")
    parser.add_argument("--border", default=0, type=int, help="pixels cut from each side first (0)")


def _add_convert_niqe(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.data:run_convert_niqe")
    parser.add_argument("parameters", type=Path, metavar="MAT", help="modelparameters.mat")
    parser.add_argument("out", type=Path, metavar="OUT", help="the file of parameters, .safetensors")


def _add_convert_brisque(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.data:run_convert_brisque")
    parser.add_argument("model", type=Path, metavar="MODEL", help="allmodel")
    parser.add_argument("ranges", type=Path, metavar="RANGES", help="allrange")
    parser.add_argument("out", type=Path, metavar="OUT", help="the file of parameters, .safetensors")


def _add_convert_vgg19(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.data:run_convert_vgg19")
    parser.add_argument("caffemodel", type=Path, metavar="CAFFEMODEL", help="VGG_ILSVRC_19_layers.caffemodel")
    parser.add_argument("out", type=Path, metavar="OUT", help="the weight file, vgg19-oxford-features.pth")


def _add_convert_live(parser: argparse.ArgumentParser) -> None:
    _set_run(parser, "dsd.cli.data:run_convert_live")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the release, with dmos_realigned.mat in it")


def _set_run(parser: argparse.ArgumentParser, run: str, interrupted: str = "interrupted") -> None:
    parser.set_defaults(command=parser.prog, run=run, interrupted=interrupted)
