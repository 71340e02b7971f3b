"""Small images to compare."""

import numpy as np
from PIL import Image


def save(path, seed, size=(40, 48), noise=0):
    """Random pixels, the same for a seed, and noise on them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(60, 190, (*size, 3))
    pixels = pixels + np.random.default_rng(99).integers(-noise, noise + 1, pixels.shape)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def save_pairs(folder, count=3):
    """References, and the same with rising noise, of another suffix."""
    for number in range(count):
        save(folder / "sharp" / f"{number}.png", number)
        save(folder / "noisy" / f"{number}.bmp", number, noise=10 * (number + 1))
    return folder / "sharp", folder / "noisy"
