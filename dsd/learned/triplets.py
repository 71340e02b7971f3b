"""What is learned from: by what share of people the second of two images was found closer to their reference."""

import numpy as np
from scipy.special import ndtr

from dsd.data.bapps import JudgedImages, Judgement
from dsd.data.rated import RatedImages
from dsd.paths import find_folder


def load_triplets(images: str) -> JudgedImages:
    """Triplets of a data set that people judged or rated.

    Args:
        images: a folder of BAPPS's layout (``2afc/train``), of PieAPP's, or a table of ratings; a path, or a name under
            the data root.

    Raises:
        FileNotFoundError: no such folder or table, or files that belong to it are missing.
        ValueError: it cannot be understood, or is none of these.
    """
    if images.endswith(".csv"):
        return judged(RatedImages.csv(images))
    folder = find_folder(images)
    if (folder / "2afc").is_dir():
        return JudgedImages.read(images, "2afc", split="train")
    if (folder / "labels").is_dir():
        return judged(RatedImages.pieapp(images, "train"))
    raise ValueError(
        f"{folder} must be a folder of BAPPS (2afc/) or PieAPP (labels/), or give a table of ratings, .csv"
    )


def judged(rated: RatedImages) -> JudgedImages:
    r"""Rated pairs as triplets.

    Where a set has the probability p that people prefer the first image, the share is 1 − p. Where it has scores alone,
    shares are not known. Then Thurstone's model stands in for them,

    .. math:: \Phi(\Delta / s)

    where Δ is how much worse the first image was rated than the second, and s the root mean square of all Δ.

    Reference:
        Thurstone, "A law of comparative judgment", Psychological Review 34, 1927: Case V.
    """
    preference = np.array([pair.preference for pair in rated.pairs])
    if rated.kind == "probability":
        shares = 1 - preference
    else:
        spread = np.sqrt(
            np.mean(preference**2)
        )  # the order of a and b is arbitrary: the mean is no property of the set
        shares = ndtr(-preference / spread) if spread > 0 else np.full(len(preference), 0.5)
    return JudgedImages(
        rated.name,
        "2afc",
        rated.root,
        [
            Judgement(rated.name, pair.reference, (pair.a, pair.b), float(share))
            for pair, share in zip(rated.pairs, shares, strict=True)
        ],
    )
