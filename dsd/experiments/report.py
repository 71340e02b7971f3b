"""The report: claims, printed numbers and figures on one page that needs no other file.

    python -m dsd.experiments report figures/sample

All of it comes from the rendered files, the notebooks and docs/uncertainties.md, none from a clock: the same files make
the same page.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from dsd import __version__
from dsd.atomic import atomic_write
from dsd.cite import bibtex
from dsd.cite.stamp import DIGEST, Stamp, read_stamp, summary
from dsd.experiments import claims
from dsd.experiments.catalogue import REPOSITORY, Experiment, list_experiments
from dsd.experiments.gallery import section
from dsd.experiments.html import caption_html, markdown_html, picture_uri
from dsd.experiments.printed_numbers import printed_numbers
from dsd.experiments.verdict import DIRECTION, LARGER, MEANINGS, NOT, NOT_RUN, OTHER_LAYER, REPRODUCED
from dsd.experiments.verdicts import verdicts

TITLE = "Deep self-dissimilarities: the replication's report"
CLASSES = {REPRODUCED: "reproduced", DIRECTION: "direction", NOT: "not"} | dict.fromkeys(
    (claims.PART, LARGER, OTHER_LAYER), "part"
)


@dataclass(frozen=True)
class Shown:
    """A figure or a table in the report."""

    title: str
    pictures: list[tuple[str, Markup]]
    """Each as a data URI, and its caption."""
    summary: str
    provenance: list[tuple[str, str]]
    compared: Markup
    """The notebook's comparison with the paper."""


def write(folder: Path) -> Path:
    """Write report.html beside the figures that it shows.

    Args:
        folder: of the figures' files.

    Returns:
        The page.

    Raises:
        ValueError: there is no figure, or a file is not what was stamped.
    """
    text = page(folder)
    path = folder / "report.html"
    with atomic_write(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def page(folder: Path) -> str:
    """The whole page, see :func:`write`."""
    from jinja2 import Environment, StrictUndefined

    rendered = [
        (experiment, read_stamp(folder / f"{name}.json"))
        for name, experiment in list_experiments().items()
        if (folder / f"{name}.json").is_file() and (folder / f"{name}.png").is_file()
    ]
    if not rendered:
        raise ValueError(f"{folder} has no figure to report: render one first, `make fig7` say")
    rows, numbers = verdicts(folder), printed_numbers(folder)
    decided = [(claim, claims.rows_of(claim, rows)) for claim in claims.CLAIMS]
    judged = [(claim, claims.verdict_of(of), of) for claim, of in decided]
    meanings = MEANINGS | {claims.PART: claims.PART_MEANS}
    given = {row.verdict for row in rows + numbers} | {verdict for _, verdict, _ in judged}
    how_many = Counter(verdict for _, verdict, _ in judged)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        title=TITLE,
        quick=any(stamp.provenance["parameters"]["preset"] == "quick" for _, stamp in rendered),
        about=list(_about([stamp for _, stamp in rendered])),
        claims=judged,
        counts=f"{len(judged)} of its claims: "
        + ", ".join(f"{how_many[word]} {word.strip('*')}" for word in meanings if how_many[word]),
        meanings=[(word, meaning) for word, meaning in meanings.items() if word in given],
        classes={word: CLASSES.get(word, "open") for word in (*meanings, "–")},
        not_run=NOT_RUN,
        numbers=numbers,
        figures=[_shown(experiment, stamp, folder) for experiment, stamp in rendered],
        uncertainties=markdown_html(_one_level_down((REPOSITORY / "docs" / "uncertainties.md").read_text("utf-8"))),
        bibtex=f"{bibtex.PAPER}{bibtex.software(__version__, '…')}",
    )


def _shown(experiment: Experiment, stamp: Stamp, folder: Path) -> Shown:
    pictures = [folder / f"{experiment.name}.png", *sorted(folder.glob(f"{experiment.name}-*.png"))]
    return Shown(
        experiment.title,
        [(picture_uri(path), caption_html(read_stamp(path).caption)) for path in pictures],
        summary(stamp.provenance)
        + ("" if stamp.verified else " · older stamp, which cannot tell whether it was changed"),
        list(_flat(stamp.provenance)),
        markdown_html(section("\n\n".join(experiment.texts()), "Paper vs. here")),
    )


def _about(stamps: list[Stamp]) -> Iterator[tuple[str, str]]:
    """Preset, machine, versions, networks, and the newest stamp's date: that of its commit."""
    all_of = [stamp.provenance for stamp in stamps]
    yield "Preset", ", ".join(dict.fromkeys(about["parameters"]["preset"] for about in all_of))
    yield "Figures and tables", f"{len(stamps)}"
    dates = {commit: date for about in all_of if (date := _date(commit := about["commit"]))}
    if dates:
        newest = max(dates, key=lambda commit: dates[commit])
        yield "Newest stamp", f"{dates[newest]}, commit {newest}"
    yield "Machine", "; ".join(dict.fromkeys(about["device"] for about in all_of if "device" in about))
    versions: dict[str, dict[str, None]] = {}
    for about in all_of:
        for name, version in about.get("versions", {}).items():
            versions.setdefault(name, {})[version] = None
    yield "Versions", ", ".join(f"{name} {' and '.join(of)}" for name, of in versions.items())
    networks = dict.fromkeys(
        f"{about['backbone']}, {about['weights']} {about['weights_sha256'][:8]}"
        for about in all_of
        if "backbone" in about
    )
    if networks:
        yield "Networks", "; ".join(networks)


def _date(commit: str) -> str:
    """The day of a commit, 2026-11-30; "" where there is no such history."""
    if not re.fullmatch(r"[0-9a-f]+(\+dirty)?", commit):
        return ""
    command = ["git", "show", "--no-patch", "--format=%cs", commit.removesuffix("+dirty")]
    try:
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _flat(about: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """A stamp's entries, a line each: parameters.alpha."""
    for key, value in about.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif key not in (DIGEST, "caption"):
            yield f"{before}{key}", str(value)


def _one_level_down(text: str) -> str:
    """Markdown whose headings are those of a part."""
    return re.sub(r"^#", "##", text, flags=re.MULTILINE)
