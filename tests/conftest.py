"""What several tests need: a small random network, real images where the data root has them."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dsd import VGG19
from dsd.backbones.vgg19 import WEIGHT_FILES
from dsd.paths import data_root

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _as_at_the_start():
    """The same random numbers in every test; a scan's number of threads is not the next test's."""
    torch.manual_seed(0)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heeded():
    """Also in tests that a shell runs in the background, where it ignores Ctrl-C for them and their processes."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


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


os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture(scope="session")
def classes(tmp_path_factory):
    """Three classes of four noisy images each, of a brightness that is the class's own."""
    root = tmp_path_factory.mktemp("classes")
    generator = np.random.default_rng(0)
    for label in range(3):
        (root / f"class{label}").mkdir()
        for number in range(4):
            pixels = generator.integers(80 * label, 80 * label + 80, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / f"class{label}" / f"{number}.png")
    return root
