"""Scores as networks would have them, without training any."""

import numpy as np
import pandas as pd

from dsd.experiments.restorations import Variant
from dsd.restore.evaluate import MEASURES

BETTER = {"bicubic": 0, "l1": 0, "none": 1, "cx": 2, "pdl": 3, "style": 4, "mss": 4, "dsd": 5}


def made_up_scores(runs, sets):
    """What ``train_and_score`` returns: losses later in `BETTER` have lower values of all measures.

    Args:
        runs: "loss layer seed" each.
        sets: {test set: names of its images}.
    """
    generator = np.random.default_rng(0)
    rows = []
    for variant in (Variant("bicubic", "", 0), Variant("l1", "", 0), *map(Variant.parse, runs)):
        for name, images in sets.items():
            for k, image in enumerate(images):
                values = dict.fromkeys(MEASURES, 30 - BETTER[variant.loss] + 5 * k)
                values = {measure: value + 0.01 * generator.normal() for measure, value in values.items()}
                rows.append({"set": name, "image": image, "run": variant.name} | vars(variant) | values)
    return pd.DataFrame(rows)
