"""Numbers that can be cited: full float32 products, whatever the process around us allows."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

# Each may allow float32 products of fewer bits (TF32, bfloat16), for the whole process.
_SETTINGS = (
    torch.backends.cudnn.conv,  # type: ignore[attr-defined]
    torch.backends.cuda.matmul,
    torch.backends.mkldnn.conv,  # type: ignore[attr-defined]
    torch.backends.mkldnn.matmul,  # type: ignore[attr-defined]
)
_AUTOCAST = [kind for kind in ("cpu", "cuda", "mps", "xpu") if torch.amp.is_autocast_available(kind)]

_lock = threading.Lock()  # held while settings change, not while work is done
_inside: set[object] = set()  # one for each entry, of any thread, that has not been left
_callers: list[str] = []  # settings from before the first of them

if hasattr(os, "register_at_fork"):  # a process forked while another thread holds the lock would wait for it forever
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


@contextmanager
def full_precision() -> Iterator[None]:
    """Compute in full float32: autocast and TF32 (on CPUs: bfloat16 products) are off inside, and come back afterwards.

    Everything in this package enters it by itself, except that **a backward pass follows the settings of where
    ``backward()`` is called**: on a GPU, gradients of float32 convolutions use TF32 unless the call is inside, too.
    :func:`dsd.optimize.optimize` and :class:`dsd.training.Training` keep whole steps inside. It may be nested, and used
    by several threads at once: torch has these settings once for the whole process, so while any thread is inside, all
    compute with them; the last one that leaves brings the caller's back. Autocast is each thread's own; one that is
    asked for inside is taken as meant. torch refuses to read its older names of the settings (``allow_tf32``) inside.

    Example:
        >>> from dsd import DSDLoss
        >>> loss, x = DSDLoss("lite"), torch.rand(1, 3, 32, 32, requires_grad=True)
        >>> with full_precision():
        ...     loss(x, torch.rand(1, 3, 32, 32)).backward()
    """
    entry = object()
    try:
        with _lock:
            if not _inside:
                _callers[:] = [setting.fp32_precision for setting in _SETTINGS]
            _inside.add(entry)
            if len(_inside) == 1:
                for setting in _SETTINGS:
                    setting.fp32_precision = "ieee"
        with ExitStack() as autocasts:
            for kind in _AUTOCAST:
                if torch.is_autocast_enabled(kind):
                    autocasts.enter_context(torch.autocast(kind, enabled=False))
            yield
    finally:
        with _lock:
            if _inside == {entry}:
                for setting, value in zip(_SETTINGS, _callers, strict=True):
                    setting.fp32_precision = "none"  # follow the process-wide setting again, where it did
                    if setting.fp32_precision != value:
                        setting.fp32_precision = value
            _inside.discard(entry)


def at_least_float32(x: Tensor) -> Tensor:
    """`x` in float32, or float64 where it is."""
    return x if x.dtype == torch.float64 else x.float()
