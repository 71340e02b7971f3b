"""Small sets that people "rated" for tests: noise of several strengths on two random images."""

import numpy as np
from PIL import Image


def write_rated(folder, levels=(10, 20, 40, 80), size=(40, 48), seed=0):
    """ratings.csv, whose score is the noise; higher is worse."""
    rows = ["reference,distorted,score"]
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(2):
        random = np.random.default_rng([seed, number])
        clean = random.integers(60, 200, (*size, 3))
        Image.fromarray(clean.astype(np.uint8)).save(folder / f"ref{number}.png")
        for level in levels:
            noisy = (clean + random.normal(0, level, clean.shape)).clip(0, 255)
            Image.fromarray(noisy.astype(np.uint8)).save(folder / f"{number}_{level}.png")
            rows.append(f"ref{number}.png,{number}_{level}.png,{level}")
    (folder / "ratings.csv").write_text("\n".join(rows))
    return str(folder / "ratings.csv")
