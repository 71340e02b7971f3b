"""Tables as Markdown."""

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of text as Markdown.

    Args:
        head: names of the columns.
        rows: each as long as the head.

    Example:
        >>> print(markdown_table(["a", "b"], [["1", "2"]]), end="")
        | a | b |
        | --- | --- |
        | 1 | 2 |
    """
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *rows))
