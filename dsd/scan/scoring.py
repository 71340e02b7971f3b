"""From the images of a collection to the rows of its table: decoding, batches, the network."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dsd.backbones import load_backbone
from dsd.checks import check_images
from dsd.data.images import load_image
from dsd.data.views import cut_view
from dsd.descriptor import dsd_matrices
from dsd.gram import l1_norm
from dsd.scan.fingerprints import encode
from dsd.scan.items import Item
from dsd.scan.settings import Settings
from dsd.scan.stamps import Stamp, WrittenError, open_item
from dsd.scan.table import printable, write_unit

# An image's height and width, its view or why there is none, and which bytes it is of.
Decoded = tuple[Sequence[int | None], Tensor | str | MemoryError, Stamp]

NO_FINGERPRINT = "its DSD has an entry too large for a fingerprint (docs/scan.md): scan it without --fingerprints"
PIXELS_WAITING = 2**24  # for company in a batch: photographs at their own size would otherwise fill the memory


class Views(Dataset[Decoded]):
    """What of an image goes through the network.

    Args:
        root: folder of the collection.
        settings: `resize`, `crop` and `alphas` are used.
        smallest: shortest side in pixels that the network needs.
    """

    def __init__(self, root: Path, settings: Settings, smallest: int) -> None:
        self.root = root
        self.settings = settings
        self.smallest = smallest

    def __getitem__(self, item: Item) -> Decoded:
        """Load an image; never raises, so that errors cross from worker processes without their traceback."""
        size: Sequence[int | None] = (None, None)
        stamp = Stamp()
        try:
            if item.reason:
                raise ValueError(item.reason)
            with open_item(self.root, item) as (path, stamp):
                image = _load(path, item.path)
            size = image.shape[1:]
            return size, self._view(image), stamp
        except WrittenError as error:
            return size, str(error), Stamp()  # without a stamp it is tried again
        except Exception as error:  # decoders raise what they like, and it is one image's failure
            reason = str(error) or type(error).__name__
            of_torch = isinstance(error, RuntimeError) and re.search("allocate memory|out of memory", reason)
            if isinstance(error, MemoryError) or of_torch:
                return size, MemoryError(f"{item.path}: {reason}"), stamp
            return size, printable(reason), stamp

    def _view(self, image: Tensor) -> Tensor:
        settings = self.settings
        image = cut_view(image, settings.resize, settings.crop)
        check_images(image[None], "it", smallest=self.smallest, alpha=max(settings.alphas))
        return image.contiguous()  # without what was cropped, which would be sent along


def _load(path: Path, name: str) -> Tensor:
    """Load an image; errors call it by its name in the collection, so that the table is the same wherever it lies."""
    try:
        return load_image(path)
    except (OSError, ValueError) as error:
        as_quoted = repr(str(path))[1:-1]
        raise ValueError(str(error).replace(as_quoted, name).replace(str(path), name)) from error


class Scorer:
    """Scores units of images and writes each one's file as soon as it is finished.

    Args:
        settings: what decides the numbers; its threads are torch's from now on.
        root: folder of the collection.
        workers: processes that decode; 0 decodes in this one.
        device: where the network goes.

    Raises:
        FileNotFoundError: no weights.
        ValueError: settings that make no sense.
    """

    def __init__(self, settings: Settings, root: Path, workers: int, device: str) -> None:
        torch.set_num_threads(settings.threads or torch.get_num_threads())
        self.settings = settings
        self.root = root
        self.workers = workers
        self.backbone = load_backbone(
            settings.backbone, settings.layers, settings.weights, precision=settings.precision, device=device
        )
        # What would fail for every image fails here, once.
        side = settings.crop or settings.resize or 256
        black = torch.zeros(1, 3, side, side, device=self.backbone.device)
        matrices = dsd_matrices(black, self.backbone, settings.alphas)
        self.columns = {f"{layer}_dsd{alpha:g}": (layer, alpha) for layer, alpha in matrices}
        self.no_fingerprint = np.full_like(encode(next(iter(matrices.values()))), np.nan)

    def __call__(self, units: Mapping[str, Sequence[Item]]) -> Iterator[int]:
        """Score and write units, {file: images}; yields how many images each had.

        Raises:
            MemoryError: an image needs more than there is. It is no property of the image, so it gets no row.
        """
        # While a batch is scored the next is decoded. Images at their own size may be too large for that.
        ahead = max(2, self.settings.batch_size // self.workers) if self.workers and self.settings.crop else None
        views = DataLoader(
            Views(self.root, self.settings, self.backbone.smallest),
            batch_size=None,
            sampler=chain.from_iterable(units.values()),  # the items themselves: workers hold no list of them all
            num_workers=self.workers,
            prefetch_factor=ahead,
        )
        decoded = iter(views)
        for shard, items in units.items():
            self._score_unit(Path(shard), items, decoded)
            yield len(items)

    @torch.inference_mode()
    def _score_unit(self, shard: Path, items: Sequence[Item], decoded: Iterator[Decoded]) -> None:
        """Write a unit. Its batches are its own, so that they are the same wherever the scan was interrupted."""
        scores = torch.full((len(self.columns), len(items)), torch.nan, device=self.backbone.device)
        fingerprints = self.no_fingerprint.repeat(len(items), axis=0) if self.settings.fingerprints else None
        sizes, errors, stamps = [], [], []
        waiting: dict[int, Tensor] = {}
        for row, (size, view, stamp) in zip(range(len(items)), decoded, strict=False):
            if isinstance(view, MemoryError):
                raise MemoryError(str(view))  # a new one: `view` would hold this frame, and so the workers
            sizes.append(size)
            errors.append(view if isinstance(view, str) else None)
            stamps.append(stamp)
            if isinstance(view, Tensor):
                waiting[row] = view
            pixels = sum(view[0].numel() for view in waiting.values())
            if len(waiting) == self.settings.batch_size or pixels > PIXELS_WAITING or row == len(items) - 1:
                self._score(waiting, scores, fingerprints)
                waiting.clear()
        if fingerprints is not None:
            for at in np.flatnonzero(np.isnan(fingerprints[:, 0])).tolist():
                errors[at], scores[:, at] = errors[at] or NO_FINGERPRINT, torch.nan
        columns = dict(zip(self.columns, scores.cpu().numpy(), strict=True))
        write_unit(shard, [item.path for item in items], sizes, errors, stamps, columns, fingerprints)

    def _score(self, waiting: Mapping[int, Tensor], scores: Tensor, fingerprints: np.ndarray | None) -> None:
        """Fill in the scores, and fingerprints, of images, those of equal size together."""
        sizes: dict[torch.Size, list[int]] = {}
        for row, view in waiting.items():
            sizes.setdefault(view.shape, []).append(row)
        for rows in sizes.values():
            x = torch.stack([waiting[row] for row in rows]).to(self.backbone.device)
            matrices = dsd_matrices(x, self.backbone, self.settings.alphas)
            scores[:, rows] = torch.stack([l1_norm(matrices[key]) for key in self.columns.values()])
            if fingerprints is not None:
                (matrix,) = matrices.values()
                fingerprints[rows] = encode(matrix)
