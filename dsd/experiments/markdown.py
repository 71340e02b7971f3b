"""Tables as Markdown, and numbers with their intervals."""

import math
from collections.abc import Iterable, Sequence
from typing import Any


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


def with_interval(value: Any, low: Any, high: Any, *, form: str = ".2f") -> str:
    """A number and its interval; the number alone where an end is NaN.

    Example:
        >>> with_interval(-0.5, -0.75, 0.25), with_interval(0.5, 0.25, 0.75, form="+.1f"), with_interval(1, math.nan, 2)
        ('−0.50 [−0.75, 0.25]', '+0.5 [+0.2, +0.8]', '1.00')
    """
    ends = "" if math.isnan(low) or math.isnan(high) else f" [{low:{form}}, {high:{form}}]"
    return f"{value:{form}}{ends}".replace("-", "−")
