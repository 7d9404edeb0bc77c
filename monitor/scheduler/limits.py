"""How much memory the process may take: a window that wants more fails, and nothing else does."""

from __future__ import annotations

import os
import re
import resource
from collections.abc import Callable
from pathlib import Path

_SHARE = 0.9
_GIGABYTE = 1024**3
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_STATUS = Path("/proc/self/status")


def limit_memory(gigabytes: float | None, say: Callable[[str], None]) -> None:
    """Refuse memory beyond so much, by default nine tenths of what the machine or container has.

    An allocation that is refused is an error of the window that asked for it; without a limit the
    kernel would end the whole process, and the next one that tries the same window. To be called
    when everything is loaded: what allocators have reserved and not used counts for nothing.
    """
    wanted = int((gigabytes * _GIGABYTE) if gigabytes else _SHARE * available())
    try:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        limit = wanted + _reserved()
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


def _reserved() -> int:
    """Bytes that the process has asked for and does not use."""
    found = dict(re.findall(r"^(VmData|VmRSS):\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE))
    return max(0, int(found["VmData"]) - int(found["VmRSS"])) * 1024
