import pytest
from PIL import Image

from tests.data.samples import GRADIENT, save


@pytest.fixture
def picture(tmp_path):
    return save(tmp_path / "picture.png", Image.fromarray(GRADIENT))
