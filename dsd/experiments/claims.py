"""What the paper claims, numbered, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from dsd.experiments.verdict import (
    DIRECTION,
    NO_TEST,
    NOT,
    NOT_RUN,
    REPRODUCED,
    UNDECIDED,
    Verdict,
)

PART = "in part"
PART_MEANS = "some of its parts hold, others do not or are not decided"


@dataclass(frozen=True)
class Claim:
    """One claim of the paper."""

    text: str
    where: str
    """In the paper."""
    rows: tuple[tuple[str, str], ...]
    """Which of :func:`.verdicts` decide it: their `item`, and a part of what they say."""


# The paper does not number its claims; the order is its own.
CLAIMS = (
    Claim(
        "The network often outputs completely different classes for one image at different resolutions.",
        "Sec. 1, Fig. 1",
        (("Fig. 1", "at another scale"),),
    ),
    Claim(
        "Small patches and shallow layers have similar statistics across scales: Self is significantly below Random.",
        "Sec. 3.2, Fig. 2",
        (("Fig. 2 (b)", "patches"), ("Fig. 2 (a)", "shallow layers")),
    ),
    Claim(
        "In deep layers the scales of one image differ about as much as different images do.",
        "Sec. 3.2, Fig. 2 (a)",
        (("Fig. 2 (a)", "deep layers"),),
    ),
    Claim(
        "Images of low DSD have large smooth regions, those of high DSD have fine textures.",
        "Sec. 3.3, Fig. 3",
        (("Fig. 3", "smooth"),),
    ),
    Claim(
        "Matching DSD requires sharper, more detailed structures than matching style at three scales.",
        "Sec. 3.3, Fig. 4",
        (("Fig. 4", "sharper"),),
    ),
    Claim(
        "An image has a best DSD: 500 steps towards a smaller one make ESRGAN's output sharper and more natural.",
        "Sec. 3.5, Fig. 6",
        (("Fig. 6", "sharper"),),
    ),
    Claim("Natural images have very different DSD.", "Sec. 3.5, Fig. 7", (("Fig. 7", "differs widely"),)),
    Claim(
        "As a full-reference measure, DSD of deep layers agrees best with people: better than at shallow layers, than "
        "Perceptual, Style and LPIPS.",
        "Sec. 3.4, Table 1",
        (
            ("Tab. 1", "the highest"),
            ("Tab. 1", "ReLU5_1 − DSD_2 at ReLU2_1"),
            ("Tab. 1", "− LPIPS"),
            ("Tab. 1", "− Perceptual"),
            ("Tab. 1", "− Style"),
        ),
    ),
    Claim(
        "The difference between scales tells more than style added up over scales (MSS).",
        "Sec. 3.4, Fig. 5, Table 1",
        (("Tab. 1", "− MSS"),),
    ),
    Claim(
        "Without a reference, DSD_4 agrees with people significantly better than NIQE, Ma and BRISQUE.",
        "Sec. 3.5, Table 2",
        (("Tab. 2", "DSD_4 − NIQE"), ("Tab. 2", "DSD_4 − Ma"), ("Tab. 2", "DSD_4 − BRISQUE")),
    ),
    Claim(
        "Among losses on feature distributions DSD is among the best in LPIPS and NIQE.",
        "Sec. 4.1, Table 3",
        (("Tab. 3", "DSD is among the best"),),
    ),
    Claim(
        "Super-resolution with DSD is at least as photo-realistic as that of GANs, without adversarial training.",
        "Sec. 4.1, Figs. 8 and 9 (a)",
        (("Fig. 8", "sharper"), ("Fig. 9", "among the best")),
    ),
    Claim("DSD leaves fewer grid artifacts than other losses.", "Sec. 4.1, Fig. 10", (("Fig. 10", "grid"),)),
    Claim(
        "Motion deblurring with DSD is sharper than with style, and has no ghosts.",
        "Sec. 4.2, Figs. 9 (b) and 11",
        (("Fig. 11", "deblurring"),),
    ),
)


def rows_of(claim: Claim, rows: Sequence[Verdict]) -> list[Verdict]:
    """The rows that decide a claim."""
    return [row for row in rows if any(row.item == item and part in row.says for item, part in claim.rows)]


def verdict_of(rows: Sequence[Verdict]) -> str:
    """One word for a claim: that of all its rows that were run, where they agree.

    Args:
        rows: that decide it.

    Returns:
        "in part" where some hold; "not reproduced" where none holds and one does not.

    Example:
        >>> verdict_of([Verdict("Fig. 1", "a", "–", verdict="direction only"), Verdict("Fig. 1", "b", "–")])
        'direction only'
    """
    words = {row.verdict for row in rows} - {NOT_RUN}
    if not words:
        return NOT_RUN
    if len(words) == 1:
        return words.pop()
    if words <= {REPRODUCED, DIRECTION}:
        return DIRECTION
    if words <= {NOT, UNDECIDED}:
        return NOT
    return NO_TEST if NO_TEST in words else PART
