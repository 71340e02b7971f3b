"""The weights in a Caffe model, read without Caffe."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def read_caffe_model(path: str | Path) -> dict[str, list[np.ndarray]]:
    """The blobs of every layer that has any: of a convolution its weight and its bias.

    The file is a ``NetParameter`` of Caffe's ``caffe.proto`` in the wire format of Protocol Buffers. Both kinds of
    layers are read: ``layers`` of 2014, as in the models of VGG, and today's ``layer``.

    Args:
        path: a ``.caffemodel``.

    Returns:
        The layers by name, in the file's order; float32 of the shape that the file gives, ``(1, 1, 1, C)`` for a bias
        of 2014.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no Caffe model, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no Caffe model at {path}")
    layers = {}
    try:
        for number, layer in _fields(memoryview(path.read_bytes())):
            if number in (2, 100):
                name_field, blobs_field = (4, 6) if number == 2 else (1, 7)
                name, blobs = "", []
                for field, value in _fields(layer):
                    if field == name_field:
                        name = str(value, "utf-8")
                    elif field == blobs_field:
                        blobs.append(_blob(value))
                if blobs:
                    layers[name] = blobs
    except ValueError as error:
        raise ValueError(f"{path} is no Caffe model, or is damaged: {error}") from error
    return layers


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field of a message; of a varint (an integer), its own bytes."""
    position = 0
    while position < len(message):
        start, position = position, _end_of_varint(message, position)
        key = _varint(message[start:position])
        number, kind = key >> 3, key & 7
        start = position
        if kind == 0:
            position = _end_of_varint(message, position)
        elif kind == 1:
            position += 8
        elif kind == 2:
            start = _end_of_varint(message, position)
            position = start + _varint(message[position:start])
        elif kind == 5:
            position += 4
        else:
            raise ValueError(f"a field is of the unknown kind {kind}")
        if position > len(message):
            raise ValueError("it ends too early")
        yield number, message[start:position]


def _end_of_varint(message: memoryview, position: int) -> int:
    """Where an integer ends: its last byte is below 128."""
    while position < len(message):
        position += 1
        if message[position - 1] < 128:
            return position
    raise ValueError("it ends too early")


def _varint(content: memoryview) -> int:
    """An integer: seven bits in a byte, the lowest first."""
    return sum((byte & 127) << 7 * index for index, byte in enumerate(content))


def _blob(message: memoryview) -> np.ndarray:
    """An array: its values, in one field or one by one, and its shape, of today or (four numbers) of 2014."""
    data, sides, shape = [], {}, None
    for number, value in _fields(message):
        if number in (1, 2, 3, 4):
            sides[number] = _varint(value)
        elif number == 5:
            data.append(value)
        elif number == 7:
            shape = [side for field, content in _fields(value) if field == 1 for side in _varints(content)]
    if shape is None:
        shape = [sides.get(number, 0) for number in (1, 2, 3, 4)]
    values = np.frombuffer(b"".join(data), "<f4")
    if len(values) != math.prod(shape):
        raise ValueError(f"an array of shape {tuple(shape)} has {len(values)} values")
    return values.reshape(shape)


def _varints(content: memoryview) -> Iterator[int]:
    """Integers one after the other."""
    position = 0
    while position < len(content):
        start, position = position, _end_of_varint(content, position)
        yield _varint(content[start:position])
