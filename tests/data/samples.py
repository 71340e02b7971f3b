"""A picture to read and to cut."""

import numpy as np

GRADIENT = np.arange(12 * 20 * 3, dtype=np.uint8).reshape(12, 20, 3)


def save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path
