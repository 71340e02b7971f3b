"""`dsd train`: train the networks that are trained here."""

import argparse

from dsd.backbones import check_backbone, check_device
from dsd.cli.arguments import check_file, check_network, check_out, check_weights, split_names


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


def run_noref(options: argparse.Namespace) -> int:
    """Train ψ, and print where its weights are."""
    check_out(options.out / "checkpoint.pt")
    if options.start is not None:
        check_file(options.start)
    check_network(options)
    images = split_names(options.images, "--images")
    from dsd.noref.train import train_regressor

    path = train_regressor(
        options.out,
        alpha=options.alpha,
        backbone=options.backbone,
        weights=options.weights,
        images=images,
        start=options.start,
        steps=options.steps,
        rate=options.rate,
        schedule=options.schedule,
        side=options.side,
        each=options.crops,
        precision=options.precision,
        seed=options.seed,
        device=options.device,
    )
    print(path)
    return 0


def run_lpips(options: argparse.Namespace) -> int:
    """Train weights of channels, and print where they are."""
    check_out(options.out / "checkpoint.pt")
    check_device(options.device)
    check_backbone(options.backbone)
    check_weights(options.weights)
    layers = None if options.layers is None else split_names(options.layers, "--layers")
    from dsd.learned.train import Fitting, train_distance

    fitting = {name: getattr(options, name) for name in ("steps", "batch", "rate", "dropout", "seed")}
    path = train_distance(
        options.out,
        options.images,
        measure=options.measure,
        variant=options.variant,
        backbone=options.backbone,
        weights=options.weights,
        layers=layers,
        alpha=options.alpha,
        side=options.side,
        fitting=Fitting(**fitting),
        device=options.device,
    )
    print(path)
    return 0


def run_restorer(options: argparse.Namespace) -> int:
    """Train a restoration network, and print where it is."""
    check_out(options.out / "checkpoint.pt")
    check_file(options.config)
    check_device(options.device)
    from dsd.restore.config_files import as_yaml, load_config

    config = load_config(options.config, [f"task={options.task}", *options.changes])
    print(as_yaml(config), end="")
    if not options.only_print:
        from dsd.restore.train import train_restorer

        print(train_restorer(config, options.out, device=options.device))
    return 0
