"""Text and pictures as HTML: all is escaped but the mathematics that is meant."""

import base64
import re
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from dsd.experiments.html import caption_html, markdown_html, mathematics_html, picture_uri


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (r"\lVert\mathrm{DSD}_\alpha\rVert_1", "‖DSD<sub>α</sub>‖<sub>1</sub>"),
        (r"Q_\mathrm{DSD}", "<i>Q</i><sub>DSD</sub>"),
        (r"n\times n", "<i>n</i>× <i>n</i>"),
        (r"\alpha=4", "α=4"),
        (r"G(x{\downarrow}_{2})", "<i>G</i>(<i>x</i>↓<sub>2</sub>)"),
        (r"10^{-3}", "10<sup>−3</sup>"),
        (r"\log a < \unknown", "log <i>a</i> &lt; unknown"),
        (r"a_", "<i>a</i>_"),
    ],
)
def test_mathematics(text, html):
    assert mathematics_html(text) == html


def test_a_caption_is_escaped():
    assert caption_html('<script>"a" & b</script> $x$') == ("&lt;script&gt;&#34;a&#34; &amp; b&lt;/script&gt; <i>x</i>")
    assert caption_html("costs $5") == "costs $5"


def test_markdown_has_tables_and_no_html_of_its_own():
    html = markdown_html(
        "| a | b |\n|---|---|\n| $x_1$ | <img src=x> |\n\n[here](../a.csv) and [there](https://example.org)"
    )
    assert "<td><i>x</i><sub>1</sub></td>" in html
    assert "&lt;img src=x&gt;" in html
    assert re.findall('href="([^"]*)"', html) == ["https://example.org"]
    assert "here and" in html


@pytest.mark.parametrize(("noise", "kind"), [(0, "png"), (255, "jpeg")])
def test_pictures(tmp_path, noise, kind):
    """Drawings stay sharp, photographs small; both are at most 1100 pixels wide."""
    pixels = np.random.default_rng(0).integers(0, noise + 1, (600, 2200, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    start, content = picture_uri(tmp_path / "x.png").split(",")
    assert start == f"data:image/{kind};base64"
    with Image.open(BytesIO(base64.b64decode(content))) as image:
        assert image.size == (1100, 300)
