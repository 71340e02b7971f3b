"""Score a whole collection: ‖DSD_α‖₁ of every image of a folder or of tar shards, as one Parquet table.

Images are scored in fixed units. Each finished unit is a file in ``<out>.parts/``; a scan that is started again does
only what has none, and Ray spreads units over machines. Either way the table is the same, on processors of one kind
to the last bit.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
import torchvision
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional as transforms
from tqdm import tqdm

import dsd
from dsd.backbone import find_device, load_backbone
from dsd.checks import check_images
from dsd.data import find_folder, load_image
from dsd.data.images import SUFFIXES
from dsd.descriptor import dsd_norm
from dsd.files import written
from dsd.frozen import Precision

Seen = tuple[Sequence[int | None], Tensor | str]  # an image's height and width, and its view or why there is none

PIXELS_WAITING = 2**24  # for company in a batch: photographs at their own size would otherwise fill the memory


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a scan, to the last bit: it is kept with them, and goes on only with the same.

    Args:
        layers: as for :func:`dsd.backbone.load_backbone`, like `backbone`, `weights`, `precision` and `device`.
        alphas: scaling factors.
        resize: pixels that the short side is first brought to; None leaves it.
        crop: side of the square that is cut from the centre; None leaves images at their own size.
        batch_size: images that go through the network together, where they have one size.
        shard_size: images of a unit.
        threads: of torch, in this process from then on and in each of Ray's: rounding depends on their number.

    Raises:
        ValueError: a number is not what it must be.
    """

    layers: Sequence[str] = ("relu3_1",)
    alphas: Sequence[float] = (2,)
    backbone: str = "vgg19"
    weights: str = "auto"
    precision: Precision = "float32"
    device: str = "auto"
    resize: int | None = 256
    crop: int | None = 224
    batch_size: int = 32
    shard_size: int = 1024
    threads: int = field(default_factory=torch.get_num_threads)

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        for name in ("resize", "crop", "batch_size", "shard_size", "threads"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.resize is not None and self.crop is not None and self.crop > self.resize:
            raise ValueError(f"crop must not exceed resize, got crop={self.crop} and resize={self.resize}")


class Item(NamedTuple):
    """An image of a collection."""

    path: str
    """What the table calls it: its path below the collection, for a member of a tar ``shard.tar/member``."""
    tar: str | None = None
    offset: int = 0
    size: int = 0
    reason: str | None = None
    """Why there is nothing to read."""


def scan(
    source: str | Path,
    out: str | Path,
    settings: Settings,
    *,
    workers: int = 4,
    engine: str = "local",
    address: str | None = None,
) -> pa.Table:
    """‖DSD_α(x)‖₁ of every image x of a collection, in one Parquet file.

    Its columns are `path`, `class` (the WordNet number of the folder or tar, as in ImageNet's layout, or empty),
    `height` and `width` of the image as it was, one such as ``relu3_1_dsd2`` per layer and alpha, and `error`: null, or
    why the image has no score. The file's metadata say under ``dsd`` how it was made (JSON).

    Args:
        source: a folder (path, or name under the data root) of images or, where it has none, of tars of images; or a
            tar.
        out: the table, .parquet. Finished units are kept in a folder beside it until it is complete.
        settings: what decides the numbers.
        workers: processes that decode, for each that scores; 0 decodes in that one.
        engine: ``"local"``, or ``"ray"``: a process of `settings.threads` CPUs (and one GPU, if `settings.device` is
            one) wherever the cluster has room. All its machines must see `source` and `out` at the same paths.
        address: of the Ray cluster; None is the one at hand, else one of this machine.

    Returns:
        `path` and `error` of the images that could not be scored.

    Raises:
        FileNotFoundError: no such folder, no image in it, or no weights.
        ValueError: settings that make no sense, or differ from those `out` was begun with.
        ModuleNotFoundError: Ray was asked for and is not installed.

    Example:
        >>> from dsd.data import embedded_photographs
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     settings = Settings(("relu1_2",), weights="random", resize=40, crop=32)
        ...     failed = scan(embedded_photographs()[0].parent, f"{folder}/scores.parquet", settings, workers=0)
        ...     pq.read_table(f"{folder}/scores.parquet").column_names
        ['path', 'class', 'height', 'width', 'relu1_2_dsd2', 'error']
    """
    out = Path(out).absolute()
    if out.suffix != ".parquet":
        raise ValueError(f"the table must end in .parquet, got {out}")
    if engine not in ("local", "ray"):
        raise ValueError(f"engine must be local or ray, got {engine!r}")
    if workers < 0:
        raise ValueError(f"workers must be at least 0, got {workers}")
    if engine == "local" or settings.device == "auto":
        settings = replace(settings, device=find_device(settings.device))
    root, items = find_items(source)
    torch.set_num_threads(settings.threads)
    scorer = Scorer(settings, root, workers, device=settings.device if engine == "local" else "cpu")
    names = "\n".join(item.path for item in items)
    made = {
        **asdict(settings),
        **scorer.backbone.describe(),
        "layers": scorer.backbone.layers,
        "alphas": [float(alpha) for alpha in settings.alphas],
        "device": settings.device.split(":")[0],
        "normalize": "chw",
        "images": len(items),
        "files_sha256": hashlib.sha256(os.fsencode(names)).hexdigest(),
        "versions": {package.__name__: package.__version__ for package in (dsd, np, PIL, torch, torchvision)},
    }
    parts = out.with_name(out.name + ".parts")
    if _unfinished(out, parts, made):
        size = settings.shard_size
        shards = {parts / f"{start // size:06}.parquet": start for start in range(0, len(items), size)}
        units = {str(shard): items[start : start + size] for shard, start in shards.items() if not shard.exists()}
        done = len(items) - sum(map(len, units.values()))
        with tqdm(desc=out.name, unit="image", total=len(items), initial=done) as progress:
            for count in _on_ray(scorer, units, address) if units and engine == "ray" else scorer(units):
                progress.update(count)
        _merge(parts, list(shards), out, made)
    shutil.rmtree(parts, ignore_errors=True)  # it is there, too, when all but this was done
    errors = pq.ParquetFile(out).read(["path", "error"])
    return errors.filter(pc.is_valid(errors["error"]))


def find_items(source: str | Path) -> tuple[Path, list[Item]]:
    """The folder of a collection, and all in it that looks like an image, sorted; what is hidden is left out.

    Unlike :func:`dsd.data.find_images` it lists links to nothing and the like: their rows say what they are.

    Raises:
        FileNotFoundError: there is no such folder, or nothing like an image in it.
    """
    source = Path(source)
    if source.suffix == ".tar" and source.is_file():
        root, names = source.parent, [source.name]
    else:
        root, names = find_folder(source), []
        for place, folders, files in os.walk(root, followlinks=True):
            folders[:] = [name for name in folders if not name.startswith(".")]
            below = PurePosixPath(Path(place).relative_to(root))
            names += [str(below / name) for name in (*files, *folders) if not name.startswith(".")]
    items = [Item(name) for name in sorted(names) if PurePosixPath(name).suffix.lower() in SUFFIXES]
    if not items:
        items = [item for name in sorted(names) if name.endswith(".tar") for item in _members(root, name)]
    if not items:
        raise FileNotFoundError(f"no image in {source}: looked for {', '.join(sorted(SUFFIXES))}, also in .tar files")
    return root.resolve(), items


def _members(root: Path, tar: str) -> Iterator[Item]:
    """The images of a tar, up to where it is damaged, and then an item that says so."""
    try:
        with (root / tar).open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if (
                    member.isfile()
                    and name.suffix.lower() in SUFFIXES
                    and not str(name).startswith(".")
                    and "/." not in str(name)
                ):
                    yield Item(f"{tar}/{name}", tar, member.offset_data, member.size)
            file.seek(archive.offset)
            if file.read(512) != bytes(512):  # tarfile takes a cut or damaged header for the end
                raise tarfile.ReadError("unexpected end of data")
    except (OSError, tarfile.TarError) as error:
        yield Item(tar, reason=f"not all of it could be read: {error}".replace(str(root / tar), tar))


class Views(Dataset[Seen]):
    """What of an image goes through the network."""

    def __init__(self, root: Path, settings: Settings, smallest: int) -> None:
        self.root = root
        self.settings = settings
        self.smallest = smallest

    def __getitem__(self, item: Item) -> Seen:
        """Load an image; never raises."""
        size: Sequence[int | None] = (None, None)
        try:
            image = self._load(item)
            size = image.shape[1:]
            return size, self._view(image)
        except Exception as error:  # decoders raise what they like, and it is one image's failure
            return size, _printable(str(error) or type(error).__name__)

    def _load(self, item: Item) -> Tensor:
        if item.reason:
            raise ValueError(item.reason)
        if item.tar is None:
            return _load(self.root / item.path, item.path)
        with (self.root / item.tar).open("rb") as archive, tempfile.NamedTemporaryFile() as copy:
            archive.seek(item.offset)
            copy.write(archive.read(item.size))
            copy.flush()
            return _load(Path(copy.name), item.path)

    def _view(self, image: Tensor) -> Tensor:
        resize, crop = self.settings.resize, self.settings.crop
        if resize is not None:
            height, width = image.shape[1:]
            low, high = sorted((height, width))
            if resize**2 * high / low > (PIL.Image.MAX_IMAGE_PIXELS or float("inf")):
                raise ValueError(f"it is {height}×{width} pixels, too long to be resized to {resize} on the short side")
            image = transforms.resize(image, [resize], antialias=True).clamp(0, 1)
        if crop is not None:
            height, width = image.shape[1:]
            if min(height, width) < crop:
                raise ValueError(f"it is {height}×{width} pixels, smaller than the crop of {crop}")
            image = transforms.center_crop(image, [crop])
        check_images(image[None], "it", smallest=self.smallest, alpha=max(self.settings.alphas))
        return image.contiguous()  # without what was cropped, which would be sent along


def _load(path: Path, name: str) -> Tensor:
    """Load an image; errors call it by its name in the collection, so that the table is the same wherever it lies."""
    try:
        return load_image(path)
    except (OSError, ValueError) as error:
        raise ValueError(str(error).replace(str(path), name)) from error


class Scorer:
    """Scores units of images and writes each one's file as soon as it is finished."""

    def __init__(self, settings: Settings, root: Path, workers: int, device: str) -> None:
        self.settings = settings
        self.root = root
        self.workers = workers
        self.backbone = load_backbone(
            settings.backbone, settings.layers, settings.weights, precision=settings.precision, device=device
        )
        # What would fail for every image fails here, once.
        side = settings.crop or settings.resize or 256
        norms = dsd_norm(torch.zeros(1, 3, side, side, device=self.backbone.device), self.backbone, settings.alphas)
        self.columns = {f"{layer}_dsd{alpha:g}": (layer, alpha) for layer, alpha in norms}

    def __call__(self, units: Mapping[str, Sequence[Item]]) -> Iterator[int]:
        """Score and write units, {file: images}; yields how many images each had."""
        # While a batch is scored the next is decoded. Images at their own size may be too large for that.
        ahead = max(2, self.settings.batch_size // self.workers) if self.workers and self.settings.crop else None
        views = DataLoader(
            Views(self.root, self.settings, self.backbone.smallest),
            batch_size=None,
            sampler=chain.from_iterable(units.values()),  # the items themselves: workers hold no list of them all
            num_workers=self.workers,
            prefetch_factor=ahead,
        )
        seen = iter(views)
        for shard, items in units.items():
            table = self._table(items, seen)
            with written(Path(shard)) as file:
                pq.write_table(table, file)
            yield len(items)

    @torch.inference_mode()
    def _table(self, items: Sequence[Item], seen: Iterator[Seen]) -> pa.Table:
        """A unit's rows. Its batches are its own, so that they are the same wherever the scan was interrupted."""
        scores = torch.full((len(self.columns), len(items)), torch.nan, device=self.backbone.device)
        sizes, errors = [], []
        waiting: dict[int, Tensor] = {}
        for row, (size, view) in zip(range(len(items)), seen, strict=False):
            sizes.append(size)
            errors.append(view if isinstance(view, str) else None)
            if isinstance(view, Tensor):
                waiting[row] = view
            pixels = sum(view[0].numel() for view in waiting.values())
            if len(waiting) == self.settings.batch_size or pixels > PIXELS_WAITING or row == len(items) - 1:
                self._score(waiting, scores)
                waiting.clear()
        paths = [_printable(item.path) for item in items]
        classes = [re.search(r"(?:^|/)(n\d{8})(?:\.tar)?/", path) for path in paths]
        failed = np.array([error is not None for error in errors])
        columns = zip(self.columns, scores.cpu().numpy(), strict=True)
        return pa.table(
            {
                "path": pa.array(paths, pa.string()),
                "class": pa.array([found[1] if found else "" for found in classes], pa.string()),
                "height": pa.array([height for height, _ in sizes], pa.int32()),
                "width": pa.array([width for _, width in sizes], pa.int32()),
                **{name: pa.array(values, mask=failed) for name, values in columns},
                "error": pa.array(errors, pa.string()),
            }
        )

    def _score(self, waiting: Mapping[int, Tensor], scores: Tensor) -> None:
        """Fill in the scores of images, those of equal size together."""
        sizes: dict[torch.Size, list[int]] = {}
        for row, view in waiting.items():
            sizes.setdefault(view.shape, []).append(row)
        for rows in sizes.values():
            x = torch.stack([waiting[row] for row in rows]).to(self.backbone.device)
            norms = dsd_norm(x, self.backbone, self.settings.alphas)
            scores[:, rows] = torch.stack([norms[key] for key in self.columns.values()])


def _printable(text: str) -> str:
    """Text that Parquet can hold: names of files may be of any bytes."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


def _unfinished(out: Path, parts: Path, made: dict[str, Any]) -> bool:
    """Whether there is work left. What was begun with other settings is refused; a new scan's are kept."""
    kept = parts / "settings.json"
    was = now = json.loads(json.dumps(made))
    if out.exists():
        try:
            was = json.loads(pq.read_metadata(out).metadata[b"dsd"])
        except (pa.ArrowInvalid, KeyError, TypeError) as error:
            raise ValueError(f"{out} exists, and is no table of a scan") from error
    elif any(path != kept for path in parts.glob("[!.]*")):
        was = json.loads(kept.read_text(encoding="utf-8"))
    if names := [name for name in {**was, **now} if was.get(name) != now.get(name)]:
        differing = "; ".join(f"{name} was {was.get(name)}, is {now.get(name)}" for name in names)
        raise ValueError(
            f"{out if out.exists() else parts} is of another scan: {differing}. "
            "Repeat that one as it was, remove it, or write elsewhere"
        )
    if not out.exists():
        parts.mkdir(parents=True, exist_ok=True)
        with written(kept) as file:
            file.write(json.dumps(made, indent=2).encode())
    return not out.exists()


def _merge(parts: Path, shards: Sequence[Path], out: Path, made: dict[str, Any]) -> None:
    """Join the units' files, one in memory at a time."""
    schema = pq.read_schema(shards[0]).with_metadata({"dsd": json.dumps(made)})
    whole = parts / "whole.parquet"
    with written(whole) as file, pq.ParquetWriter(file, schema) as writer:
        for shard in shards:
            writer.write_table(pq.ParquetFile(shard).read())
    whole.replace(out)


class _Actor:
    """A scorer on a machine of a Ray cluster, which gets one unit at a time."""

    def __init__(self, made: dict[str, str], settings: Settings, root: Path, workers: int) -> None:
        torch.set_num_threads(settings.threads)
        self.scorer = Scorer(settings, root, workers, settings.device)
        if (here := self.scorer.backbone.describe()) != made:
            raise ValueError(f"the backbone must be the same on all machines, got {here} and {made}")

    def __call__(self, row: dict[str, str]) -> dict[str, int]:
        (count,) = self.scorer({row["shard"]: [Item(*item) for item in json.loads(row["items"])]})
        return {"count": count}


def _on_ray(scorer: Scorer, units: Mapping[str, Sequence[Item]], address: str | None) -> Iterator[int]:
    """What ``scorer(units)`` does, with a unit as the row of a Ray dataset."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_LOG_LEVEL": "WARNING"} | os.environ
    try:
        import ray.data
    except ImportError as error:
        raise ModuleNotFoundError("the engine ray needs Ray: pip install '.[ray]' in the repository") from error
    ours = not ray.is_initialized()
    if ours:
        ray.init(address=address, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    try:
        settings, weights = scorer.settings, Path(scorer.settings.weights)
        if weights.is_file():
            settings = replace(settings, weights=str(weights.absolute()))
        needs = {"CPU": settings.threads} | ({"GPU": 1} if settings.device.startswith("cuda") else {})
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = sum(min(int(has.get(what, 0) // count) for what, count in needs.items()) for has in machines)
        if not room:
            raise ValueError(f"no machine of the Ray cluster has {needs}; fewer threads need fewer CPUs")
        rows = [{"shard": shard, "items": json.dumps(items)} for shard, items in units.items()]
        ray.data.DataContext.get_current().enable_progress_bars = False
        counts = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            _Actor,  # type: ignore[arg-type]
            fn_constructor_args=(scorer.backbone.describe(), settings, scorer.root, scorer.workers),
            num_cpus=needs["CPU"],
            num_gpus=needs.get("GPU", 0),
            compute=ray.data.ActorPoolStrategy(size=min(room, len(rows))),
        )
        for row in counts.iter_rows():
            yield row["count"]
    finally:
        if ours:
            ray.shutdown()
