"""What `driftloop serve` costs while it has nothing to do: seconds until its page answers, and MB.

    python -m bench.serve

Asked for by issue 5: at most 200 MB and ready in 2 s. The store is there already, as it is at every
start but the first; the first start, which makes it, is printed beside.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

CONFIG = """
[[monitors]]
name = "shop"
window = "1d"
[monitors.source]
kind = "files"
path = "data.csv"
[monitors.reference]
start = 2024-01-01
end = 2024-01-11
[monitors.columns]
timestamp = "ts"
id = "id"
"""
READY_SECONDS, IDLE_MB, STARTS = 2.0, 200.0, 5


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [f"{d}-{n},2024-01-{d:02d}T{n:02d}:00Z,{n}" for d in range(1, 12) for n in range(24)]
        (folder / "data.csv").write_text("id,ts,x\n" + "\n".join(rows) + "\n")
        (folder / "config.toml").write_text(CONFIG)
        first = start(folder)
        ready, idle, busy = zip(*(start(folder) for _ in range(STARTS)), strict=True)
    median = sorted(ready)[STARTS // 2]
    print(f"first start (makes the store): ready after {first[0]:.2f} s, {first[1]:.0f} MB")
    print(f"start: ready after {median:.2f} s (median of {STARTS}, asked for: {READY_SECONDS} s)")
    print(
        f"of that on a processor: {min(busy):.2f} s (least of {STARTS}; the rest waits for others)"
    )
    print(f"idle: {max(idle):.0f} MB (asked for: {IDLE_MB:.0f} MB)")
    return 0 if median <= READY_SECONDS and max(idle) <= IDLE_MB else 1


def start(folder: Path) -> tuple[float, float, float]:
    """Seconds until `/healthz` answers, MB after some ticks, seconds on a processor until then."""
    begun = time.perf_counter()
    with served(folder) as (process, address):
        while True:
            try:
                if httpx.get(f"{address}healthz").text == "ok":
                    break
            except httpx.TransportError:
                time.sleep(0.01)
        ready, busy = time.perf_counter() - begun, processor(process.pid)
        time.sleep(4)
        return ready, resident(process.pid), busy


@contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "monitor.cli", "serve", "-c", str(folder / "config.toml")]
    process = subprocess.Popen(
        [*command, "--port", "0", "--every", "1"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"http://\S+", line):
                yield process, found[0]
                break
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def processor(pid: int) -> float:
    """Seconds that the process has spent on a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """MB of the process that lie in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


if __name__ == "__main__":
    sys.exit(main())
