"""The LaTeX that is written beside figures: well-formed, and it compiles where LaTeX is installed."""

import re
import shutil
import subprocess
from dataclasses import replace

import matplotlib.pyplot as plt
import pytest

from dsd.experiments import output, tab1_tables
from tests.experiments.test_tab1_full_reference import result

CAPTION = r"50% of $\lVert\mathrm{DSD}_2\rVert_1$ & more: a_b #1 {c} ~ ^ \ ‖x‖, α ± 2 × 10⁻³, x → y … 4 < 5 · 256²"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What is written of a figure and of Table 1, whose sets have names that LaTeX must not take for its own."""
    monkeypatch.setattr(tab1_tables, "REPOSITORY", tmp_path)
    drawn = result("a_b & 50%", "c#{d}")
    tab1_tables.write_tables(drawn, ".")
    figure, _ = plt.subplots(figsize=(2, 1))
    output.save_figure(figure, replace(drawn, name="fig0"), CAPTION, tmp_path)
    return tmp_path


def problems(text):
    """What is wrong with some LaTeX."""
    found, open_environments, depth = [], [], 0
    text = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    for kind, name in re.findall(r"\\(begin|end){(\w+)}", text):
        if kind == "begin":
            open_environments.append(name)
        elif not open_environments or open_environments.pop() != name:
            found.append(f"\\end{{{name}}} ends nothing")
    found += [f"{name} is not ended" for name in open_environments]
    text = re.sub(r"\\[\\&%#_{}$]", " ", text)  # escaped
    for brace in re.findall("[{}]", text):
        depth += 1 if brace == "{" else -1
        found += ["} closes nothing"] if depth < 0 else []
    found += [f"{depth} open braces"] if depth > 0 else []
    tables = re.compile(r"\\begin{tabular}.*?\\end{tabular}", re.DOTALL)
    for table in tables.findall(text):
        counts = {line.count("&") for line in table.splitlines() if "&" in line}
        found += ["rows of several lengths"] if len(counts) > 1 else []
        found += [f"raw {sign} in a table" for sign in "%#_" if sign in re.sub(r"\$[^$]+\$", "", table)]
    rest = re.sub(r"\$[^$]+\$", "", tables.sub("", text))
    return found + [f"raw {sign}" for sign in "&%#_$^~" if sign in rest]


def test_is_well_formed(folder):
    assert problems((folder / "fig0.tex").read_text(encoding="utf-8")) == []
    assert problems((folder / "tab1.tex").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        *(r"\begin{a}", r"\begin{a}\end{b}", r"{", r"}{", r"50%", r"a_b", r"a & b", r"$x"),
        r"\begin{tabular}{ll} a & b \\" + "\n" + r"c & d & e \\ \end{tabular}",
        r"\begin{tabular}{l} a_b \end{tabular}",
    ],
)
def test_what_is_not_well_formed_is_found(text):
    assert problems(text)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="LaTeX is not installed")
def test_compiles(folder):
    lines = [
        r"\documentclass{article}",
        r"\usepackage[textwidth=5.5in]{geometry}",
        r"\usepackage{amsmath, booktabs, graphicx}",
        r"\begin{document}",
        r"Figure~\ref{dsd-fig0} and Table~\ref{dsd-tab1}.",
        *(f"\\input{{{name}.tex}}" for name in ("fig0", "tab1")),
        r"\end{document}",
    ]
    (folder / "all.tex").write_text("\n".join(lines), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    for _ in range(2):  # references need a second time
        done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    log = (folder / "all.log").read_text(encoding="utf-8", errors="replace")
    for complaint in ("Overfull", "undefined", "Missing character"):
        assert complaint not in log
