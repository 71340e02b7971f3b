from collections import Counter

import pytest
import torch
from PIL import Image

from dsd.data.bapps import JudgedImages
from dsd.data.images import load_image
from dsd.data.synthetic_2afc import COMBINATIONS, NAME, write_synthetic
from dsd.data.traditional import TRADITIONAL
from dsd.data.views import Photographs


@pytest.fixture(scope="module")
def photographs():
    return Photographs.from_folder("embedded", resize=48, crop=32, count=10, seed=1)


@pytest.fixture(scope="module")
def written(photographs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthetic")
    return folder, write_synthetic(photographs, folder, each=2, combined=3, gap=0.1, seed=4)


def test_has_the_published_layout_and_says_that_nobody_was_asked(written):
    folder, judged = written
    counts = Counter(at.subset for at in judged.judgements)
    assert counts == {**{group: 2 * len(kinds) for group, kinds in TRADITIONAL.items()}, COMBINATIONS: 3}
    assert list(counts) == [*TRADITIONAL, COMBINATIONS]
    assert sorted(JudgedImages.read(folder, "2afc").judgements, key=str) == sorted(judged.judgements, key=str)
    assert judged.provenance()["summary"] == f"{NAME} (43 triplets)"
    assert "no person asked" in NAME
    assert not judged.by_people


def test_the_weaker_one_is_the_closer_one(written):
    """By squared error too, but where a shifted texture comes back to itself, or one change undoes another."""
    right = []
    for at in written[1].judgements:
        x, *images = (load_image(path) for path in (at.reference, *at.images))
        d0, d1 = ((image - x).square().mean() for image in images)
        assert not torch.equal(*images)
        right.append((d1 < d0) == bool(at.share))
    assert sum(right) >= 0.95 * len(right)
    assert {at.share for at in written[1].judgements} == {0.0, 1.0}


def test_follows_the_seed(written, photographs, tmp_path):
    again, other = (
        write_synthetic(photographs, tmp_path / str(seed), each=2, combined=3, gap=0.1, seed=seed) for seed in (4, 5)
    )
    shares = [[at.share for at in judged.judgements] for judged in (written[1], again, other)]
    assert shares[0] == shares[1] != shares[2]
    for at, same in zip(written[1].judgements, again.judgements, strict=True):
        for path, copy in zip((at.reference, *at.images), (same.reference, *same.images), strict=True):
            assert path.read_bytes() == copy.read_bytes()


@pytest.mark.parametrize("gap", [0, 0.95, float("nan")])
def test_wrong_gaps(gap, photographs, tmp_path):
    with pytest.raises(ValueError, match=rf"gap must be above 0 and at most 0.9, got {gap}"):
        write_synthetic(photographs, tmp_path, each=1, combined=0, gap=gap)


@pytest.mark.parametrize(("each", "combined"), [(0, 0), (-1, 2)])
def test_wrong_counts(each, combined, photographs, tmp_path):
    message = f"each and combined must be at least 0 and not both 0, got {each} and {combined}"
    with pytest.raises(ValueError, match=message):
        write_synthetic(photographs, tmp_path, each=each, combined=combined, gap=0.1)


def test_grey_photographs_have_no_saturation(tmp_path):
    Image.effect_noise((32, 32), 40).save(tmp_path / "grey.png")
    grey = Photographs.from_names([tmp_path / "grey.png"])
    with pytest.raises(ValueError, match=r"grey.png has no view that saturation changes"):
        write_synthetic(grey, tmp_path / "set", each=1, combined=0, gap=0.1)
