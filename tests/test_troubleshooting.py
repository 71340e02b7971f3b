"""docs/troubleshooting.md quotes messages as they are printed."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dsd
from dsd.cli import main
from dsd.data.views import Photographs
from dsd.experiments.__main__ import main as experiments
from dsd.optimize import optimize
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
MESSAGES = [message for heading in HEADINGS for message in re.findall("`(.+?)`", heading)]
OF_THE_MACHINE = (  # tried by hand, or tested where they are from
    "unknown PRESET",
    "No rule to make target",
    "device 'cuda' was asked for",
    "fig2_dissimilarity.ipynb failed",
    "Python 3.11",
    "can't allocate memory",
    "CUDA out of memory",
    "the engine ray",
)
COMMANDS = (
    "score --reference a.png --distorted a.png",
    "score --reference a.png --distorted a.png --weights nowhere.pth",
    "score --reference a.png --distorted a.png --weights vgg19-dcbb9e9d.pth",
    "score --reference a.png --distorted a.png --weights other.pth",
    "score --reference a.png --distorted cut.jpg --backbone lite",
    "score --reference a.png --distorted no.png --backbone lite",
    "score --reference a.png --distorted large.png --metrics psnr",
    "score --reference sharp --distorted blurred --backbone lite",
    "score --reference empty --distorted blurred --backbone lite",
    "scan imagenet-sample --out t.parquet --backbone lite",
    "scan photographs --out t.csv --backbone lite",
    "scan photographs --out scan.parquet --backbone lite --workers 0",
    "scan photographs --out scan.parquet --backbone lite --workers 0 --alphas 4",
)
SCAN = COMMANDS[-2]
PICTURES = (
    "a.png",
    "photographs/a.png",
    *(f"sharp/{name}" for name in ("a.bmp", "a.png", "b.png")),
    *(f"blurred/{name}" for name in ("a.jpg", "b.jpg", "b.png", "c.png")),
)


def picture(path, side=64):
    Path(path).parent.mkdir(exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)).save(path)


def damage(path, place):
    content = bytearray(Path(path).read_bytes())
    content[place] ^= 1
    Path(path).write_bytes(content)


def calls():
    """What ends with a message in Python."""
    network, x = dsd.VGG19Lite(), torch.rand(1, 3, 64, 64)
    loss = dsd.DSDLoss("lite")
    low, high = torch.zeros_like(x), torch.full_like(x, 2)
    yield lambda: dsd.dsd_norm(torch.cat((low, high)), network)
    yield lambda: dsd.dsd_norm((255 * x).byte(), network)
    yield lambda: dsd.dsd_norm(x[0], network)
    yield lambda: dsd.dsd_norm(x[..., :8, :8], network)
    yield lambda: Photographs.from_folder("photographs", resize=64, crop=64).pairs(same_group=True)
    yield lambda: loss(x.bfloat16(), x)
    yield lambda: loss(x, dsd.StyleLoss("lite").encode(x))
    yield lambda: dsd.DSDLoss("lite", alphas=2)
    yield lambda: dsd.LossSum({"a": (1, loss), "b": (1, dsd.StyleLoss("lite"))})
    yield lambda: optimize(x, lambda x: x.mean() * float("nan"), steps=1, learning_rate=1)
    optimize(x, torch.mean, steps=2, learning_rate=0.1, checkpoint="pixels.pt")
    yield lambda: optimize(x, torch.mean, steps=3, learning_rate=0.1, checkpoint="pixels.pt")
    damage("pixels.pt", 200)
    yield lambda: optimize(x, torch.mean, steps=2, learning_rate=0.1, checkpoint="pixels.pt")


@pytest.mark.usefixtures("no_weights")
def test_every_message_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for path in PICTURES:
        picture(path)
    picture("large.png", 256)
    picture("cut.jpg", 256)
    Path("cut.jpg").write_bytes(Path("cut.jpg").read_bytes()[:1000])
    Path("no.png").write_text("no image")
    Path("vgg19-dcbb9e9d.pth").write_text("junk")
    torch.save({"conv1.weight": torch.ones(1)}, "other.pth")
    Path("empty").mkdir()
    for command in COMMANDS:
        main(command.split())
    damage("scan.parquet", 100)
    main(SCAN.split())
    with pytest.raises(SystemExit):
        experiments(["run", "fig2", "-p", "alhpa=2"])
    printed = capsys.readouterr().err
    for call in calls():
        with pytest.raises((ValueError, FloatingPointError)) as caught:
            call()
        printed += str(caught.value) + "\n"
    for message in MESSAGES:
        if not message.startswith(OF_THE_MACHINE):
            assert re.search(re.escape(message).replace("…", ".*"), printed), message
