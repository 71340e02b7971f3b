"""What is in a collection: the images of a folder, or of tars."""

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Self

from dsd.data.files import walk
from dsd.data.images import SUFFIXES
from dsd.paths import find_folder

MEMBER_BYTES = 2**30  # of an image in a tar, which is copied: the largest that is decoded takes 0.96 GB uncompressed
HEADER_BYTES = 2**20  # of a long name or other remarks on a member, which tarfile reads at once


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
        OSError: a folder below it cannot be listed; it is named.
    """
    source = Path(source)
    if source.suffix == ".tar" and source.is_file():
        root, names = source.parent, [source.name]
    else:
        root = find_folder(source)
        names = [path.relative_to(root).as_posix() for path in walk(root)]
    items = [Item(name) for name in sorted(names) if PurePosixPath(name).suffix.lower() in SUFFIXES]
    if not items:
        items = [item for name in sorted(names) if name.endswith(".tar") for item in _members(root, name)]
    if not items:
        raise FileNotFoundError(f"no image in {source}: looked for {', '.join(sorted(SUFFIXES))}, also in .tar files")
    return root.resolve(), items


class _Header(tarfile.TarInfo):
    """A header of a tar; one that would be read as something else than what it is, or fill the memory, is refused."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        remark = header.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
        if header.size < 0 or (remark and header.size > HEADER_BYTES):
            raise tarfile.ReadError(f"a header says {header.size} bytes")
        return header


def _members(root: Path, tar: str) -> Iterator[Item]:
    """The images of a tar, up to where it is damaged, and then an item that says so."""
    try:
        if not (root / tar).is_file():  # a named pipe that is opened waits for ever
            raise tarfile.ReadError("it is no file")
        with (root / tar).open("rb") as file, tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive:
            for member in archive:
                if member.size < 0:  # tarfile would go back, and round and round
                    raise tarfile.ReadError(f"a header says {member.size} bytes")
                name = PurePosixPath(member.name)
                hidden = any(part.startswith(".") and part != ".." for part in name.parts)
                if name.suffix.lower() in SUFFIXES and not hidden:
                    yield Item(f"{tar}/{name}", tar, member.offset_data, member.size, _reason(member))
            file.seek(archive.offset)
            if file.read(512) != bytes(512):  # tarfile takes a cut or damaged header for the end
                raise tarfile.ReadError("unexpected end of data")
    except (OSError, ValueError, OverflowError, tarfile.TarError) as error:
        yield Item(tar, reason=f"not all of it could be read: {error}".replace(str(root / tar), tar))


def _reason(member: tarfile.TarInfo) -> str | None:
    """Why a member of a tar is not read, or None."""
    if ".." in PurePosixPath(member.name).parts:
        return "its path leads upwards (..)"
    if member.islnk() or member.issym():
        return f"it is a {'hard' if member.islnk() else 'symbolic'} link to {member.linkname}; links are not followed"
    if not member.isfile():
        return "it is no file"
    if member.issparse():
        return "it is stored with holes (sparse)"
    if member.size > MEMBER_BYTES:
        return f"it has {member.size} bytes, at most {MEMBER_BYTES} are read"
    return None
