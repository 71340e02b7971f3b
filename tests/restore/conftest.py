import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """Three small images of smooth colours with some noise, not of one size."""
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    for k, (height, width) in enumerate([(64, 80), (70, 66), (96, 64)]):
        rows, columns = np.mgrid[:height, :width]
        waves = np.stack([np.sin(rows / (3 + k)), np.cos(columns / (4 + k)), np.sin((rows + columns) / 7)], axis=-1)
        pixels = 128 + 80 * waves + 20 * random.standard_normal((height, width, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{k}.png")
    return folder


@pytest.fixture
def paths(tmp_path):
    """Two images of noise, 40×36 pixels, far from black and white."""
    pixels = np.random.default_rng(0).integers(60, 196, (2, 40, 36, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    return sorted(tmp_path.glob("*.png"))
