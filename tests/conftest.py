"""What several tests need: a small random network, real images where the data root has them."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dsd import VGG19
from dsd.backbone import TORCHVISION_INDEX, WEIGHT_FILES
from dsd.data import data_root
from dsd.lite import CHANNELS

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def backbone():
    return VGG19(("relu1_2", "relu2_1"), weights="random")


@pytest.fixture(scope="session")
def double_backbone():
    return VGG19(("relu1_2", "relu2_1"), weights="random").double()


@pytest.fixture(
    params=["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
)
def device(request):
    return request.param


@pytest.fixture
def weights_file():
    """Real VGG-19 weights of the data root; the test is skipped where there are none."""
    for name in WEIGHT_FILES:
        if (path := data_root() / "weights" / name).is_file():
            return path
    pytest.skip(f"no VGG-19 weights in {data_root() / 'weights'}")


@pytest.fixture
def no_weights(monkeypatch, tmp_path):
    """A machine with neither weights nor network."""

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("DSD_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)


@pytest.fixture
def noise_root(tmp_path, monkeypatch):
    """A data root of noise, with random weights of VGG-19 as far as ReLU4_1."""
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


os.environ.setdefault("MPLBACKEND", "agg")
