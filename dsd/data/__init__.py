"""Data sets and where they are."""

from dsd.data.images import (
    Photographs,
    View,
    data_root,
    embedded_photographs,
    find_folder,
    find_images,
    held_out,
    load_image,
    luma,
)

__all__ = [
    "Photographs",
    "View",
    "data_root",
    "embedded_photographs",
    "find_folder",
    "find_images",
    "held_out",
    "load_image",
    "luma",
]
