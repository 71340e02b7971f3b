"""What is in a collection: the images of a folder, or of tars."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from dsd.data.images import SUFFIXES
from dsd.paths import find_folder


class Item(NamedTuple):
    """An image of a collection."""

    path: str
    """What the table calls it: its path below the collection, for a member of a tar ``shard.tar/member``."""
    tar: str | None = None
    offset: int = 0
    size: int = 0
    reason: str | None = None
    """Why there is nothing to read."""


def find_items(source: str | Path) -> tuple[Path, list[Item]]:
    """The folder of a collection, and all in it that looks like an image, sorted; what is hidden is left out.

    Unlike :func:`dsd.data.images.find_images` it lists links to nothing and the like: their rows say what they are.

    Args:
        source: a folder (path, or name under the data root), or a tar.

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
