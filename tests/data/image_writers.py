"""TIFF and PNG files of every kind, written from their specifications; NumPy arrays in, bytes out."""

import struct
import zlib

import numpy as np

TIFF_FIELDS = {"compression": 259, "photometric": 262, "planar": 284, "orientation": 274, "extra": 338}
TIFF_FIELDS |= {"sample_format": 339, "subsampling": 530, "colour_map": 320}


def packed(values, bits, order="<"):
    """Whole rows of samples (H, …) as they lie in a file."""
    rows = values.reshape(len(values), -1)
    if bits in (8, 16, 32):
        return rows.astype(f"{order}u{bits // 8}").tobytes()
    each = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(each.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()


def tiff(path, values, bits=8, *, order="<", planar=1, compression=1, data=None, **fields):
    """Write integers (H, W) or (H, W, C); `data` takes their place where they are of a special form.

    fields: of `TIFF_FIELDS`, each a number or a list.
    """
    height, width, samples = (*values.shape, 1)[:3]
    planes = [values] if planar == 1 else [values.reshape(height, width, samples)[..., i] for i in range(samples)]
    strips = [packed(plane, bits, order) for plane in planes] if data is None else [data]
    if compression == 8:
        strips = [zlib.compress(strip) for strip in strips]
    fields |= {"planar": planar, "compression": compression}
    entries = {256: [width], 257: [height], 258: [bits] * samples, 277: [samples], 278: [height]}
    entries |= {TIFF_FIELDS[name]: list(np.atleast_1d(value)) for name, value in fields.items()}
    entries |= {273: [0] * len(strips), 279: [len(strip) for strip in strips]}
    after = 8 + 2 + 12 * len(entries) + 4
    begin = after + sum(4 * len(entry) for entry in entries.values() if len(entry) > 1)
    entries[273] = [begin + sum(map(len, strips[:i])) for i in range(len(strips))]
    head, tail = b"", b""
    for tag, entry in sorted(entries.items()):  # all as 32-bit integers
        content = struct.pack(f"{order}{len(entry)}I", *entry)
        head += struct.pack(f"{order}HHI", tag, 4, len(entry))
        head += content if len(entry) == 1 else struct.pack(f"{order}I", after + len(tail))
        tail += content if len(entry) > 1 else b""
    start = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    path.write_bytes(start + head + bytes(4) + tail + b"".join(strips))
    return path


GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types of a PNG


def png(path, values, bits, colour, *, palette=None, transparent=None):
    """Write integers (H, W) or (H, W, C); `palette` is uint8 (N, 3), `transparent` the content of a tRNS chunk."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + packed(row[None], bits, ">") for row in values)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    content += b"" if palette is None else chunk(b"PLTE", palette.tobytes())
    content += b"" if transparent is None else chunk(b"tRNS", transparent)
    path.write_bytes(content + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path
