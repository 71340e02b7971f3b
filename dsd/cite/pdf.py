"""PDF files with a stamp, as matplotlib writes them: the text in their Subject, the digest in their Keywords."""

import hashlib
import re

SEAL = "SHA-256 of the rest of the file: "
BLANK = SEAL + 64 * "0"  # the Keywords of a file that is to be sealed
DIGITS = re.compile(rb"/Keywords \(" + re.escape(SEAL.encode()) + rb"([0-9a-f]{64})\)")
SUBJECT = re.compile(rb"/Subject \(((?:[^\\()]|\\.)*)\)", re.DOTALL)
CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def seal(content: bytes) -> bytes:
    """Write the digest of a file into it: SHA-256 of all of its bytes but the 64 digits themselves.

    Args:
        content: with `BLANK` as its Keywords.

    Returns:
        As many bytes.

    Raises:
        ValueError: it has no such Keywords.
    """
    found = DIGITS.search(content)
    if found is None:
        raise ValueError(f"content must have the Keywords {BLANK!r}")
    return content[: found.start(1)] + _digest(content, found) + content[found.end(1) :]


def is_sealed(content: bytes) -> bool | None:
    """Whether a file is as :func:`seal` left it; None: it never was sealed."""
    found = DIGITS.search(content)
    return found and found[1] == _digest(content, found)


def subject(content: bytes) -> str:
    r"""The text in a file's Subject; "" where there is none, or where it is compressed.

    Example:
        >>> subject(rb"<< /Subject (a \(b\)\n) >>")
        'a (b)\n'
    """
    found = SUBJECT.search(content)
    if found is None:
        return ""
    text = re.sub(rb"\\(.)", lambda escaped: CONTROL.get(escaped[1], escaped[1]), found[1], flags=re.DOTALL)
    return text.decode("utf-16" if text.startswith(b"\xfe\xff") else "latin-1", errors="replace")


def _digest(content: bytes, found: re.Match[bytes]) -> bytes:
    digest = hashlib.sha256(memoryview(content)[: found.start(1)])
    digest.update(memoryview(content)[found.end(1) :])
    return digest.hexdigest().encode()
