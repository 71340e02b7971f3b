"""LIVE's human scores as published, release 2, brought into a table of ratings."""

import csv
from pathlib import Path

import numpy as np

from dsd.atomic import atomic_write
from dsd.paths import find_folder

# The release's folders in the order of its tables, and how many images each has: img1.bmp, img2.bmp, …
FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}


def convert_live(folder: str | Path) -> Path:
    """Write ``ratings.csv`` for LIVE, release 2, so that :meth:`dsd.data.rated.RatedImages.csv` can read it.

    What is assumed of the release, as many published programs read it:

    - ``jp2k/img1.bmp`` … ``img227.bmp``, then ``jpeg/`` (233), ``wn/``, ``gblur/``, ``fastfading/`` (174 each): this is
      the order of the 982 entries in its tables.
    - ``dmos_realigned.mat`` (a download beside the images) has, for each, `dmos_new`, `dmos_std`, and `orgs`: 1 where
      the image is an original that was hidden among the others. Originals are left out.
    - ``refnames_all.mat`` has `refnames_all`: for each the name of its reference in ``refimgs/``.

    Args:
        folder: the release as published, with ``dmos_realigned.mat`` put into it; a path, or a name under the data
            root.

    Returns:
        ``ratings.csv`` in the folder: columns reference, distorted, distortion, dmos (0: like the reference, 100: bad)
        and dmos_std, one row for each distorted image.

    Raises:
        FileNotFoundError: no such folder; a table or an image is missing.
        ValueError: a table is damaged or has not what is expected.
        ModuleNotFoundError: SciPy is not installed.

    Reference:
        Sheikh et al., "A statistical evaluation of recent full reference image quality assessment algorithms", 2006.
    """
    root = find_folder(folder)
    distorted = [f"{kind}/img{n}.bmp" for kind, count in FOLDERS.items() for n in range(1, count + 1)]
    dmos, std, original = _read_mat(root / "dmos_realigned.mat", ("dmos_new", "dmos_std", "orgs"), len(distorted))
    (references,) = _read_mat(root / "refnames_all.mat", ("refnames_all",), len(distorted))
    rows = [
        (f"refimgs/{name.item()}", image, image.split("/")[0], f"{score:.6f}", f"{deviation:.4f}")
        for name, image, score, deviation, hidden in zip(references, distorted, dmos, std, original, strict=True)
        if not hidden
    ]
    images = sorted({image for row in rows for image in row[:2]})
    if missing := [image for image in images if not (root / image).is_file()]:
        raise FileNotFoundError(f"{len(missing)} of LIVE's images are missing in {root}: {', '.join(missing[:3])} …")
    out = root / "ratings.csv"
    with atomic_write(out, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("reference", "distorted", "distortion", "dmos", "dmos_std"), *rows])
    return out


def _read_mat(path: Path, names: tuple[str, ...], count: int) -> list[np.ndarray]:
    """Variables of a MATLAB file, of which each must have so many values."""
    from scipy.io import loadmat

    if not path.is_file():
        raise FileNotFoundError(f"no {path.name} in {path.parent}: LIVE, release 2, as published is expected")
    try:
        tables = loadmat(path)
    except Exception as error:  # of damaged files it raises whatever it stumbles over
        raise ValueError(f"{path} is no MATLAB file, or is damaged: {error}") from error
    for name in names:
        if name not in tables or tables[name].size != count:
            was = f"{tables[name].size} values" if name in tables else "none"
            raise ValueError(f"{path} must have {count} values of {name}, it has {was}")
    return [tables[name].flatten() for name in names]
