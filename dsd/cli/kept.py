"""Scores that outlive the process that computed them."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsd.checkpoint import load_checkpoint, save_checkpoint

SECONDS = 5  # from one saving to the next

Stamp = Sequence[Sequence[Any]]
Scored = tuple[Mapping[str, float], Mapping[str, str]]
"""A pair's scores by measure, and by measure why it has none."""


def stamp(*files: Path) -> Stamp:
    """What tells files from others and from what they were before: path, size and time of the last change."""
    return [[str(path.absolute()), (status := path.stat()).st_size, status.st_mtime_ns] for path in files]


class Kept:
    """What is scored, in ``<out>.partial`` until the table is written: the same command goes on from there.

    Args:
        out: the table; None: nothing is kept.
        settings: what scores depend on beside their files, as plain values.

    Raises:
        ValueError: the file there is damaged, or of other settings.
        OSError: it cannot be written.
    """

    def __init__(self, out: Path | None, settings: Mapping[str, Any]) -> None:
        self.path = out and out.with_name(f"{out.name}.partial")
        self.settings = settings
        self.pairs: dict[str, tuple[Stamp, Scored]] = {}
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self.pairs = load_checkpoint(self.path, settings)
        self.save()

    def get(self, name: str, now: Stamp) -> Scored | None:
        """A pair's scores, if there are any and its files are as they were."""
        before, scored = self.pairs.get(name, (None, None))
        return scored if before == now else None

    def add(self, name: str, now: Stamp, scored: Scored) -> None:
        """Keep a pair's scores."""
        self.pairs[name] = now, scored
        if time.monotonic() - self.saved > SECONDS:
            self.save()

    def save(self) -> None:
        """Write all to the disk."""
        if self.path is not None:
            save_checkpoint(self.path, self.pairs, self.settings)
        self.saved = time.monotonic()

    def remove(self) -> None:
        """Forget it: the table is written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
