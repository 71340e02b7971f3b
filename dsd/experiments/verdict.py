"""What is said of one thing that the paper shows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from dsd.backbones.vgg19 import TORCHVISION_FILE
from dsd.experiments.provenance import Result

REPRODUCED, DIRECTION, NOT, UNDECIDED = "reproduced", "direction only", "**not reproduced**", "not decided"
NOT_RUN, OTHER_DATA, NO_TEST = "not run", "other data", "no test"
LARGER, FITTED, OTHER_LAYER, NOTHING = "larger", "fitted", "same measure, other layer", "–"
MEANINGS = {
    REPRODUCED: "the same number or effect, with the paper's data and weights",
    DIRECTION: "what the paper says holds here, on other data or with other weights",
    OTHER_LAYER: "the same measure is best, at another layer",
    LARGER: "Self exceeds Random by more than a quarter",
    NOT: "no such effect, the opposite, or less than our criterion asks",
    UNDECIDED: "the interval leaves it open, the images are too few, or they are no test of it",
    FITTED: "we chose the step size so that it agrees: no test",
    OTHER_DATA: "other images, ratings or weights: the numbers cannot be compared",
    NOT_RUN: "the data set is missing, or the training is not done",
    NO_TEST: "the quick preset: it runs, with too little data and another network",
}

PAPERS_SETS = ("imagenet/val", "PieAPP", "pieapp")  # how their names begin


@dataclass(frozen=True)
class Verdict:
    """One thing that the paper shows."""

    item: str
    says: str
    paper: str
    here: str = NOTHING
    same_data: str = NOTHING
    same_weights: str = NOTHING
    verdict: str = NOT_RUN
    why: str = ""
    """What decides it, and what differs from the paper."""
    stamp: str = NOTHING
    """Commit, preset, network and weights."""


def origin_of(result: Result, same_data: bool | None = None) -> dict[str, str]:
    """Whether data and weights are the paper's, and where the numbers come from.

    Args:
        result: whose.
        same_data: None: where all its images are of a set of `PAPERS_SETS`.
    """
    about = result.provenance
    if same_data is None:
        same_data = all(str(data.get("dataset")).startswith(PAPERS_SETS) for data in about["datasets"].values())
    torchvision = TORCHVISION_FILE.stem.removeprefix("vgg19-")  # begins with the file's SHA-256
    weights = about["weights_sha256"].startswith(torchvision)
    made = (about.get("commit"), result.parameters.get("preset"), about.get("backbone"))
    return {
        "same_data": "yes" if same_data else "no",
        "same_weights": "yes" if weights else "no",
        "stamp": " · ".join(map(str, made)) + f" {about['weights_sha256'][:8]}",
    }


def judge(rows: Iterator[Verdict], result: Result | None) -> Iterator[Verdict]:
    """Rows with the word that data and weights allow.

    What holds with the paper's data and weights is reproduced; the quick preset decides nothing.
    """
    quick = result is not None and result.parameters["preset"] == "quick"
    for row in rows:
        if quick and row.verdict not in (NOT_RUN, NOTHING):
            yield replace(row, verdict=NO_TEST, why="ten photographs and VGG-19 lite")
        elif row.verdict == DIRECTION and row.same_data == row.same_weights == "yes":
            yield replace(row, verdict=REPRODUCED)
        else:
            yield row


def judge_numbers(pairs: Iterable[tuple[float, float]], origin: Mapping[str, str], close: float) -> str:
    """The verdict on printed numbers: comparable only with the paper's data and weights.

    Args:
        pairs: ours and the paper's.
        origin: as from :func:`origin_of`.
        close: how far apart they may be.

    Example:
        >>> judge_numbers([(0.76, 0.769)], {"same_data": "yes", "same_weights": "yes"}, 0.02)
        'reproduced'
        >>> judge_numbers([(0.76, 0.769)], {"same_data": "no", "same_weights": "yes"}, 0.02)
        'other data'
    """
    if not origin["same_data"] == origin["same_weights"] == "yes":
        return OTHER_DATA
    return REPRODUCED if all(abs(ours - theirs) <= close for ours, theirs in pairs) else NOT
