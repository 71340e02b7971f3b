"""The options of each command. What it does is in the function that its `run` names."""

import argparse
import os
from pathlib import Path

from dsd.backbones import BACKBONES
from dsd.cli.arguments import pixels
from dsd.paper import LPIPS, NO_REFERENCE

DEVICES = "cuda, cpu (cuda where there is one)"


def metrics(parser: argparse.ArgumentParser) -> None:
    """Of `dsd metrics`."""
    _set_run(parser, "dsd.cli.metrics:run")


def score(parser: argparse.ArgumentParser) -> None:
    """Of `dsd score`."""
    _set_run(parser, "dsd.cli.score:run")
    parser.add_argument("images", nargs="?", type=Path, metavar="IMAGES", help="image or folder, without a reference")
    parser.add_argument("--reference", type=Path, help="image or folder")
    parser.add_argument("--distorted", type=Path, help="image or folder")
    parser.add_argument(
        "--metrics",
        help="names separated by commas, see `dsd metrics`; or files of `dsd train lpips` (dsd; of IMAGES: q_dsd)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="file for the scores, .csv or .json (infinity, as PSNR of equal images, is null)",
    )
    parser.add_argument("--layers", help="names separated by commas (each metric's own)")
    parser.add_argument("--alphas", help="scaling factors of dsd, separated by commas and added up (2)")
    _add_backbone(parser)


def evaluate(parser: argparse.ArgumentParser) -> None:
    """Of `dsd evaluate`."""
    _set_run(parser, "dsd.cli.evaluate:run")
    parser.add_argument("--hr", type=Path, help="clean image or folder (none: NIQE only)")
    parser.add_argument("--sr", required=True, type=Path, help="restored image or folder")
    parser.add_argument("--border", default=4, type=int, help="pixels that the usual protocol cuts from each side (4)")
    parser.add_argument("--scale", default=4, type=int, help="the factor: clean images are cut to its multiples (4)")
    parser.add_argument("--measures", help="names separated by commas, as the table shows them (all)")
    parser.add_argument("--out", type=Path, help="file for each image's values, .csv or .json")
    parser.add_argument("--device", default="auto", help=DEVICES)


def scan(parser: argparse.ArgumentParser) -> None:
    """Of `dsd scan`."""
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


def neighbours(parser: argparse.ArgumentParser) -> None:
    """Of `dsd neighbours`."""
    _set_run(parser, "dsd.cli.neighbours:run")
    parser.add_argument("images", type=Path, metavar="IMAGE", help="whose neighbours")
    parser.add_argument("--index", required=True, type=Path, help="the table of `dsd scan --fingerprints`, .parquet")
    parser.add_argument("--count", default=10, type=int, help="of neighbours (10)")
    parser.add_argument(
        "--shortlist",
        action="store_true",
        help="compare only 200 images, or COUNT if that is more, which usearch finds: for large collections; the first "
        "call prepares it",
    )
    parser.add_argument("--weights", default="auto", help="those of the scan (looked for as there)")
    parser.add_argument("--device", default="auto", help=DEVICES)


def restore(parser: argparse.ArgumentParser) -> None:
    """Of `dsd restore`."""
    _set_run(parser, "dsd.cli.restore:run")
    parser.add_argument("images", type=Path, metavar="IN", help="image or folder")
    parser.add_argument("--out", required=True, type=Path, help="file, .png; for a folder IN: folder of PNGs")
    parser.add_argument("--model", default="dsd", help="dsd or l1, which come along, or a file of `dsd train` (dsd)")
    parser.add_argument(
        "--tile", default=256, type=pixels, help="side of what is done at once; less needs less memory; or none (256)"
    )
    parser.add_argument("--overwrite", action="store_true", help="restore again what OUT has already")
    parser.add_argument("--device", default="auto", help=DEVICES)


def cite(parser: argparse.ArgumentParser) -> None:
    """Of `dsd cite`."""
    _set_run(parser, "dsd.cli.cite:run")
    parser.add_argument("file", type=Path, metavar="FILE", help="figure.png, .pdf, .json or .csv")


def _add_backbone(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backbone", default="vgg19", help=f"{', '.join(BACKBONES)} (vgg19)")
    parser.add_argument(
        "--weights", default="auto", help="weight file (lite's is here; vgg19's: under DSD_DATA, else downloaded)"
    )
    parser.add_argument("--precision", default="float32", help="float32 or bfloat16 (float32)")
    parser.add_argument("--device", default="auto", help=DEVICES)


def train_lite(parser: argparse.ArgumentParser) -> None:
    """Of `dsd train lite`."""
    _set_run(parser, "dsd.cli.train:run_lite", "interrupted; the same command goes on from its last checkpoint")
    parser.add_argument("--out", type=Path, default=Path("build/lite"), help="folder for weights and checkpoint")
    parser.add_argument("--weights", default="auto", help="the teacher's, VGG-19's (the first file found)")
    parser.add_argument(
        "--start", type=Path, help="earlier weights: what fits is taken, narrower layers are widened (none)"
    )
    parser.add_argument("--steps", type=int, default=8000, help="of training (8000)")
    parser.add_argument("--seed", type=int, default=0, help="of crops and distortions (0)")
    parser.add_argument("--device", default="auto", help=DEVICES)


def train_noref(parser: argparse.ArgumentParser) -> None:
    """Of `dsd train noref`."""
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


def train_lpips(parser: argparse.ArgumentParser) -> None:
    """Of `dsd train lpips`."""
    _set_run(parser, "dsd.cli.train:run_lpips", "interrupted; the same command goes on from its last checkpoint")
    parser.add_argument(
        "images", nargs="+", metavar="DATA", help="folders of BAPPS's or PieAPP's layout, or tables of ratings, .csv"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, checkpoint and log")
    parser.add_argument("--measure", default="lpips", help="lpips or dsd: what channels are compared by (lpips)")
    parser.add_argument(
        "--variant", default="lin", help="lin: weights of channels alone; tune, scratch: the network, too (lin)"
    )
    parser.add_argument("--backbone", default="vgg19", help=f"{', '.join(BACKBONES)} (vgg19)")
    parser.add_argument("--weights", default="auto", help="the backbone's (the first file found; of scratch, random)")
    parser.add_argument("--layers", help="of the backbone, separated by commas (its blocks' last ones, or all)")
    parser.add_argument("--alpha", type=float, help="scaling factor of dsd (2)")
    parser.add_argument("--side", type=int, help="of the crops of tune and scratch, in pixels (64)")
    parser.add_argument("--steps", type=int, default=LPIPS["steps"], help="of training (30280)")
    parser.add_argument("--batch", type=int, default=LPIPS["batch"], help="triplets in a step (50)")
    parser.add_argument("--rate", type=float, default=LPIPS["rate"], help="the highest learning rate (0.0001)")
    parser.add_argument("--dropout", type=float, default=LPIPS["dropout"], help="part of the channels (0.5)")
    parser.add_argument("--seed", type=int, default=0, help="of batches and weights (0)")
    parser.add_argument("--device", default="auto", help=DEVICES)


def train_restorer(parser: argparse.ArgumentParser, task: str) -> None:
    """Of `dsd train sr`, `dsd train deblur` and `dsd train denoise`."""
    _set_run(parser, "dsd.cli.train:run_restorer", "interrupted; the same command goes on from its last checkpoint")
    parser.set_defaults(task=task)
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the settings, .yaml")
    parser.add_argument("--out", type=Path, required=True, help="folder for model, checkpoint, log and validation")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="changes", help="losses.dsd.weight=100, say"
    )
    parser.add_argument("--print", action="store_true", dest="only_print", help="print all settings, and do nothing")
    parser.add_argument("--device", default="auto", help=DEVICES)


def niqe_fit(parser: argparse.ArgumentParser) -> None:
    """Of `dsd niqe fit`."""
    _set_run(parser, "dsd.cli.niqe:run_fit")
    parser.add_argument("folder", metavar="FOLDER", help="sharp photographs")
    parser.add_argument("--out", required=True, type=Path, help="file for the model, .safetensors")
    parser.add_argument("--grey", default="rgb2gray", choices=("rgb2gray", "y"), help="how grey is made (rgb2gray)")
    parser.add_argument("--not-rounded", action="store_true", help="grey is not rounded to 8 bits")
    parser.add_argument("--border", default=0, type=int, help="pixels cut from each side first (0)")


def convert_niqe(parser: argparse.ArgumentParser) -> None:
    """Of `dsd data convert niqe`."""
    _set_run(parser, "dsd.cli.data:run_convert_niqe")
    parser.add_argument("parameters", type=Path, metavar="MAT", help="modelparameters.mat")
    parser.add_argument("out", type=Path, metavar="OUT", help="the file of parameters, .safetensors")


def convert_brisque(parser: argparse.ArgumentParser) -> None:
    """Of `dsd data convert brisque`."""
    _set_run(parser, "dsd.cli.data:run_convert_brisque")
    parser.add_argument("model", type=Path, metavar="MODEL", help="allmodel")
    parser.add_argument("ranges", type=Path, metavar="RANGES", help="allrange")
    parser.add_argument("out", type=Path, metavar="OUT", help="the file of parameters, .safetensors")


def convert_vgg19(parser: argparse.ArgumentParser) -> None:
    """Of `dsd data convert vgg19`."""
    _set_run(parser, "dsd.cli.data:run_convert_vgg19")
    parser.add_argument("caffemodel", type=Path, metavar="CAFFEMODEL", help="VGG_ILSVRC_19_layers.caffemodel")
    parser.add_argument("out", type=Path, metavar="OUT", help="the weight file, vgg19-oxford-features.pth")


def convert_live(parser: argparse.ArgumentParser) -> None:
    """Of `dsd data convert live`."""
    _set_run(parser, "dsd.cli.data:run_convert_live")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the release, with dmos_realigned.mat in it")


def _set_run(parser: argparse.ArgumentParser, run: str, interrupted: str = "interrupted") -> None:
    parser.set_defaults(command=parser.prog, run=run, interrupted=interrupted)
