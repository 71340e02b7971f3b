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

PER_INCH = 18  # letters of the stamp
LATEX = {
    **{letter: f"\\{letter}" for letter in "&%#_{}"},
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
        result: what it was drawn from.
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
        figure.supxlabel(
            textwrap.fill(text, int(PER_INCH * figure.get_figwidth()), break_on_hyphens=False), fontsize=7, color="0.4"
        )
    about = json.dumps(dict(result.provenance) | {"caption": caption}, indent=2, ensure_ascii=False)
    figure.savefig(target.with_suffix(".png"), metadata={"Title": name, "Description": about})
    figure.savefig(target.with_suffix(".pdf"), metadata={"Title": name, "Subject": about})
    place = f"\\includegraphics{{{name}.pdf}}"
    name = f"{name}-figure" if name == "tab1" else name
    target.with_name(f"{name}.tex").write_text(environment("figure", name, place, caption, result), encoding="utf-8")


def environment(kind: str, name: str, content: str, caption: str, result: Result) -> str:
    r"""LaTeX that places a figure or a table, with caption (above a table), label, and where its numbers come from.

    Args:
        kind: ``"figure"`` or ``"table"``.
        name: the label's: ``\ref{dsd-fig2}``.
        content: what is placed.
        caption: as for :func:`save_figure`.
        result: whose provenance is written below.
    """
    title = [f"\\caption{{{latex(caption)}}}", f"\\label{{dsd-{name}}}"]
    lines = [
        f"% Written by `make {result.name}`. In the preamble: \\usepackage{{amsmath, booktabs, graphicx}}, and",
        "% \\graphicspath{{figures/sample/}} with the folder of this file.",
        f"\\begin{{{kind}}}",
        "\\centering",
        *([*title, "\\medskip", content] if kind == "table" else [content, *title]),
        f"\\par\\smallskip\\footnotesize\\raggedright {latex(summary(result.provenance))}",
        f"\\end{{{kind}}}",
    ]
    return "\n".join(lines) + "\n"


def latex(text: str) -> str:
    r"""Text with $…$ for LaTeX.

    Example:
        >>> print(latex("48 % of $x_1$"))
        48 \% of $x_1$
    """
    parts = re.split(r"(\$[^$]+\$)", text)
    outside = re.compile("|".join(map(re.escape, LATEX)))
    return "".join(
        part if part.startswith("$") and len(part) > 1 else outside.sub(lambda found: LATEX[found[0]], part)
        for part in parts
    )


def summary(origin: Mapping[str, Any]) -> str:
    """Preset, network, data and commit: what a reader must know of a figure."""
    data = ", ".join(dict.fromkeys(data["summary"] for data in origin["datasets"].values()))
    weights = f"{origin['weights']} {origin['weights_sha256'][:8]}"
    return (
        f"{origin['parameters']['preset']} preset · {origin['backbone']}, {weights}, {origin['precision']} · {data} · "
        f"commit {origin['commit']}"
    )
