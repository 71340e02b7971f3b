"""Numbers that can be cited: full float32 products, whatever the process around us allows."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def full_precision(device_type: str) -> Iterator[None]:
    """Turn autocast and TF32 off for the operations inside; the caller's settings come back afterwards.

    Autograd runs outside of it: gradients of float32 convolutions on a GPU follow the process-wide TF32 setting
    (``torch.backends.cudnn.conv.fp32_precision``).
    """
    settings = (torch.backends.cudnn.conv, torch.backends.cuda.matmul)  # type: ignore[attr-defined]
    saved = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = "ieee"
        with torch.autocast(device_type, enabled=False):
            yield
    finally:
        for setting, value in zip(settings, saved, strict=True):
            setting.fp32_precision = "none"  # follow the process-wide setting again, where it did
            if setting.fp32_precision != value:
                setting.fp32_precision = value


def at_least_float32(x: Tensor) -> Tensor:
    """`x` in float32, or float64 where it is."""
    return x if x.dtype == torch.float64 else x.float()
