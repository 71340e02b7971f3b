"""Opens the explorer: ``python -m dsd.explore lab`` in JupyterLab, ``python -m dsd.explore app`` as a page."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from dsd.paths import data_root

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "explore.ipynb"
SETTINGS = NOTEBOOK.parent / "jupyter"  # of both servers; Voilà's template, which loads nothing from elsewhere
SERVERS = {"lab": "jupyterlab", "app": "voila"}


def command(kind: str, options: Sequence[str] = ()) -> list[str]:
    """What opens the explorer.

    Args:
        kind: ``"lab"`` or ``"app"``.
        options: of JupyterLab or Voilà.

    Raises:
        ValueError: another kind.
        ModuleNotFoundError: the server is not installed.

    Example:
        >>> command("lab")[1:3]
        ['-m', 'jupyterlab']
    """
    if kind not in SERVERS:
        raise ValueError(f"the explorer opens as one of {', '.join(SERVERS)}; got {kind!r}")
    if find_spec(SERVERS[kind]) is None:
        raise ModuleNotFoundError(f"{SERVERS[kind]} is not installed: pip install 'dsd[explore]'")
    return [sys.executable, "-m", SERVERS[kind], str(NOTEBOOK), *options]


def environment() -> dict[str, str]:
    """Of that command. The data root is absolute: the notebook runs in its own folder."""
    paths = {
        name: os.pathsep.join(filter(None, (str(SETTINGS), os.environ.get(name))))
        for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH")
    }
    return {**os.environ, "DSD_DATA": str(data_root().resolve()), **paths}


def main(arguments: Sequence[str]) -> None:
    """Become the server."""
    try:
        words = command(arguments[0] if arguments else "", arguments[1:])
    except (ValueError, ModuleNotFoundError) as error:
        sys.exit(str(error))
    os.execve(words[0], words, environment())


if __name__ == "__main__":
    main(sys.argv[1:])
