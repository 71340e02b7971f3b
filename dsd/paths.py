"""Where the data root and the repository are."""

import os
from pathlib import Path


def data_root() -> Path:
    """Where data sets and weights are: the environment variable ``DSD_DATA``, else the repository's ``data/``."""
    repository = Path(__file__).parents[1] / "data"
    return Path(os.environ.get("DSD_DATA") or (repository if repository.is_dir() else "data"))


def find_folder(name: str | Path) -> Path:
    """Find a folder by its path, or by its name under the data root.

    Raises:
        FileNotFoundError: it is at neither place.
    """
    candidates = [Path(name), data_root() / name]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise FileNotFoundError(
        f"no folder {name}: looked at {' and '.join(map(str, candidates))} (data/README.md says how to get each set)"
    )
