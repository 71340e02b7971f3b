"""Which images show one photograph: data sets share some, cut differently and under other names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from skimage.feature import match_template

from dsd.data.images import load_image

SMALLER, ALIKE = 4, 0.8  # how much smaller copies are; correlation of what shows the same


def same_photographs(paths: Sequence[Path]) -> dict[Path, frozenset[Path]]:
    """Find images that show the same photograph at the same scale, also where one is cut.

    The middle half of one, 4 times smaller, is found in the other where their correlation is above 0.8. LIVE and
    TID2013 share photographs of Kodak's; TID2013 has them cut.

    Args:
        paths: image files.

    Returns:
        {path: all that show the same, itself among them}.

    Example:
        >>> from dsd.data.images import embedded_photographs
        >>> paths = embedded_photographs()[:3]
        >>> same_photographs(paths) == {path: frozenset([path]) for path in paths}
        True
    """
    small = {path: F.avg_pool2d(load_image(path).mean(dim=0, keepdim=True), SMALLER)[0].numpy() for path in paths}
    groups = {path: {path} for path in small}
    for number, a in enumerate(small):
        for b in list(small)[number + 1 :]:
            if a not in groups[b] and (_shows(small[a], small[b]) or _shows(small[b], small[a])):
                groups[a] |= groups[b]
                for path in groups[a]:
                    groups[path] = groups[a]
    return {path: frozenset(group) for path, group in groups.items()}


def _shows(whole: np.ndarray, other: np.ndarray) -> bool:
    """Whether the middle half of the other one is in the whole one."""
    height, width = other.shape
    part = other[height // 4 : height - height // 4, width // 4 : width - width // 4]
    fits = part.shape[0] <= whole.shape[0] and part.shape[1] <= whole.shape[1]
    return fits and bool(match_template(whole, part).max() > ALIKE)
