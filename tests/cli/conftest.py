import pytest

from tests.cli.samples import save_pairs


@pytest.fixture
def folders(tmp_path):
    return save_pairs(tmp_path)
