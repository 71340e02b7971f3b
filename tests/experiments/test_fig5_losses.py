from itertools import combinations

import numpy as np
import pytest
import torch
from PIL import Image

from dsd.experiments import fig5_losses, provenance, style

LOSSES = {"style": 0.0123, "style↓": 0.00456, "mss": 0.0169, "dsd": 0.00789}


@pytest.fixture(params=["page", "column"])
def figure(request):
    style.use_style()
    generator = np.random.default_rng(0)
    images = dict(zip("xy", generator.random((2, 16, 16, 3)), strict=True))
    grams = dict(zip(("x", "x↓", "y", "y↓"), generator.random((4, 8, 8)), strict=True))
    return fig5_losses.draw_losses(images, grams, LOSSES, layer="relu2_1", width=request.param), grams


def test_prints_the_losses_it_is_given(figure):
    texts = [text.get_text().replace("\n", " ") for text in figure[0].axes[0].texts]
    assert texts.count("0.0123") == 1
    assert "0.0123 + 0.00456 = 0.0169" in texts
    assert "0.00789" in texts
    assert any("8 most active channels of ReLU2_1" in text for text in texts)


def test_draws_the_matrices_it_is_given(figure):
    drawing, grams = figure
    shown = [np.asarray(image.get_array()) for image in drawing.axes[0].images]
    for name, times in {"x": 3, "y": 3, "x↓": 2, "y↓": 2}.items():
        assert sum(np.array_equal(image, grams[name]) for image in shown) == times
    for name in "xy":
        assert sum(np.array_equal(image, grams[name] - grams[f"{name}↓"]) for image in shown) == 1
    scales = {(image.norm.vmin, image.norm.vmax) for image in drawing.axes[0].images if image.get_array().ndim == 2}
    assert len(scales) == 2  # one for Gram matrices, one for DSD matrices
    assert sorted(low + high == 0 for low, high in scales) == [False, True]


@pytest.mark.parametrize("stamp", ["", "stamp\nof two lines"])
def test_no_text_covers_another_or_a_picture(figure, stamp):
    drawing, _ = figure
    drawing.supxlabel(stamp, fontsize=7)
    drawing.canvas.draw()
    main, *colorbars = drawing.axes
    texts = [*main.texts, *(label for bar in colorbars for label in bar.get_xticklabels()), drawing._supxlabel]
    areas = {f"{text.get_text()} {place}": text.get_window_extent() for place, text in enumerate(texts)}
    assert all(text.get_fontsize() >= 7 for text in texts)
    for (name, area), (other, covered) in combinations(areas.items(), 2):
        assert not area.overlaps(covered), f"{name} covers {other}"
    page = drawing.bbox
    pictures = [image.get_window_extent() for image in main.images]
    for name, area in areas.items():
        assert max(page.x0 - area.x0, area.x1 - page.x1) <= 0, f"{name} leaves the page"
        for picture in pictures:
            width = min(area.x1, picture.x1) - max(area.x0, picture.x0)
            height = min(area.y1, picture.y1) - max(area.y0, picture.y0)
            assert min(width, height) < 2, f"{name} covers a picture"  # pixels, of 120 to the inch
    # The panels' borders, too, are free of text.
    for line in main.lines:
        border = line.get_window_extent()
        for name, area in areas.items():
            on_it = area.x0 < border.x0 < area.x1 and area.y0 < border.y1 and area.y1 > border.y0
            assert not on_it, f"{name} crosses a border"


def test_caption_has_the_numbers_and_both_widths_are_drawn(parameters_of, tmp_path):
    parameters = parameters_of("fig5", channels=8, resize=48, crop=32)
    result = provenance.load_or_compute(fig5_losses, parameters, tmp_path)
    losses = result.table[result.table.quantity == "loss"].set_index("name").value
    caption = fig5_losses.caption(result)
    for name in ("style", "mss", "dsd"):
        assert f"{losses[name]:#.3g}" in caption
    widths = [fig5_losses.draw(result, width).get_figwidth() for width in ("page", "column")]
    assert widths == [style.figure_width("page"), style.figure_width("column")]


def test_pair_with_noise():
    x, y, photographs = fig5_losses.load_pair(
        images="embedded", distorted="noise", resize=48, crop=32, noise=0.1, seed=3
    )
    assert x.shape == y.shape == (3, 32, 32)
    assert y.min() >= 0
    assert y.max() <= 1
    assert 0.05 < (y - x).std() < 0.1  # clipped
    assert photographs.provenance()["dataset"] == "scikit-image's astronaut"
    again = fig5_losses.load_pair(images="embedded", distorted="noise", resize=48, crop=32, noise=0.1, seed=3)[1]
    torch.testing.assert_close(again, y, rtol=0, atol=0)


@pytest.mark.parametrize("given", ["path", "data root", "folder"])
def test_pair_from_files(given, tmp_path, monkeypatch):
    for name, grey in (("clean/a.png", 255), ("bad/a.png", 51)):
        (tmp_path / name).parent.mkdir()
        Image.new("L", (20, 16), grey).save(tmp_path / name)
    monkeypatch.setenv("DSD_DATA", str(tmp_path))
    images, distorted = {
        "path": (str(tmp_path / "clean/a.png"), str(tmp_path / "bad/a.png")),
        "data root": ("clean/a.png", "bad/a.png"),
        "folder": ("clean", "bad/a.png"),
    }[given]
    x, y, photographs = fig5_losses.load_pair(images=images, distorted=distorted, resize=None, crop=16, noise=0, seed=0)
    assert x.unique().tolist() == [1]
    assert y.unique().tolist() == pytest.approx([0.2])
    assert photographs.provenance()["count"] == 2
    assert photographs.name == "clean/a.png and bad/a.png"


def test_pair_that_is_missing():
    with pytest.raises(FileNotFoundError, match=r"no image nowhere\.png"):
        fig5_losses.load_pair(images="nowhere.png", distorted="noise", resize=None, crop=16, noise=0.1, seed=0)
