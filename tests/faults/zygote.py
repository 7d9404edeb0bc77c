"""Processes that die where they are told to: one that has imported everything forks them.

Reads one JSON document a line: {config, point, when, nth, hours}. Answers with the exit code of
the child, negative when a signal ended it. A child is one `serve --once` whose clock stands still
and whose store's clock is `hours` ahead, so that leases of the dead have run out.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.config import load
from monitor.core.errors import DeliveryError, StoreError
from monitor.scheduler.clock import Clock
from monitor.scheduler.installation import Installation
from monitor.store.engine import database_clock
from monitor.store.store import Store

#: name -> where the function stands that is about to be called, or was.
POINTS = {
    "windows announced": "monitor.store.ledger:Ledger.announce",
    "window claimed": "monitor.store.ledger:Ledger.claim_next",
    "lease shown in the transaction": "monitor.store.commit:update_held",
    "reference stored": "monitor.store.references:References.save",
    "window measured": "monitor.pipeline:Pipeline._measure",
    "effects committed": "monitor.store.store:Store.commit",
    "run inserted": "monitor.store.commit:_new_run",
    "findings inserted": "monitor.store.commit:_record_findings",
    "alarms folded": "monitor.store.commit:record_alarms",
    "queue drawn": "monitor.store.commit:replace_draw",
    "messages enqueued": "monitor.store.commit:enqueue",
    "report drawn": "monitor.steps.page:write",
    "report noted": "monitor.store.runs:Runs.set_report",
    "message claimed": "monitor.store.outbox:Outbox.claim",
    "mail sent": "monitor.alerts.mail:Mail.send",
    "mail noted": "monitor.store.outbox:Outbox.sent",
    "watch looked": "monitor.store.incidents:Incidents.report",
}
NOW = datetime(2024, 1, 14, 1, tzinfo=UTC)


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        inject = job.pop("inject", "")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if inject:
                    wait_for_tracer()
                code = run(**job)
            finally:
                os._exit(code)
        tracer = trace(child, inject) if inject else None
        _, status = os.waitpid(child, 0)
        if tracer is not None:
            tracer.wait()
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def trace(child: int, inject: str) -> subprocess.Popen[bytes]:
    """Let system calls of the child fail, or kill it: "pwrite64:signal=SIGKILL:when=3"."""
    call = inject.partition(":")[0]
    options = ["-f", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={inject}"]
    return subprocess.Popen(["strace", *options, "-p", str(child)], stderr=subprocess.DEVNULL)


def wait_for_tracer() -> None:
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        time.sleep(0.005)


def run(config: str, point: str | None, when: str, nth: int, hours: int) -> int:
    if point is not None:
        arm(POINTS[point], when, nth)
    settings = load(config)
    ahead = timedelta(hours=hours)
    with Store.open(settings.store.url, clock=lambda s: database_clock(s) + ahead) as store:
        clock = Clock(Installation(settings, store, clock=lambda: NOW))
        clock.tick()
        clock.tick()  # what was to be tried again
    return 0


def arm(place: str, when: str, nth: int) -> None:
    """Die before or after the nth call; or do it and say that it failed."""
    module_name, _, path = place.partition(":")
    owner: Any = importlib.import_module(module_name)
    *above, name = path.split(".")
    for part in above:
        owner = getattr(owner, part)
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    @functools.wraps(real)
    def armed(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != nth:
            return real(*arguments, **options)
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        real(*arguments, **options)
        if when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "send":
            msg = "the server hung up after it had taken the mail"
            raise DeliveryError(msg)
        msg = "the connection was lost after the commit"
        raise StoreError(msg)

    setattr(owner, name, armed)


if __name__ == "__main__":
    main()
