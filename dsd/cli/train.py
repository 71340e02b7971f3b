"""`dsd train`: train the networks that are trained here."""

import argparse

from dsd.backbones import check_device
from dsd.cli.parsers import check_file, check_out, check_weights


def run_lite(options: argparse.Namespace) -> int:
    """Distil VGG-19 lite, and print where its weights are."""
    check_out(options.out / "vgg19-lite.safetensors")
    if options.start is not None:
        check_file(options.start)
    check_weights(options.weights)
    check_device(options.device)
    from dsd.distil.train import distil

    path = distil(
        options.out,
        steps=options.steps,
        seed=options.seed,
        device=options.device,
        weights=options.weights,
        start=options.start,
    )
    print(path)
    return 0
