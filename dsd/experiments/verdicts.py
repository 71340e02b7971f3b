"""The README's table of everything that the paper shows, beside what came out here."""

from collections.abc import Callable, Iterator
from pathlib import Path

from dsd.atomic import atomic_write
from dsd.experiments.catalogue import REPOSITORY
from dsd.experiments.markdown import markdown_table
from dsd.experiments.provenance import Result, load_result
from dsd.experiments.verdict import MEANINGS, NOTHING, Verdict, judge
from dsd.experiments.verdicts_figures import figure1, figure2, figure3, figure4, figure6, figure7
from dsd.experiments.verdicts_restoration import figure8, figure10, figure11
from dsd.experiments.verdicts_tables import figure9, table1, table2, table3

SAMPLE = REPOSITORY / "figures" / "sample"
BEGIN, END = "<!-- verdicts: begin -->\n", "<!-- verdicts: end -->\n"


def figure5(result: Result | None) -> Iterator[Verdict]:
    """A drawing, which decides nothing; `result`: None where it is not drawn."""
    says, here = "a drawing of three losses, without numbers", "drawn with real matrices" if result else NOTHING
    yield Verdict("Fig. 5", says, NOTHING, here, verdict=NOTHING)


ROWS: dict[str, Callable[[Result | None], Iterator[Verdict]]] = {
    **{"fig1": figure1, "fig2": figure2, "fig3": figure3, "fig4": figure4, "fig5": figure5, "fig6": figure6},
    **{"fig7": figure7, "tab1": table1, "tab2": table2, "tab3": table3},
    **{"fig8": figure8, "fig9": figure9, "fig10": figure10, "fig11": figure11},
}


def verdicts(folder: Path = SAMPLE) -> list[Verdict]:
    """All of the paper's items in its order.

    Args:
        folder: of the figures' files; what is not there was not run.
    """
    results = {name: found(name, folder) for name in ROWS}
    return [row for name, rows in ROWS.items() for row in judge(rows(results[name]), results[name])]


def markdown(rows: list[Verdict]) -> str:
    """The rows as a table, and what their verdicts mean."""
    head = ["item", "the paper says", "paper's number", "here", "same data?", "same weights?", "verdict"]
    lines = [[row.item, row.says, row.paper, row.here, row.same_data, row.same_weights, row.verdict] for row in rows]
    given = {row.verdict for row in rows}
    meanings = [[word, meaning] for word, meaning in MEANINGS.items() if word in given]
    return f"{markdown_table(head, lines)}\n{markdown_table(['verdict', 'meaning'], meanings)}"


def write(readme: Path = REPOSITORY / "README.md") -> None:
    """Put the table between its two marks into the README.

    Raises:
        ValueError: it lacks a mark.
    """
    text = readme.read_text(encoding="utf-8")
    if not 0 <= text.find(BEGIN) < text.find(END):
        raise ValueError(f"{readme} must have the lines {BEGIN.strip()} and {END.strip()}")
    before, rest = text.split(BEGIN, 1)
    with atomic_write(readme, "w", encoding="utf-8") as file:
        file.write(before + BEGIN + markdown(verdicts()) + END + rest.split(END, 1)[1])


def found(name: str, folder: Path) -> Result | None:
    """A result; None where there is none yet."""
    return load_result(name, folder) if (folder / f"{name}.csv").is_file() else None
