"""Scores that outlive the process that computed them."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dsd.checkpoint import load_checkpoint, save_checkpoint
from dsd.cli.output import escape

SECONDS = 5  # from one saving to the next

FileStates = Sequence[Sequence[Any]]
Scores = Mapping[str, float]
"""A pair's, by measure."""


def file_states(*files: Path) -> FileStates:
    """What tells files from others and from what they were before: path, size and time of the last change."""
    return [[str(path.absolute()), (status := path.stat()).st_size, status.st_mtime_ns] for path in files]


class PartialScores:
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
        self.pairs: dict[str, tuple[FileStates, Scores]] = {}
        self.saved = time.monotonic()
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self.pairs = load_checkpoint(self.path, settings)
            save_checkpoint(self.path, self.pairs, settings)

    def get(self, name: str, now: FileStates) -> Scores | None:
        """A pair's scores, if there are any and its files are as they were."""
        before, scores = self.pairs.get(name, (None, None))
        return scores if before == now else None

    def add(self, name: str, now: FileStates, scores: Scores) -> None:
        """Keep a pair's scores."""
        self.pairs[name] = now, scores
        if time.monotonic() - self.saved > SECONDS:
            self.save()

    def save(self) -> None:
        """Write all to the disk. If that fails, standard error says so: the scores themselves are still there."""
        if self.path is not None:
            try:
                save_checkpoint(self.path, self.pairs, self.settings)
            except OSError as error:
                print(f"cannot keep the scores in {escape(self.path.name)}: {escape(str(error))}", file=sys.stderr)
        self.saved = time.monotonic()

    def remove(self) -> None:
        """Forget it: the table is written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
