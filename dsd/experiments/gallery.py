"""Write figures/README.md: every figure of the sample and paper presets, what it was made from, paper vs. here.

    python -m dsd.experiments gallery

All of it comes from the rendered files and the notebooks: nothing is written here by hand.
"""

import json
import re
from pathlib import Path

from dsd.atomic import atomic_write
from dsd.experiments.catalogue import PRESETS, REPOSITORY, Experiment, list_experiments

FIGURES = REPOSITORY / "figures"


def entry(experiment: Experiment, folder: Path) -> str:
    """Title, picture, provenance and the notebook's comparison with the paper, as Markdown.

    Args:
        experiment: what was rendered.
        folder: where to, in ``figures/``.
    """
    name, title, place = experiment.name, experiment.title, folder.relative_to(FIGURES).as_posix()
    comparison = re.search(r"\*\*Paper vs\. here\.\*\*.*?(?=\n\n|\n- |\Z)", experiment.texts()[-1], re.DOTALL)
    origin = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    data = ", ".join(dict.fromkeys(data["summary"] for data in origin["datasets"].values()))
    weights = f"weights `{origin['weights']}` ({origin['weights_sha256'][:8]})"
    files = ", ".join(
        f"[{path.suffix[1:]}]({place}/{path.name})"
        for suffix in ("csv", "md", "tex", "pdf", "json", "ipynb")
        if (path := folder / f"{name}.{suffix}").is_file()
    )
    pictures = [folder / f"{name}.png", *sorted(folder.glob(f"{name}-*.png"))]  # tab1.png, tab1-types.png
    lines = [
        f"## {title}",
        *(f"![{title}]({place}/{path.name})" for path in pictures),
        f"Preset {origin['parameters']['preset']} · {origin['backbone']}, {weights}, {origin['precision']} · {data} · "
        f"commit {origin['commit']} · {files}",
        comparison[0] if comparison else "",
    ]
    return "\n\n".join(line for line in lines if line)


def page() -> str:
    """The whole page: in the order of the notebooks, one entry for each preset that was rendered."""
    entries = [
        entry(experiment, FIGURES / preset)
        for experiment in list_experiments().values()
        for preset in PRESETS[1:]  # without the quick one
        if (FIGURES / preset / f"{experiment.name}.json").is_file()
    ]
    about = "Written by `make gallery` out of the notebooks and of what they rendered; not to be edited."
    return "\n\n".join(["# Figures and tables", about, *entries]) + "\n"


def write() -> None:
    """Write the page to ``figures/README.md``."""
    with atomic_write(FIGURES / "README.md", "w", encoding="utf-8") as file:
        file.write(page())
