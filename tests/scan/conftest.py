import pytest
import torch

from dsd.scan.collection import scan
from tests.scan.samples import SETTINGS, save_good


@pytest.fixture(autouse=True, scope="module")
def _threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    return save_good(tmp_path_factory.mktemp("collection") / "good")


@pytest.fixture(scope="session")
def scanned(good, tmp_path_factory):
    """The table of `good`."""
    out = tmp_path_factory.mktemp("out") / "scores.parquet"
    assert not len(scan(good, out, SETTINGS, workers=0))
    return out
