import pytest

from dsd.data.images import load_image
from dsd.data.rated import RatedImages
from dsd.data.synthetic import write_distorted
from dsd.data.views import Photographs


@pytest.fixture(scope="module")
def photographs():
    return Photographs.from_folder("embedded", resize=64, crop=48, count=2)


def test_written_distortions_can_be_read_as_ratings(photographs, tmp_path):
    rated = write_distorted(photographs, tmp_path / "set")
    assert len(rated.pairs) == 2 * 4 * 6 * 2
    assert sorted({pair.preference for pair in rated.pairs}) == [0, 1]
    assert RatedImages.csv(tmp_path / "set" / "ratings.csv") == rated
    images = rated.images()
    assert [len(distorted) for distorted in images.values()] == [16, 16]
    for reference, x in zip(images, photographs, strict=False):
        assert (load_image(reference) - x).abs().max() <= 1 / 255
    for pair in rated.pairs:
        x, a, b = (load_image(path) for path in (pair.reference, pair.a, pair.b))
        assert ((a - x).norm() < (b - x).norm()) == bool(pair.preference)
