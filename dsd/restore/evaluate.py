"""How restored images are compared with clean ones: two protocols, named beside every number."""

import math
import warnings
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure
from tqdm import tqdm

from dsd.backbones import find_device
from dsd.checks import check_images, check_integer
from dsd.data.images import find_images, load_image
from dsd.losses.base import check_pair
from dsd.paths import find_folder
from dsd.quality.classic import psnr
from dsd.quality.lpips import LPIPS
from dsd.quality.natural_scenes import to_grey
from dsd.quality.niqe import NIQE

if TYPE_CHECKING:  # only tables need pandas
    import pandas as pd

WINDOW = 11  # of SSIM, in pixels


class Measure(NamedTuple):
    """One column of a table."""

    words: str
    """What it is."""
    kind: str
    """What computes it."""
    protocol: str
    """Key of :meth:`Evaluator.protocols`."""


MEASURES: Mapping[str, Measure] = {
    "psnr_y": Measure("PSNR of Y, dB", "psnr_y", "usual"),
    "ssim_y": Measure("SSIM of Y", "ssim_y", "usual"),
    "psnr_rgb": Measure("PSNR of RGB, dB", "psnr_rgb", "usual"),
    "lpips": Measure("LPIPS 0.1, AlexNet, of RGB", "lpips", "usual"),
    "niqe": Measure("NIQE of rounded Y, released parameters", "niqe", "usual"),
    "psnr_y_authors": Measure("PSNR of Y, dB", "psnr_y", "authors"),
    "ssim_rgb_authors": Measure("SSIM of RGB", "ssim_rgb", "authors"),
    "lpips_authors": Measure("LPIPS 0.1, AlexNet, of RGB", "lpips", "authors"),
    "niqe_authors": Measure("NIQE of rounded Y, released parameters", "niqe", "authors"),
}


class Evaluator(nn.Module):
    r"""Restored images against clean ones, or without any: PSNR, SSIM, LPIPS and NIQE, under two protocols.

    .. math:: Y = 16 + 65.481 R + 128.553 G + 24.966 B, \qquad
        \mathrm{PSNR} = 10 \log_{10} \frac{255^2}{\mathrm{mean}\,(Y_1 - Y_2)^2}

    Y is of BT.601, as of MATLAB's ``rgb2ycbcr``, with R, G, B in [0, 1]; its peak counts as 255.

    | protocol | the images |
    |---|---|
    | usual (papers on super-resolution) | rounded to 8 bits, then `border` pixels cut from each side |
    | authors (the paper's evaluation) | as they are, whole; names end in ``_authors`` |

    Y itself is rounded for NIQE only, under both protocols. SSIM has Gaussian windows of 11×11 pixels, σ 1.5, that lie
    inside the image ("valid", as of MATLAB's ``ssim_index`` and of BasicSR). Of RGB it is the mean of the three
    channels. NIQE has the released parameters. It changes by more than 1 with border and colour conversion.

    Args:
        measures: names out of `MEASURES`. LPIPS is left out where AlexNet's weights are missing; see `left_out`.
        border: pixels that the usual protocol cuts from each side; usually the factor of super-resolution.
        device: where images must be; ``"auto"`` is CUDA where there is one.

    Raises:
        ValueError: an unknown measure, or none; `border` is no integer of at least 0; no such device here.
        FileNotFoundError: only LPIPS was asked for, and AlexNet's weights are missing.

    Reference:
        Wang et al., "BasicSR: open source image and video restoration toolbox", 2022. Kligvasser et al., "Deep
        self-dissimilarities as powerful visual fingerprints", NeurIPS 2021.

    Example:
        >>> evaluator = Evaluator(["psnr_y", "ssim_y"], device="cpu")
        >>> x = torch.rand(2, 3, 40, 40)
        >>> evaluator(x, x)["psnr_y"]
        tensor([inf, inf], dtype=torch.float64)
    """

    left_out: dict[str, str]
    """Measures that were asked for and cannot be had here, and why."""

    def __init__(
        self, measures: Sequence[str] = tuple(MEASURES), border: int = 4, *, device: str | torch.device = "auto"
    ) -> None:
        super().__init__()
        named = not isinstance(measures, str) and isinstance(measures, Sequence)
        if not named or not measures or any(name not in MEASURES for name in measures):
            raise ValueError(f"measures must be a sequence of names out of {', '.join(MEASURES)}; got {measures!r}")
        self.border = check_integer(border, "border", 0)
        self.left_out = {}
        self.register_buffer("_place", torch.empty(0), persistent=False)
        kinds = {MEASURES[name].kind for name in measures}
        self.lpips = self._load_lpips(measures) if "lpips" in kinds else None
        self.niqe = NIQE(grey="y") if "niqe" in kinds else None
        self.names = tuple(name for name in dict.fromkeys(measures) if name not in self.left_out)
        if not self.names:
            raise FileNotFoundError(next(iter(self.left_out.values())))
        self.to(find_device(device))

    def _load_lpips(self, measures: Sequence[str]) -> LPIPS | None:
        try:
            return LPIPS("alexnet")
        except FileNotFoundError as error:
            self.left_out |= dict.fromkeys((name for name in measures if MEASURES[name].kind == "lpips"), str(error))
            return None

    @property
    def device(self) -> torch.device:
        """Where images must be."""
        return self.get_buffer("_place").device

    def protocols(self) -> dict[str, str]:
        """What each protocol does to the images first, in words."""
        cut = f"{self.border} pixels cut from each side" if self.border else "no border cut"
        return {
            "usual": f"images rounded to 8 bits, {cut}",
            "authors": "the authors' evaluation: images not rounded, no border cut",
        }

    def provenance(self) -> dict[str, Any]:
        """What its values depend on, as plain values."""
        return {
            "protocols": self.protocols(),
            "border": self.border,
            "left_out": dict(self.left_out),
            **({"lpips": self.lpips.backbone.provenance()} if self.lpips else {}),
            # The border of NIQE is that of the protocol: what it is given is cut already.
            **({"niqe": {**self.niqe.provenance(), "border": "of the protocol"}} if self.niqe else {}),
        }

    @torch.no_grad()
    def forward(
        self, restored: Tensor, clean: Tensor | None = None, notes: MutableMapping[str, str] | None = None
    ) -> dict[str, Tensor]:
        """Every measure's value, of each image by itself. There is no gradient.

        Args:
            restored: float (N, 3, H, W) in [0, 1]; a network's output is clipped before.
            clean: likewise, of the same size. None: NIQE only.
            notes: where measures that an image does not have are noted with the reason: images too small for SSIM,
                LPIPS or NIQE, constant ones for NIQE. None: a warning says it.

        Returns:
            {name: (N,)}, float64, in the order of `names`; NaN where an image does not have the measure.

        Raises:
            TypeError: no tensor.
            ValueError: no image batches in [0, 1]; they differ in size, type or device, or nothing would be left after
                the cut; or `clean` is None and NIQE is not among the measures.
        """
        usual = any(MEASURES[name].protocol == "usual" for name in self.names)
        cut = self.border if usual else 0
        batches = {"restored": restored} if clean is None else {"restored": restored, "clean": clean}
        for name, x in batches.items():
            purpose = f"a cut of {cut} pixels from each side"
            check_images(x, name, smallest=2 * cut + 1, device=self.device, purpose=purpose)
        if clean is not None:
            check_pair(restored, clean, equal_sizes=True, names=("restored", "clean"))
        names = [name for name in self.names if clean is not None or MEASURES[name].kind == "niqe"]
        if not names:
            raise ValueError(f"{', '.join(self.names)} must have a clean image to compare with, got none")
        exact = [x.double() for x in batches.values()]
        versions = {"authors": exact, "usual": [_cut(_to_8_bits(x), cut) for x in exact] if usual else []}
        reasons: dict[str, str] = {}
        values = {}
        for name in names:
            measure = MEASURES[name]
            each = []
            for images in zip(*(x.split(1) for x in versions[measure.protocol]), strict=True):
                try:
                    each.append(self._value(measure.kind, *images))
                except ValueError as error:
                    reasons.setdefault(name, str(error))
                    each.append(math.nan)
            values[name] = torch.tensor(each, dtype=torch.float64, device=self.device)
        if notes is not None:
            notes.update(reasons)
        else:
            for name, reason in reasons.items():
                warnings.warn(f"no {name}: {reason}", stacklevel=2)
        return values

    def _value(self, kind: str, x: Tensor, y: Tensor | None = None) -> float:
        """One measure of one image, (1, 3, H, W), float64."""
        if kind == "niqe":
            assert self.niqe is not None
            return self.niqe(x).item()
        assert y is not None
        if kind == "lpips":
            assert self.lpips is not None
            return self.lpips(x.float(), y.float()).item()
        measure, colours = kind.split("_")
        if colours == "y":
            x, y = ((to_grey(image, "y", rounded=False) / 255)[:, None] for image in (x, y))
        if measure == "ssim" and min(x.shape[2:]) < WINDOW:
            height, width = x.shape[2:]
            raise ValueError(f"{height}×{width} pixels are too few for SSIM's windows of {WINDOW}×{WINDOW}")
        return (_ssim(x, y) if measure == "ssim" else psnr(x.device)(x, y)).item()


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    """The mean over windows inside the image; torchmetrics' own mean has those that reach over its border, too."""
    edge = WINDOW // 2
    _, everywhere = structural_similarity_index_measure(x, y, data_range=1.0, return_full_image=True)
    return everywhere[..., edge:-edge, edge:-edge].mean()


def _to_8_bits(x: Tensor) -> Tensor:
    """To multiples of 1/255, halves up as MATLAB does."""
    return torch.floor(x * 255 + 0.5) / 255


def _cut(x: Tensor, border: int) -> Tensor:
    height, width = x.shape[2:]
    return x[..., border : height - border, border : width - border]


def evaluate_folders(
    restored: str | Path,
    clean: str | Path | None = None,
    evaluator: Evaluator | None = None,
    *,
    scale: int = 4,
    failed: MutableMapping[str, str] | None = None,
    quiet: bool = False,
) -> "pd.DataFrame":
    """Restored image files against clean ones: all of two folders, matched by name without suffix, or one of each.

    Clean images are often not cut yet to a multiple of the factor of super-resolution. Such a one is cut at the right
    and below to the size of the restored one, and the column ``notes`` says so. Other sizes are an error.

    Args:
        restored: folder or file. A folder may also be named by its place under the data root.
        clean: likewise; of two files the names may differ. None: NIQE only.
        evaluator: what compares them. None: all measures, border 4.
        scale: the factor: a clean image may be larger by what cutting it to multiples of `scale` takes off.
        failed: where images that cannot be compared are noted with the reason; the rest is done. None: the first one is
            an error.
        quiet: show no progress.

    Returns:
        One row per image, whose name is the index: a column per measure and ``notes``, where something is to be said.
        `attrs` has ``unmatched``, a line that names clean images without a restored one, or is empty; and
        ``provenance``. :func:`means` sums it up.

    Raises:
        FileNotFoundError: no such file or folder, or no image in it.
        ValueError: a folder and a file; no image of one folder has a partner in the other; `failed` is None and an
            image cannot be compared, or has no partner; `scale` is no integer of at least 1.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from dsd.data.images import save_image
        >>> with TemporaryDirectory() as place:
        ...     save_image(torch.rand(3, 43, 40), f"{place}/clean.png")
        ...     save_image(torch.rand(3, 40, 40), f"{place}/restored.png")
        ...     evaluator = Evaluator(["psnr_y"], device="cpu")
        ...     evaluate_folders(f"{place}/restored.png", f"{place}/clean.png", evaluator).notes.item()
        'clean cut from 43×40 to 40×40'
    """
    import pandas as pd

    scale = check_integer(scale, "scale", 1)
    pairs, lonely, unmatched = _match(Path(restored), None if clean is None else Path(clean))
    if lonely and failed is None:
        raise ValueError("; ".join(f"{name}: {reason}" for name, reason in list(lonely.items())[:3]))
    evaluator = Evaluator() if evaluator is None else evaluator
    if failed is not None:
        failed.update(lonely)
    rows: dict[str, dict[str, Any]] = {}
    for name, paths in tqdm(pairs.items(), "evaluating", unit="image", disable=quiet or len(pairs) < 2):
        try:
            rows[name] = _row(evaluator, paths, scale)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            if failed is None:
                raise
            failed[name] = str(error) or type(error).__name__
    columns = [name for name in evaluator.names if clean is not None or MEASURES[name].kind == "niqe"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*columns, "notes"]).rename_axis("image")
    table.attrs = {"unmatched": unmatched, "provenance": {**evaluator.provenance(), "scale": scale}}
    return table


def means(table: "pd.DataFrame") -> "pd.DataFrame":
    """Each measure's mean over images, with its protocol in words.

    Args:
        table: of :func:`evaluate_folders`.

    Returns:
        A row per measure: ``words``, ``protocol``, ``mean`` over the ``images`` that have it.
    """
    import pandas as pd

    protocols = table.attrs["provenance"]["protocols"]
    names = [name for name in table.columns if name in MEASURES]
    rows = [
        (MEASURES[name].words, protocols[MEASURES[name].protocol], table[name].mean(), int(table[name].count()))
        for name in names
    ]
    return pd.DataFrame(rows, index=pd.Index(names, name="measure"), columns=["words", "protocol", "mean", "images"])


def _row(evaluator: Evaluator, paths: Sequence[Path], scale: int) -> dict[str, Any]:
    """A pair's values, or those of a restored image alone, and what is to be said of them."""
    images = [load_image(path)[None].to(evaluator.device) for path in paths]
    notes = []
    if len(images) == 2:
        (height, width), whole = images[0].shape[2:], images[1].shape[2:]
        if (height, width) != tuple(whole):
            fits = (side in (full, full // scale * scale) for side, full in zip((height, width), whole, strict=True))
            if not all(fits):
                raise ValueError(
                    f"the restored image is {height}×{width} pixels, the clean one {whole[0]}×{whole[1]}: they must be "
                    f"equal, or the clean one be larger by what is left over of a multiple of {scale}"
                )
            images[1] = images[1][..., :height, :width]
            notes.append(f"clean cut from {whole[0]}×{whole[1]} to {height}×{width}")
    reasons: dict[str, str] = {}
    values = evaluator(*images, notes=reasons)
    notes += [f"no {name}: {reason}" for name, reason in reasons.items()]
    return {**{name: value.item() for name, value in values.items()}, "notes": "; ".join(notes)}


def _match(restored: Path, clean: Path | None) -> tuple[dict[str, tuple[Path, ...]], dict[str, str], str]:
    """Files that belong together, by the restored one's name; those without a partner; a line on clean ones left."""
    places = [place if place.is_file() else find_folder(place) for place in (restored, clean) if place is not None]
    if len({place.is_file() for place in places}) > 1:
        raise ValueError(f"restored and clean must be two files or two folders, got {restored} and {clean}")
    if restored.is_file():
        return {restored.name: tuple(places)}, {}, ""
    files = [_by_stem(place) for place in places]
    if clean is None:
        return {name: (path,) for same in files[0].values() for name, path in same.items()}, {}, ""
    pairs: dict[str, tuple[Path, ...]] = {}
    lonely = {}
    for stem, same in files[0].items():
        partners = files[1].get(stem, {})
        for name, path in same.items():
            if not partners:
                lonely[name] = f"no clean image of that name in {clean}"
            elif len(same) > 1:
                lonely[name] = f"several restored images of that name in {restored}: {', '.join(same)}"
            elif len(partners) > 1:
                lonely[name] = f"several clean images of that name in {clean}: {', '.join(partners)}"
            else:
                pairs[name] = (path, *partners.values())
    every = [name for same in files[1].values() for name in same]
    left = [name for stem, same in files[1].items() if stem not in files[0] for name in same]
    if len(left) == len(every):
        raise ValueError(
            f"no image of {restored} has a clean one of its name in {clean}: got {_first(list(lonely))} and "
            f"{_first(left)}"
        )
    line = f"{len(left)} of {len(every)} clean images have no restored one: {_first(left)}" if left else ""
    return pairs, lonely, line


def _by_stem(folder: Path) -> dict[str, dict[str, Path]]:
    """{name without suffix: {name: path}} of all images of a folder."""
    files: dict[str, dict[str, Path]] = {}
    for path in find_images(folder):
        name = path.relative_to(folder)
        files.setdefault(name.with_suffix("").as_posix(), {})[name.as_posix()] = path
    return files


def _first(names: Sequence[str]) -> str:
    return ", ".join([*names[:3], *(["…"] if len(names) > 3 else [])])
