"""How much memory the process may take: a window that wants more fails, and nothing else does."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from monitor.cli.common import say

_SHARE = 0.9
_GIGABYTE = 1024**3
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def limit_memory(gigabytes: float | None) -> None:
    """Refuse memory beyond so much, by default nine tenths of what the machine or container has.

    An allocation that is refused is an error of the window that asked for it; without a limit the
    kernel would end the whole process, and the next one that tries the same window.
    """
    limit = int((gigabytes * _GIGABYTE) if gigabytes else _SHARE * available())
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    except (OSError, ValueError) as error:
        say(f"warning: memory is not limited: {error}")


def available() -> int:
    """Bytes of the machine, or of the container if that has less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        return min(whole, int(_CGROUP.read_text()))
    except (OSError, ValueError):  # no cgroup, or "max"
        return whole
