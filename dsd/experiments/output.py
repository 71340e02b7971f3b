"""A figure's files: PNG and PDF with their provenance inside, and LaTeX that places them."""

import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.provenance import Result

PER_INCH = 18  # letters of the stamp: of 7 pt, the smallest type that journals print, more would be cut off
LATEX = {
    **{letter: f"\\{letter}" for letter in "&%#_{}$"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "−": "$-$",
    "→": "$\\to$",
    "↓": "$\\downarrow$",
    "α": "$\\alpha$",
    "ψ": "$\\psi$",
    "‖": "$\\Vert$",
    "²": "\\textsuperscript{2}",
    "⁻³": "\\textsuperscript{$-$3}",
    "×": "$\\times$",
    "±": "$\\pm$",
    "·": "$\\cdot$",
    "…": "\\dots{}",
    "<": "$<$",
    ">": "$>$",
}


def save_figure(
    figure: Figure, result: Result, caption: str, out_dir: str | Path, *, stamp: bool = True, part: str = ""
) -> None:
    """Write name.png (300 dpi) and name.pdf, with caption and provenance in their metadata, and name.tex.

    Of a table, name.tex is the table: its picture's is name-figure.tex.

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
    if result.provenance["weights"] == "random":
        figure.suptitle("RANDOM WEIGHTS: not a result", color="red", fontweight="bold")
    if stamp:
        text = summary(result.provenance)
        text = text.replace("commit ", "commit\N{NO-BREAK SPACE}")
        lines = textwrap.fill(text, int(PER_INCH * figure.get_figwidth()), break_on_hyphens=False)
        figure.supxlabel(lines, fontsize=7, color="0.4", parse_math=False)
    about = json.dumps(dict(result.provenance) | {"caption": caption}, indent=2, ensure_ascii=False)
    figure.savefig(target.with_suffix(".png"), metadata={"Title": name, "Description": about})
    figure.savefig(target.with_suffix(".pdf"), metadata={"Title": name, "Subject": about})
    place = f"\\includegraphics{{{name}.pdf}}"
    name = f"{name}-figure" if name.startswith("tab") and not part else name
    target.with_name(f"{name}.tex").write_text(environment("figure", name, place, caption, result), encoding="utf-8")


def environment(kind: str, name: str, content: str, caption: str, result: Result) -> str:
    r"""LaTeX that places a figure or a table, with caption (above a table), label, and where its numbers come from.

    Args:
        kind: ``"figure"`` or ``"table"``.
        name: the label's: ``\ref{dsd-fig2}``.
        content: what is placed.
        caption: text, in which what stands between two $ is mathematics.
        result: whose provenance is written below.

    Returns:
        The lines of a file.
    """
    title = [f"\\caption{{{latex(caption)}}}", f"\\label{{dsd-{name}}}"]
    lines = [
        f"% Written by `make {result.name}`. In the preamble: \\usepackage{{amsmath, booktabs, graphicx}}, and",
        "% \\graphicspath{{figures/sample/}} with the folder of this file.",
        f"\\begin{{{kind}}}",
        "\\centering",
        *([*title, "\\medskip", content] if kind == "table" else [content, *title]),
        f"\\par\\smallskip\\footnotesize\\raggedright {latex(summary(result.provenance), mathematics=False)}",
        f"\\end{{{kind}}}",
    ]
    return "\n".join(lines) + "\n"


def latex(text: str, *, mathematics: bool = True) -> str:
    r"""Text for LaTeX.

    Args:
        text: any.
        mathematics: what stands between two $ is mathematics, and stays.

    Example:
        >>> print(latex("48 % of $x_1$"))
        48 \% of $x_1$
    """
    parts = re.split(r"(\$[^$]+\$)", text) if mathematics else [text]
    special = re.compile("|".join(map(re.escape, LATEX)))
    parts[::2] = [special.sub(lambda match: LATEX[match[0]], part) for part in parts[::2]]
    return "".join(parts)


def summary(origin: Mapping[str, Any]) -> str:
    """Preset, network, data and commit: what a reader must know of a figure."""
    data = ", ".join(dict.fromkeys(data["summary"] for data in origin["datasets"].values()))
    weights = f"{origin['weights']} {origin['weights_sha256'][:8]}"
    return (
        f"{origin['parameters']['preset']} preset · {origin['backbone']}, {weights}, {origin['precision']} · {data} · "
        f"commit {origin['commit']}"
    )
