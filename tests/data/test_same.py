import numpy as np
from PIL import Image

from dsd.data.images import embedded_photographs, load_image, to_uint8
from dsd.data.same import same_photographs


def test_a_part_of_a_photograph_is_that_photograph(tmp_path):
    """As TID2013 has parts of what LIVE has whole; here another file type and a faint noise, too."""
    random, paths = np.random.default_rng(0), []
    for number, path in enumerate(embedded_photographs()[:4]):
        image = to_uint8(load_image(path))
        height, width = image.shape[:2]
        part = image[height // 8 : height - height // 6, width // 6 : width - width // 8]
        noisy = (part + random.normal(0, 3, part.shape)).clip(0, 255).astype(np.uint8)
        paths += [tmp_path / f"{number}.png", tmp_path / f"part_{number}.jpg"]
        Image.fromarray(image).save(paths[-2])
        Image.fromarray(noisy).save(paths[-1], quality=90)
    found = same_photographs(paths)
    for whole, part in zip(paths[::2], paths[1::2], strict=True):
        assert found[whole] == found[part] == {whole, part}


def test_others_are_not():
    paths = embedded_photographs()
    assert same_photographs(paths) == {path: {path} for path in paths}


def test_flat_images_are_like_none(tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        Image.new("RGB", (32, 32), (90, 90, 90)).save(path)
    assert same_photographs(paths) == {path: {path} for path in paths}
