"""What is said of one thing that the paper shows."""

from dataclasses import dataclass

from dsd.backbones.vgg19 import TORCHVISION_FILE
from dsd.experiments.provenance import Result

DIRECTION, NOT, UNDECIDED = "same direction", "**not reproduced**", "not decided"
NOT_RUN, OTHER_DATA = "not run", "other data"


@dataclass(frozen=True)
class Verdict:
    """One thing that the paper shows."""

    item: str
    says: str
    paper: str
    here: str = "–"
    same_data: str = "–"
    same_weights: str = "–"
    verdict: str = NOT_RUN


def origin_of(result: Result, same_data: bool = False) -> dict[str, str]:
    """Whether data and weights are the paper's."""
    torchvision = TORCHVISION_FILE.stem.removeprefix("vgg19-")  # begins with the file's SHA-256
    weights = result.provenance["weights_sha256"].startswith(torchvision)
    return {"same_data": "yes" if same_data else "no", "same_weights": "yes" if weights else "no"}
