"""What all kinds of fuzz share: ways to damage a file, and what may come of a trial."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Random = np.random.Generator
Result = str
RIGHT: Result = "right"  # as if nothing had happened
REFUSED: Result = "refused"  # with an error of the right type, which names what was wrong
UNDETECTED: Result = "undetected"  # another result, and the file holds nothing that could tell
SILENT: Result = "silent"  # another result, or none that makes sense, without a word
CRASHED: Result = "crashed"  # any other error, one that names nothing, or no end
RESULTS = (RIGHT, REFUSED, UNDETECTED, SILENT, CRASHED)


class Outcome(NamedTuple):
    """What came of one trial."""

    result: Result
    what: str


def flip(content: bytes, other: bytes, random: Random) -> bytes:
    """One to eight bits."""
    changed = bytearray(content)
    for place in random.integers(len(content), size=random.integers(1, 9)):
        changed[place] ^= 1 << random.integers(8)
    return bytes(changed)


def flip_in_head(content: bytes, other: bytes, random: Random) -> bytes:
    """One to eight bits of the first 64 bytes."""
    return flip(content[:64], other, random) + content[64:]


def cut(content: bytes, other: bytes, random: Random) -> bytes:
    """The end is missing."""
    return content[: random.integers(len(content))]


def zero(content: bytes, other: bytes, random: Random) -> bytes:
    """A block of zeros, of up to a fifth of the file."""
    size = random.integers(1, max(2, len(content) // 5))
    start = random.integers(len(content))
    return (content[:start] + bytes(size) + content[start + size :])[: len(content)]


def splice(content: bytes, other: bytes, random: Random) -> bytes:
    """From somewhere on it is another file."""
    place = random.integers(len(content))
    return content[:place] + other[place:]


def noise(content: bytes, other: bytes, random: Random) -> bytes:
    """Random bytes after the first few."""
    kept = int(random.choice([0, 4, 16, 64, 256]))
    return content[:kept] + random.bytes(int(random.integers(2000)))


def drop(content: bytes, other: bytes, random: Random) -> bytes:
    """Some bytes are missing in the middle."""
    start = random.integers(len(content))
    return content[:start] + content[start + random.integers(1, 50) :]


def insert(content: bytes, other: bytes, random: Random) -> bytes:
    """Some bytes too many."""
    start = random.integers(len(content) + 1)
    return content[:start] + random.bytes(int(random.integers(1, 50))) + content[start:]


WAYS: tuple[Callable[[bytes, bytes, Random], bytes], ...] = (flip, flip_in_head, cut, zero, splice, noise, drop, insert)


def damage(content: bytes, other: bytes, random: Random) -> tuple[str, bytes]:
    """How it was damaged, and what is left."""
    way = WAYS[random.integers(len(WAYS))]
    return way.__name__, way(content, other, random)
