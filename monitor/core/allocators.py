"""How the allocators below numpy and Arrow deal with what was freed.

A pass over data frees and asks for the same megabytes again for each batch. Left alone, glibc and
mimalloc hand them back to the system each time and get them anew, zeroed, page by page: up to a
third of the CPU of a comparison (`bench/first.py`).
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  #: `mallopt(3)`
_KEPT = 128 << 20
_LARGE = 32 << 20  #: glibc's own upper limit of the threshold
_PURGE_DELAY = "200"  #: milliseconds; with more, much more is kept than is asked for again


def keep_freed() -> None:
    """Keep freed memory for the next batch; call it before Arrow is imported.

    Nothing where the C library is not glibc. `give_back` is for when the work is done.
    """
    os.environ.setdefault("MIMALLOC_PURGE_DELAY", _PURGE_DELAY)
    libc = _glibc()
    if libc is not None:
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """Hand what is free back to the system; some milliseconds."""
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> Any:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
