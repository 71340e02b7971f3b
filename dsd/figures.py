"""The one look of all figures, and what each says about how it was made."""

import hashlib
import json
import platform
import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import torchvision
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

import dsd
from dsd.data import Photographs
from dsd.data.rated import RatedImages
from dsd.frozen import Backbone

# The paper's blue, red and green, in the shades of Paul Tol's colour-blind-safe "bright" scheme.
COLORS = {"Random": "#4477AA", "Same class": "#EE6677", "Self": "#228833"}
HERE = Path(__file__).parent


def use_style() -> None:
    """Make matplotlib draw in the project's look."""
    plt.style.use(HERE / "figures.mplstyle")


def pretty(layer: str) -> str:
    """A layer's name as the paper prints it: relu1_2 → ReLU1_2."""
    return layer.replace("relu", "ReLU")


def parameters(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """A notebook's parameters: the plain values in its namespace, before anything else is defined there.

    Where the output goes is left out: it says nothing about the result.
    """
    return {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_")
        and name not in ("In", "out_dir")
        and isinstance(value, str | int | float | list | None)
    }


def provenance(
    parameters: Mapping[str, Any], backbone: Backbone, datasets: Mapping[str, Photographs | RatedImages], seconds: float
) -> dict[str, Any]:
    """Everything needed to tell how a figure came about: code, parameters, network, data, versions, machine.

    Returns:
        A JSON-ready dict; `commit` ends in ``+dirty`` when the code differed from it.
    """
    device = backbone.device.type
    return {
        "commit": _commit(),
        "parameters": dict(parameters),
        **backbone.describe(),
        "datasets": {role: images.describe() for role, images in datasets.items()},
        "versions": {
            "dsd": dsd.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "numpy": np.__version__,
        },
        "device": torch.cuda.get_device_name() if device == "cuda" else f"{device}, {torch.get_num_threads()} threads",
        "seconds": round(seconds, 1),
    }


def checkpoints(name: str, parameters: Mapping[str, Any], backbone: Backbone) -> Path:
    """A folder for what a long computation goes on from: another one for every setting, and for every commit.

    Args:
        name: of the figure.
        parameters: of its notebook.
        backbone: its network.

    Returns:
        ``build/checkpoints/<name>-<hash>`` in the repository, or the working folder where there is none.
    """
    setting = json.dumps([_commit(), dict(parameters), backbone.describe()], sort_keys=True)
    root = HERE.parent if (HERE.parent / "notebooks").is_dir() else Path()
    return root / "build" / "checkpoints" / f"{name}-{hashlib.sha256(setting.encode()).hexdigest()[:12]}"


def draw_close_up(whole: Axes, close: Axes, image: Tensor, zoom: Sequence[float]) -> None:
    """Draw an image, with a frame around a square part of it, and that part alone.

    Args:
        whole: where the image goes.
        close: where the part goes.
        image: float (3, H, W) in [0, 1].
        zoom: the part's centre (x, y) and its side, as shares of the image.
    """
    pixels = image.permute(1, 2, 0).numpy()
    height, width = pixels.shape[:2]
    side = round(zoom[2] * min(height, width))
    left, top = (round(where * size - side / 2) for where, size in zip(zoom, (width, height), strict=False))
    whole.imshow(pixels)
    whole.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor="white", linewidth=0.8))
    close.imshow(pixels[max(top, 0) : top + side, max(left, 0) : left + side], interpolation="nearest")
    for axis in (whole, close):
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
        axis.spines[:].set_visible(False)


def stamp(figure: Figure, made: Mapping[str, Any]) -> None:
    """Write preset, backbone and data in small letters under a figure; random weights in large ones."""
    datasets = dict.fromkeys(data["summary"] for data in made["datasets"].values())
    backbone = f"{made['backbone']}, weights {made['weights']} {made['weights_sha256'][:8]}, {made['precision']}"
    text = f"preset {made['parameters']['preset']} · {backbone} · {' · '.join(datasets)} · {made['commit']}"
    figure.supxlabel(textwrap.fill(text, int(25 * figure.get_figwidth())), fontsize=5.5, color="0.4")
    if made["weights"] == "random":
        figure.suptitle("RANDOM WEIGHTS: not a result", color="red", fontweight="bold")


def save_table(table: pd.DataFrame, made: Mapping[str, Any], name: str, folder: str | Path) -> None:
    """Write name.csv (the numbers) and name.json (provenance), before anything is drawn.

    Args:
        table: the numbers.
        made: what :func:`provenance` returned.
        name: of the figure, ``fig2``.
        folder: where to; made when missing.
    """
    target = Path(folder) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(target.with_suffix(".csv"), index=False, float_format="%.6g")
    target.with_suffix(".json").write_text(_json(made) + "\n", encoding="utf-8")


def check_data(made: Mapping[str, Any], datasets: Mapping[str, Photographs]) -> None:
    """Make sure that a figure drawn again shows the images it was made from.

    Args:
        made: its provenance.
        datasets: the images, by their role in it.

    Raises:
        ValueError: they are others.
    """
    for role, images in datasets.items():
        before, now = made["datasets"][role], images.describe()
        if before != now:
            raise ValueError(f"{images.name} is not what the figure was made from: it was {before}, it is {now}")


def load_table(name: str, folder: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read back what :func:`save_table` wrote, to draw it again without computing: the table and its provenance."""
    target = Path(folder) / name
    return pd.read_csv(target.with_suffix(".csv")), json.loads(target.with_suffix(".json").read_text(encoding="utf-8"))


def save_figure(figure: Figure, made: Mapping[str, Any], name: str, folder: str | Path) -> None:
    """Stamp a figure and write name.png (300 dpi) and name.pdf with the provenance in their metadata.

    Args, see :func:`save_table`.
    """
    target = Path(folder) / name
    stamp(figure, made)
    figure.savefig(target.with_suffix(".png"), metadata={"Title": name, "Description": _json(made)})
    figure.savefig(target.with_suffix(".pdf"), metadata={"Title": name, "Subject": _json(made)})


def _json(made: Mapping[str, Any]) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False)


def _commit() -> str:
    """Short hash of the repository's commit, with +dirty when code or notebooks differ from it."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=HERE, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", ".", "../notebooks", "../pyproject.toml", "../requirements.lock")
        return git("rev-parse", "--short", "HEAD") + ("+dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
