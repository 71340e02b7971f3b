"""A figure's files: PNG and PDF with their stamp inside, and LaTeX that places them."""

import json
import textwrap
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from dsd.atomic import atomic_write
from dsd.backbones import random_seed
from dsd.cite import latex, pdf, png
from dsd.cite.stamp import seal, summary
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.provenance import Result

PER_INCH = 18  # letters of the stamp: of 7 pt, the smallest type that journals print, more would be cut off


def save_figure(
    figure: Figure, result: Result, caption: str, out_dir: str | Path, *, stamp: bool = True, part: str = ""
) -> None:
    """Write name.png (300 dpi) and name.pdf, with caption, provenance and digest in their metadata, and name.tex.

    Of a table, name.tex is the table: its picture's is name-figure.tex. :func:`dsd.cite.stamp.read_stamp` reads the
    metadata back.

    Args:
        figure: what ``draw`` returned.
        result: what it was drawn from. If its weights were random, the figure says so in red.
        caption: Markdown without markup but $…$, which is mathematics.
        out_dir: folder; a relative path is one in the repository.
        stamp: write preset, network, data and commit under the figure. The files' metadata has them in any case.
        part: what it shows, where the result has further figures: it is called name-part.
    """
    name = f"{result.name}-{part}" if part else result.name
    target = REPOSITORY / out_dir / name
    if random_seed(result.provenance.get("weights")) is not None:
        figure.suptitle("RANDOM WEIGHTS: not a result", color="red", fontweight="bold")
    if stamp:
        text = summary(result.provenance)
        text = text.replace("commit ", "commit\N{NO-BREAK SPACE}")
        lines = textwrap.fill(text, int(PER_INCH * figure.get_figwidth()), break_on_hyphens=False)
        figure.supxlabel(lines, fontsize=7, color="0.4", parse_math=False)
    about = dict(result.provenance) | {"caption": caption}
    figure.savefig(drawn := BytesIO(), format="png")
    with Image.open(drawn) as image:
        png.write(image, target.with_suffix(".png"), name, seal(about, png.pixels(image)))
    text = json.dumps(about, indent=2, ensure_ascii=False)
    figure.savefig(drawn := BytesIO(), format="pdf", metadata={"Title": name, "Subject": text, "Keywords": pdf.BLANK})
    with atomic_write(target.with_suffix(".pdf")) as file:
        file.write(pdf.seal(drawn.getvalue()))
    lines = latex.place_figure(name, caption, result.provenance, f"make {result.name}")
    name = f"{name}-figure" if name.startswith("tab") and not part else name
    with atomic_write(target.with_name(f"{name}.tex"), "w", encoding="utf-8") as file:
        file.write(lines)


def environment(kind: str, name: str, content: str, caption: str, result: Result) -> str:
    """LaTeX that places a result's figure or table, see :func:`dsd.cite.latex.environment`."""
    return latex.environment(kind, name, content, caption, result.provenance, f"make {result.name}")
