"""Text as HTML: captions with mathematics, Markdown of notebooks and pages, pictures inside the page."""

import base64
import re
from io import BytesIO
from pathlib import Path

from markupsafe import Markup, escape
from PIL import Image

WIDTH = 1100  # pixels of a picture: twice what a page shows
COLORS = 256
QUALITY = 85  # of JPEG
DRAWN = 0.8  # so many times as large as the JPEG is the PNG of a drawing, at most
MATHEMATICS = re.compile(r"\$([^$]+)\$")
SYMBOLS = {
    **dict.fromkeys((r"\lVert", r"\rVert", r"\Vert"), "‖"),
    **{r"\alpha": "α", r"\psi": "ψ", r"\phi": "φ", r"\ell": "ℓ", r"\lambda": "λ", r"\sigma": "σ"},
    **{r"\times": "×", r"\pm": "±", r"\cdot": "·", r"\downarrow": "↓", r"\to": "→", r"\leq": "≤", r"\geq": "≥"},
    **{r"\,": "\N{THIN SPACE}", r"\;": " ", "-": "−"},
    **dict.fromkeys((r"\big", r"\hat", r"\left", r"\right"), ""),
}


def caption_html(text: str) -> Markup:
    """A caption: all of it escaped, and what stands between two $ as :func:`mathematics_html`.

    Example:
        >>> print(caption_html("a < b, $x_2$"))
        a &lt; b, <i>x</i><sub>2</sub>
    """
    parts = MATHEMATICS.split(text)
    return Markup("").join(mathematics_html(part) if k % 2 else escape(part) for k, part in enumerate(parts))


def mathematics_html(text: str) -> Markup:
    r"""The little mathematics that captions have: letters, symbols, what is upright, high or low.

    Args:
        text: LaTeX; a command that is not known loses its backslash.

    Example:
        >>> print(mathematics_html(r"10^3\lVert\mathrm{DSD}_{2}\rVert_1"))
        10<sup>3</sup>‖DSD<sub>2</sub>‖<sub>1</sub>
    """
    written: list[str] = []
    while text:
        if found := re.match(r"([_^])(?:\{((?:[^{}]|\{[^{}]*\})*)\}|(\\[A-Za-z]+(?:\{[^{}]*\})?|.))", text):
            tag = "sub" if found[1] == "_" else "sup"
            written.append(f"<{tag}>{mathematics_html(found[2] or found[3])}</{tag}>")
        elif found := re.match(r"\\(?:mathrm|mathcal|text|operatorname)\{([^{}]*)\}", text):
            written.append(escape(found[1]))
        elif found := re.match(r"\\(?:[A-Za-z]+|.)", text):
            written.append(escape(SYMBOLS.get(found[0], found[0][1:])))
        elif found := re.match(r"[A-Za-z]+", text):
            written.append(f"<i>{found[0]}</i>")
        else:
            written.append("" if text[0] in "{}" else escape(SYMBOLS.get(text[0], text[0])))
        text = text[found.end() if found else 1 :]
    return Markup("".join(written))


def markdown_html(text: str) -> Markup:
    """Markdown as HTML, with tables and mathematics. HTML in it is shown as text, links to files are left out.

    Example:
        >>> print(markdown_html("*Self* is $x_1$ <b>"), end="")
        <p><em>Self</em> is <i>x</i><sub>1</sub> &lt;b&gt;</p>
    """
    import mistune  # its import takes a while

    formulas: list[str] = []

    def keep(found: re.Match[str]) -> str:
        formulas.append(str(mathematics_html(found[1])))
        return f"\ue000{len(formulas) - 1}\ue001"

    text = re.sub(r"!?\[([^\]]*)\]\((?!https?://)[^)]*\)", r"\1", text)
    html = str(mistune.create_markdown(escape=True, plugins=["table"])(MATHEMATICS.sub(keep, text)))
    return Markup(re.sub("\ue000(\\d+)\ue001", lambda found: formulas[int(found[1])], html))


def picture_uri(path: Path) -> str:
    """A picture for a page that needs no other file: at most 1100 pixels wide, as a data URI.

    Drawings become PNG of 256 colours, photographs JPEG: the size tells them apart.

    Args:
        path: of an image file.
    """
    with Image.open(path) as image:
        picture = image.convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    drawing, photograph = BytesIO(), BytesIO()
    picture.quantize(COLORS, dither=Image.Dither.NONE).save(drawing, "PNG", optimize=True)
    picture.save(photograph, "JPEG", quality=QUALITY, subsampling=0)
    drawn = len(drawing.getvalue()) < DRAWN * len(photograph.getvalue())
    kind, content = ("png", drawing) if drawn else ("jpeg", photograph)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
