"""Writes Caffe models as Caffe does, of made-up weights."""

import struct

import numpy as np


def varint(number):
    low, high = number & 127, number >> 7
    return bytes([low | 128]) + varint(high) if high else bytes([low])


def field(number, content):
    """A field of a message: an integer, or bytes with their length before them."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


def blob_of_2014(array):
    """Four numbers for the shape; the values in one field, and gradients, which nobody needs, in another."""
    shape = (1,) * (4 - array.ndim) + array.shape
    sides = b"".join(field(number, side) for number, side in enumerate(shape, 1))
    values = np.asarray(array, "<f4").tobytes()
    return sides + field(5, values) + field(6, values)


def blob_of_today(array, packed=True):
    """A message for the shape; values in one field, or each in a field of its own."""
    shape = b"".join(map(varint, array.shape))
    shape = field(1, shape) if packed else b"".join(field(1, side) for side in array.shape)
    if packed:
        return field(7, shape) + field(5, np.asarray(array, "<f4").tobytes())
    values = b"".join(varint(5 << 3 | 5) + struct.pack("<f", value) for value in array.flat)
    return values + field(7, shape)


def caffe_model(layers, today=False, blob=None):
    """A model of convolutions, {name: (weight, bias)}, and of layers without weights between them."""
    blob = blob or (blob_of_today if today else blob_of_2014)
    number, name_field, blobs_field = (100, 1, 7) if today else (2, 4, 6)
    model = field(1, b"VGG") + field(3, b"data") + b"".join(field(4, side) for side in (1, 3, 224, 224))
    for name, arrays in layers.items():
        blobs = b"".join(field(blobs_field, blob(array)) for array in arrays)
        rate = varint(9 << 3 | 1) + struct.pack("<d", 0.1)  # a number of 8 bytes
        model += field(number, field(name_field, name.encode()) + field(3, name.encode()) + blobs + rate)
        model += field(number, field(name_field, name.replace("conv", "relu").encode()))
    return model
