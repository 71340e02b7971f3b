"""Write figures/README.md: every figure of the sample and paper presets, what it was made from, paper vs. here.

    python -m dsd.experiments gallery

All of it comes from the rendered files and the notebooks: nothing is written here by hand.
"""

import json
import re
from pathlib import Path

from PIL import Image

from dsd.atomic import atomic_write
from dsd.cite.stamp import summary
from dsd.experiments.catalogue import PRESETS, REPOSITORY, Experiment, list_experiments

FIGURES = REPOSITORY / "figures"


def entry(experiment: Experiment, folder: Path) -> str:
    """Title, pictures with their captions, provenance, and the notebook's comparison with the paper, as Markdown.

    Args:
        experiment: what was rendered.
        folder: where to, in ``figures/``.
    """
    name, title, place = experiment.name, experiment.title, folder.relative_to(FIGURES).as_posix()
    origin = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    pictures = [folder / f"{name}.png", *sorted(folder.glob(f"{name}-*.png"))]  # tab1.png, tab1-types.png
    files = " · ".join(
        f"[{path.suffix[1:]}]({place}/{path.name})"
        for suffix in ("csv", "md", "tex", "pdf", "json", "ipynb")
        if (path := folder / f"{name}.{suffix}").is_file()
    )
    parts = [f"## {title}"]
    for path in pictures:
        parts += [f"![{title}]({place}/{path.name})", caption_of(path)]
    compared = section("\n\n".join(experiment.texts()), "Paper vs. here")
    parts += [f"{files}\n\n{summary(origin)}", f"**Paper vs. here.** {compared}" if compared else ""]
    return "\n\n".join(part for part in parts if part)


def caption_of(picture: Path) -> str:
    """The caption in a PNG's metadata; "" where there is none."""
    with Image.open(picture) as image:
        about = image.info.get("Description")
    return json.loads(about).get("caption", "") if about else ""


def section(text: str, heading: str) -> str:
    """What stands below a heading of Markdown, up to the next one; "" where there is no such heading.

    Example:
        >>> section("## One\\n\\nFirst.\\n\\n## Two\\n\\nSecond.", "One")
        'First.'
    """
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""


def anchor(title: str) -> str:
    """What GitHub makes of a heading for links to it.

    Example:
        >>> anchor("Figure 7: ‖DSD‖ of natural images")
        'figure-7-dsd-of-natural-images'
    """
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def page() -> str:
    """The whole page: in the order of the notebooks, one entry for each preset that was rendered."""
    rendered = [
        (experiment, FIGURES / preset)
        for experiment in list_experiments().values()
        for preset in PRESETS[1:]  # without the quick one
        if (FIGURES / preset / f"{experiment.name}.json").is_file()
    ]
    titles = dict.fromkeys(experiment.title for experiment, _ in rendered)
    contents = "\n".join(f"- [{title}](#{anchor(title)})" for title in titles)
    about = "Written by `make gallery` out of the notebooks and of what they rendered; not to be edited."
    reports = [FIGURES / preset / "report.html" for preset in PRESETS[1:]]
    links = [
        f"The [report of the {path.parent.name} preset]({path.parent.name}/report.html) has the paper's claims, every "
        "printed number, verdicts and what may be contested, on one page to download."
        for path in reports
        if path.is_file()
    ]
    entries = [entry(experiment, folder) for experiment, folder in rendered]
    return "\n\n".join(["# Figures and tables", about, *links, contents, *entries]).rstrip() + "\n"


def write() -> None:
    """Write the page to ``figures/README.md``."""
    with atomic_write(FIGURES / "README.md", "w", encoding="utf-8") as file:
        file.write(page())
