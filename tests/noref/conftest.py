import pytest

from dsd.backbones.lite import VGG19Lite
from dsd.noref.q_dsd import QDSD
from dsd.noref.regressor import LAYERS
from tests.noref.samples import save_photographs, save_regressor


@pytest.fixture(scope="session")
def network():
    return VGG19Lite(LAYERS)


@pytest.fixture(scope="session")
def regressor_file(tmp_path_factory):
    return save_regressor(tmp_path_factory.mktemp("regressor") / "psi.safetensors")


@pytest.fixture(scope="session")
def metric(network, regressor_file):
    return QDSD(network, regressor=regressor_file)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    return save_photographs(tmp_path_factory.mktemp("images") / "photographs")
