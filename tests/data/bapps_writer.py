"""A small folder in BAPPS's published layout."""

import numpy as np
import torch

from dsd.data.images import save_image

FOLDERS = {"2afc": ("ref", "p0", "p1", "judge"), "jnd": ("p0", "p1", "same")}


def write_bapps(folder, shares, question="2afc", split="val", side=32):
    """Images of noise, p1 always closer to the reference; shares: {subset: of each judgement}."""
    generator = torch.Generator().manual_seed(0)
    *images, answers = FOLDERS[question]
    for subset, values in shares.items():
        root = folder / question / split / subset
        for number, share in enumerate(values):
            x = torch.rand(3, side, side, generator=generator)
            noise = torch.randn(3, side, side, generator=generator)
            for kind in images:
                amount = {"ref": 0, "p0": 0.3, "p1": 0.1}[kind] if question == "2afc" else (kind == "p1") * (1 - share)
                (root / kind).mkdir(parents=True, exist_ok=True)
                save_image((x + amount * noise).clamp(0, 1), root / kind / f"{number:06}.png")
            (root / answers).mkdir(exist_ok=True)
            np.save(root / answers / f"{number:06}.npy", np.array([share], dtype=np.float32))
    return folder
