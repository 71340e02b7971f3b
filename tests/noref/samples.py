"""An untrained ψ, a measure that is no network, small photographs."""

from pathlib import Path

import torch
from PIL import Image
from torch import nn

from dsd.backbones.lite import SHA256
from dsd.data.images import find_image
from dsd.noref.regressor import Regressor
from dsd.noref.train import write
from dsd.quality.metrics import NO_REFERENCE, MetricInfo

PHOTOGRAPHS = ("astronaut.png", "coffee.png", "rocket.jpg")
MEAN = (0.02, 0.03, 0.05, 0.02)  # of about what ‖DSD_2‖₁ of photographs is


def save_regressor(path, **changed):
    """Write a ψ of random weights, no block of which is the identity, as if trained at side 16 for lite at alpha 2."""
    torch.manual_seed(0)
    network = Regressor()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value in (module.weight, module.running_var):
                nn.init.uniform_(value, 0.5, 1.5)
            for value in (module.bias, module.running_mean):
                nn.init.normal_(value, std=0.1)
    network.mean.copy_(torch.tensor(MEAN))
    network.deviation.copy_(network.mean / 2)
    about = {"backbone": "lite", "weights_sha256": SHA256, "alpha": 2, "side": 16, **changed}
    write(network, path, {name: value for name, value in about.items() if value is not None})
    return path


def ship_untrained(folder, monkeypatch):
    """Let the package have an untrained ψ for lite at each of two alphas."""
    files = {alpha: save_regressor(folder / f"psi-lite-alpha{alpha}.safetensors", alpha=alpha) for alpha in (2, 4)}
    monkeypatch.setattr("dsd.noref.q_dsd.shipped", lambda backbone, alpha: files[alpha])


class Brightness(nn.Module):
    """A measure without a reference that has no layers, and nothing to say of images under 12 pixels."""

    def forward(self, images):
        if min(images.shape[2:]) < 12:
            raise ValueError("brightness needs images of 12×12 pixels")
        return images.mean(dim=(1, 2, 3))

    def provenance(self):
        return {"of": "all pixels"}


def add_brightness(monkeypatch):
    """Let there be a measure of that name."""
    info = MetricInfo("mean of all pixels", "nobody's", "tests.noref.samples:Brightness", range=(0, 1))
    monkeypatch.setitem(NO_REFERENCE, "brightness", info)


def save_photographs(folder, size=(60, 50)):
    """Small copies of three embedded photographs."""
    Path(folder).mkdir()
    for name in PHOTOGRAPHS:
        with Image.open(find_image(name)) as image:
            image.convert("RGB").resize(size, reducing_gap=2).save(folder / f"{name[:-4]}.png")
    return folder
