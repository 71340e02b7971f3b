"""Pictures: what is cut out of a photograph or an upload, and how it is degraded."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from dsd.data.distortions import blur
from dsd.data.images import find_image, load_image
from dsd.data.views import resize_short_side
from dsd.explore.pictures import CENTRE, DEGRADATIONS, MARGIN, SIDE, degrade, open_photograph, open_upload


def encoded(height=300, width=400, kind="PNG"):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def picture():
    return open_photograph("chelsea.png")


def test_the_middle_of_the_photograph(picture):
    image = resize_short_side(load_image(find_image("chelsea.png")), SIDE + 2 * MARGIN)
    left = round((image.shape[2] - SIDE - 2 * MARGIN) * 0.5) + MARGIN
    assert torch.equal(degrade(picture, "noise", 0), image[:, MARGIN:-MARGIN, left : left + SIDE])
    assert "451×300 pixels" in picture.note


def test_an_upload_is_the_same_picture(picture):
    content = find_image("chelsea.png").read_bytes()
    assert torch.equal(open_upload(content, "my cat.png").pixels, picture.pixels)


@pytest.mark.parametrize(
    "content", [b"", b"no image", encoded()[:2000], encoded(kind="JPEG")[:3000]], ids=["empty", "text", "png", "jpeg"]
)
def test_broken_uploads_are_named_without_our_paths(content):
    with pytest.raises(ValueError, match=r"^cannot use my cat\.png: ") as caught:
        open_upload(content, "my cat.png")
    assert "/" not in str(caught.value)


def test_a_small_upload_says_that_it_was_enlarged():
    small = open_upload(encoded(40, 60), "small.png")
    assert "enlarged" in small.note
    assert "enlarged" not in open_upload(encoded(), "large.png").note
    assert small.pixels.shape == (3, SIDE + 2 * MARGIN, SIDE + 2 * MARGIN)


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_degradations_rise(picture, kind):
    original = degrade(picture, kind, 0)
    errors = []
    for strength in range(1, len(DEGRADATIONS[kind].amounts) + 1):
        x = degrade(picture, kind, strength)
        assert x.shape == original.shape
        assert 0 <= x.min() <= x.max() <= 1
        errors.append(float((x - original).square().mean()))
    assert errors == sorted(errors)
    assert errors[0] > 0
    with pytest.raises(IndexError):
        degrade(picture, kind, strength + 1)


def test_blur_is_that_of_the_package(picture):
    amount = DEGRADATIONS["blur"].amounts[1]
    assert torch.equal(degrade(picture, "blur", 2), blur(degrade(picture, "blur", 0), amount).clamp(0, 1))


def test_a_shift_moves_pixels_and_invents_none(picture):
    for strength, pixels in enumerate(DEGRADATIONS["shift"].amounts, 1):
        original, x = degrade(picture, "shift", 0), degrade(picture, "shift", strength)
        assert torch.equal(x[:, :, pixels:], original[:, :, :-pixels])
    assert DEGRADATIONS["shift"].amounts[-1] <= MARGIN


def test_the_centre(picture):
    cut = (SIDE - CENTRE) // 2
    assert torch.equal(degrade(picture, "jpeg", 3, CENTRE), degrade(picture, "jpeg", 3)[:, cut:-cut, cut:-cut])
