"""LaTeX that places a figure or a table, with its caption and where its numbers come from."""

import re
from collections.abc import Mapping
from typing import Any

from dsd.cite.stamp import summary

SPECIAL = {
    **{letter: f"\\{letter}" for letter in "&%#_{}$"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "−": "$-$",
    "→": "$\\to$",
    "↓": "$\\downarrow$",
    "α": "$\\alpha$",
    "ψ": "$\\psi$",
    "φ": "$\\phi$",
    "λ": "$\\lambda$",
    "σ": "$\\sigma$",
    "ℓ": "$\\ell$",
    "‖": "$\\Vert$",
    "²": "\\textsuperscript{2}",
    "³": "\\textsuperscript{3}",
    "₁": "\\textsubscript{1}",
    "⁻³": "\\textsuperscript{$-$3}",
    "×": "$\\times$",
    "÷": "$\\div$",
    "±": "$\\pm$",
    "≤": "$\\leq$",
    "≥": "$\\geq$",
    "·": "$\\cdot$",
    "…": "\\dots{}",
    "<": "$<$",
    ">": "$>$",
}


def environment(kind: str, name: str, content: str, caption: str, origin: Mapping[str, Any], written_by: str) -> str:
    r"""LaTeX that places a figure or a table, with caption (above a table), label, and where its numbers come from.

    Args:
        kind: ``"figure"`` or ``"table"``.
        name: the label's: ``\ref{dsd-fig2}``.
        content: what is placed.
        caption: text, in which what stands between two $ is mathematics.
        origin: provenance, which is written below.
        written_by: the command that made these lines.

    Returns:
        The lines of a file.
    """
    title = [f"\\caption{{{latex(caption)}}}", f"\\label{{dsd-{name}}}"]
    lines = [
        f"% Written by `{written_by}`. In the preamble: \\usepackage{{amsmath, booktabs, graphicx}}, and",
        "% \\graphicspath{{figures/sample/}} with the folder of this file.",
        f"\\begin{{{kind}}}",
        "\\centering",
        *([*title, "\\medskip", content] if kind == "table" else [content, *title]),
        f"\\par\\smallskip\\footnotesize\\raggedright {latex(summary(origin), mathematics=False)}",
        f"\\end{{{kind}}}",
    ]
    return "\n".join(lines) + "\n"


def place_figure(name: str, caption: str, origin: Mapping[str, Any], written_by: str) -> str:
    r"""LaTeX that places name.pdf.

    Args:
        name: of the figure, ``fig2``. The picture of a table, ``tab1`` or ``tab-bapps``, is labelled
            ``dsd-tab1-figure``: ``dsd-tab1`` is the table itself.
        caption: as for :func:`environment`, like all others.
        origin: its provenance.
        written_by: the command that made these lines.

    Returns:
        The lines of a file.
    """
    label = f"{name}-figure" if re.fullmatch(r"tab\d+|tab-\w+", name) else name
    return environment("figure", label, f"\\includegraphics{{{name}.pdf}}", caption, origin, written_by)


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
    special = re.compile("|".join(map(re.escape, SPECIAL)))
    parts[::2] = [special.sub(lambda match: SPECIAL[match[0]], part) for part in parts[::2]]
    return "".join(parts)
