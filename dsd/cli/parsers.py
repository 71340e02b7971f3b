"""What can be typed: the commands. Their options are in :mod:`.options`."""

import argparse
from typing import NoReturn

from dsd import __version__
from dsd.cli import options
from dsd.cli.output import escape


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
    options.metrics(commands.add_parser("metrics", help="list the measures, one line each"))
    options.score(
        commands.add_parser(
            "score",
            help="compare distorted images with their references, or score images without any",
            description="Compare a distorted image with its reference, or all of a folder with those of the same name "
            "(whatever the suffix) in another: --reference and --distorted. Or score an image or a folder by measures "
            "without a reference: IMAGES. Regressors and models of your own are for Python only. With --out, the same "
            "command goes on where it was interrupted.",
        )
    )
    options.scan(
        commands.add_parser(
            "scan",
            help="the self-dissimilarity of every image of a collection",
            description="Write ‖DSD_α‖₁ of every image of a folder, of a tar, or of a folder of tars, to a Parquet "
            "file. The same command goes on where it was interrupted.",
        )
    )
    options.neighbours(
        commands.add_parser(
            "neighbours",
            help="the images of a collection that are nearest to another one",
            description="Print the nearest images of a collection that `dsd scan --fingerprints` has scanned, by "
            "L_DSD = ‖DSD_α(x) − DSD_α(y)‖₁ at its layer and alpha. Network and size are those of the scan.",
        )
    )
    options.restore(
        commands.add_parser(
            "restore",
            help="enlarge or deblur images",
            description="Restore an image, or all below a folder, with a trained network: by default enlarge them 4 "
            "times. Images that a folder OUT has already are kept, so the same command goes on where it was "
            "interrupted; with another model, give another folder or --overwrite. One file is always written.",
        )
    )
    options.evaluate(
        commands.add_parser(
            "evaluate",
            help="compare restored images with clean ones: PSNR, SSIM, LPIPS, NIQE",
            description="Compare restored images (--sr) with clean ones (--hr) of the same name, whatever the suffix, "
            "under two protocols: the usual one of super-resolution (8 bits, border cut, Y) and that of the paper's "
            "authors. Two folders or two files; a larger --hr is cut at the right and below to multiples of --scale. "
            "Without --hr: NIQE only.",
        )
    )
    options.cite(
        commands.add_parser(
            "cite",
            help="caption, BibTeX and LaTeX of a figure that `make` rendered",
            description="Read the stamp in a figure's file: what it shows and how it came about. Print its caption, "
            "BibTeX of the paper and of this software, and LaTeX that places it. A file without a stamp, or one that "
            "is not what was stamped, is an error.",
        )
    )
    training = commands.add_parser("train", help="train a network").add_subparsers(metavar="NETWORK", required=True)
    options.train_lite(
        training.add_parser(
            "lite",
            help="VGG-19 lite, distilled from VGG-19",
            description="Distil VGG-19 lite from VGG-19. It needs VGG-19's weights and, under DSD_DATA, "
            "imagenet-sample, imagenette160 and bsds500. The same command goes on from its last checkpoint.",
        )
    )
    options.train_noref(
        training.add_parser(
            "noref",
            help="ψ of Q_DSD, which tells ‖DSD‖ from the downscaled image",
            description="Train ψ, which predicts ‖DSD‖ of a clean photograph from its downscaled version. By "
            "default on BSDS500's train and test photographs under DSD_DATA. The same command goes on from its last "
            "checkpoint.",
        )
    )
    options.train_lpips(
        training.add_parser(
            "lpips",
            help="weights of a network's channels, for LPIPS or DSD, from what people judged",
            description="Train LPIPS, or DSD with a weight for each channel, on triplets that people judged (BAPPS, "
            "PieAPP) or images that they rated. The same command goes on from its last checkpoint. `dsd score "
            "--metrics FILE` uses what it wrote.",
        )
    )
    for task, words in (("sr", "super-resolution"), ("deblur", "deblurring"), ("denoise", "denoising")):
        options.train_restorer(
            training.add_parser(
                task,
                help=f"a network for {words}",
                description=f"Train a network for {words} by the paper's Eq. 6, with the settings of a YAML file: see "
                "docs/restoration.md. The same command goes on from its last checkpoint.",
            ),
            task,
        )
    niqe = commands.add_parser("niqe", help="models of NIQE").add_subparsers(metavar="ACTION", required=True)
    options.niqe_fit(
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
    options.convert_vgg19(
        kinds.add_parser(
            "vgg19",
            help="VGG-19's weights",
            description="Convert the Oxford group's Caffe model of VGG-19 to a weight file.",
        )
    )
    options.convert_live(
        kinds.add_parser(
            "live",
            help="LIVE's human scores",
            description="Write LIVE's human scores, release 2, to ratings.csv in its folder.",
        )
    )
    options.convert_niqe(
        kinds.add_parser(
            "niqe", help="NIQE's parameters", description="Convert the parameters of NIQE's release, niqe_release.zip."
        )
    )
    options.convert_brisque(
        kinds.add_parser(
            "brisque",
            help="BRISQUE's parameters",
            description="Convert the parameters of BRISQUE's release, BRISQUE_release.zip.",
        )
    )
    return parser
