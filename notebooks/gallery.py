"""Write figures/README.md: every figure of the sample and paper presets, what it was made from, paper vs. here.

    python notebooks/gallery.py

All of it is found in the rendered files and the notebooks: nothing is written here by hand.
"""

import json
import re
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
FIGURES = HERE.parent / "figures"
PRESETS = ("sample", "paper")


def entry(notebook: Path, made_at: Path) -> str:
    """Title, picture, provenance and the notebook's comparison with the paper, as Markdown."""
    name = notebook.name.split("_")[0]
    cells = [cell.source for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "markdown"]
    title = cells[0].splitlines()[0].removeprefix("# ")
    comparison = re.search(r"\*\*Paper vs\. here\.\*\*.*?(?=\n\n|\n- |\Z)", cells[-1], re.DOTALL)
    made = json.loads((made_at / f"{name}.json").read_text(encoding="utf-8"))
    folder = made_at.relative_to(FIGURES).as_posix()
    data = ", ".join(dict.fromkeys(data["summary"] for data in made["datasets"].values()))
    network = f"{made['backbone']}, weights `{made['weights']}` ({made['weights_sha256'][:8]}), {made['precision']}"
    numbers = ", ".join(
        f"[{path.suffix[1:]}]({folder}/{path.name})"
        for suffix in ("csv", "md", "tex", "pdf", "json", "ipynb")
        if (path := made_at / f"{name}.{suffix}").is_file()
    )
    lines = [
        f"## {title}",
        f"![{title}]({folder}/{name}.png)",
        f"Preset {made['parameters']['preset']} · {network} · {data} · commit {made['commit']} · {numbers}",
        comparison[0] if comparison else "",
    ]
    return "\n\n".join(line for line in lines if line)


def gallery() -> str:
    """The whole page: in the order of the notebooks' names, one entry for each preset that was rendered."""
    entries = [
        entry(notebook, FIGURES / preset)
        for notebook in sorted(HERE.glob("*_*.ipynb"))
        for preset in PRESETS
        if (FIGURES / preset / f"{notebook.name.split('_')[0]}.json").is_file()
    ]
    about = "Written by `make gallery` out of the notebooks and of what they rendered; not to be edited."
    return "\n\n".join(["# Figures and tables", about, *entries]) + "\n"


if __name__ == "__main__":
    (FIGURES / "README.md").write_text(gallery(), encoding="utf-8")
