"""A data root of noise to distil from."""

import numpy as np
import pytest
import torch
from PIL import Image

from dsd.backbones.lite import CHANNELS
from dsd.backbones.vgg19 import TORCHVISION_INDEX, VGG19


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folders of photographs, and random weights of VGG-19 as far as ReLU4_1."""
    names = [f"imagenet-sample/n0000000{k}_x.JPEG" for k in range(4)]
    names += [f"imagenette160/n0000000{k}/{n}.JPEG" for k in range(4) for n in range(2)]
    names += [f"bsds500/{part}/1.jpg" for part in ("train", "val", "test")]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 100, 3), np.uint8)).save(path)
    network = VGG19(tuple(CHANNELS), weights="random")
    state = {
        f"features.{index}.{part}": value
        for index, convolution in zip(TORCHVISION_INDEX, network.convolutions, strict=False)
        for part, value in convolution.state_dict().items()
    }
    (tmp_path / "weights").mkdir()
    torch.save(state, tmp_path / "weights" / "vgg19-oxford-features.pth")
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    return tmp_path
