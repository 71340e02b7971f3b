"""Fig. 9 in numbers: SSIM and NIQE of each network on the images that all have, and which ones no other beats."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from dsd.data.images import find_images, load_image
from dsd.data.restoration_sets import results_of
from dsd.experiments.provenance import Result
from dsd.experiments.restorations import loss_name, with_texts
from dsd.paths import find_folder
from dsd.quality.means import over_images
from dsd.restore.evaluate import Evaluator
from dsd.restore.testing import pairs_of

AXES = {"authors": ("ssim_rgb_authors", "niqe_authors"), "usual": ("ssim_y", "niqe")}  # SSIM, NIQE by protocol
COLUMNS = ["ssim_rgb_authors", "niqe_authors", "ssim_y", "niqe"]
METHODS = {"enhancenet": "EnhanceNet", "vdsr": "VDSR"}
TRUTH = "Ground truth"


def values_by_image(scores: pd.DataFrame, panel: str) -> pd.DataFrame:
    """Each loss and layer on each image: means over seeds."""
    names = [loss_name(loss, backbone) for loss, backbone in zip(scores.loss, scores.backbone, strict=True)]
    if panel == "deblur":
        names = ["Blurred" if name == loss_name("bicubic") else name for name in names]
    keys = ["name", "loss", "backbone", "layer"]
    groups = scores.assign(name=names).reindex(columns=[*keys, "image", "seed", *COLUMNS])
    groups["seeds"] = groups.groupby(keys).seed.transform("nunique")
    return groups.groupby([*keys, "image", "seeds"], sort=False, as_index=False)[COLUMNS].mean()


def files_of(method: str) -> dict[str, str]:
    """A method's results by name of the image: of the data root's, or of any folder."""
    try:
        return {name: str(path) for name, path in results_of(method).items()}
    except FileNotFoundError as error:
        try:
            paths = find_images(find_folder(method))
        except FileNotFoundError:
            raise error from None
        files = {path.stem: str(path) for path in paths}
        if len(files) < len(paths):
            raise ValueError(
                f"{method} has several images of one name: {len(paths)} files, {len(files)} names"
            ) from None
        return files


def evaluated(name: str, images: set[str], files: Mapping[str, Mapping[str, str]], scale: int) -> pd.DataFrame:
    """Other networks' results, and the clean images' NIQE."""
    evaluator = Evaluator(COLUMNS, border=scale, device="cpu")
    rows = []
    for pair in pairs_of(name):
        if pair.image not in images:
            continue
        clean = pair.clean[None]
        rows.append({"name": TRUTH, "image": pair.image} | _plain(evaluator(clean, notes={})))
        for method, of in files.items():
            values = _plain(evaluator(load_image(of[pair.image])[None], clean, notes={}))
            rows.append({"name": method_name(method), "image": pair.image} | values)
    return pd.DataFrame(rows)


def _plain(values: Mapping[str, Any]) -> dict[str, float]:
    return {key: value.item() for key, value in values.items()}


def method_name(method: str) -> str:
    """What a method is called: a folder's name, or what the method's authors say.

    Example:
        >>> method_name("vdsr"), method_name("results/mine/")
        ('VDSR', 'mine')
    """
    name = method.rstrip("/").rpartition("/")[2]
    return METHODS.get(name, name)


def points(values: pd.DataFrame, protocol: str, seed: int) -> pd.DataFrame:
    """Means over images with intervals, and which of them are on the front."""
    tables = []
    keys = ["name", "loss", "backbone", "layer"]
    for key, rows in values.groupby(keys, sort=False):
        table = over_images(rows.sort_values("image")[COLUMNS], seed).rename_axis("statistic").reset_index()
        what: dict[str, Any] = dict(zip(keys, key, strict=True))
        tables.append(table.assign(**what, seeds=rows.seeds.max()))
    table = pd.concat(tables, ignore_index=True)
    at = table[(table.statistic == "mean") & (table.name != TRUTH)]
    front = at.index[on_front(*(at[column].to_numpy(float) for column in AXES[protocol]))]
    return table.assign(on_front=table.index.isin(front))


def on_front(ssim: np.ndarray, niqe: np.ndarray) -> np.ndarray:
    """Which points no other one beats: at least as high an SSIM, at most as high a NIQE, and one of them better.

    Example:
        >>> on_front(np.array([0.9, 0.8, 0.7]), np.array([5.0, 4.0, 4.5])).tolist()
        [True, True, False]
    """
    better = (ssim[:, None] >= ssim) & (niqe[:, None] <= niqe) & ((ssim[:, None] > ssim) | (niqe[:, None] < niqe))
    return ~better.any(axis=0) & np.isfinite(ssim) & np.isfinite(niqe)


def points_of(result: Result, panel: str) -> pd.DataFrame:
    """A row for each network: `ssim` and `niqe`, each with `_low` and `_high`, of the protocol that is drawn."""
    rows = result.table[(result.table.panel == panel) & (result.table.statistic != "value")]
    rows = with_texts(rows, "loss", "backbone", "layer")
    wide = {}
    for kind, column in zip(("ssim", "niqe"), AXES[result.parameters["protocol"]], strict=True):
        for end in ("mean", "low", "high"):
            of = rows[rows.statistic == end].set_index(["name", "layer"])
            wide[kind if end == "mean" else f"{kind}_{end}"] = of[column]
    about = rows[rows.statistic == "mean"].set_index(["name", "layer"])[["loss", "seeds", "on_front"]]
    return pd.DataFrame(wide).join(about).reset_index()
