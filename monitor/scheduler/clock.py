"""The clock: asks now and then which windows are due, and runs each once."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from apscheduler.schedulers.background import BackgroundScheduler

from monitor.config import MonitorConfig
from monitor.core.errors import DriftloopError, LeaseLostError
from monitor.pipeline import Pipeline
from monitor.scheduler.due import due_windows
from monitor.store.records import Lease

if TYPE_CHECKING:
    from collections.abc import Iterator

LEASE_SECONDS = 300.0
_BEAT_SECONDS = 60.0


@dataclass(slots=True)
class Clock:
    """Runs what is due, monitor by monitor; what breaks in one does not stop the others."""

    pipeline: Pipeline
    say: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)

    def tick(self) -> int:
        """Make due windows known, run all that can be claimed, deliver; how many were run."""
        for monitor in self.pipeline.config.monitors:
            self._guarded(monitor.name, partial(self._announce, monitor))
        done = 0
        names = [monitor.name for monitor in self.pipeline.config.monitors]
        while not self.stopping.is_set():
            lease = self.pipeline.store.ledger.claim_next(
                names, worker=self.pipeline.worker, lease_seconds=LEASE_SECONDS
            )
            if lease is None:
                break
            self._guarded(lease.monitor, partial(self._run, lease))
            done += 1
        self._guarded("outbox", self._deliver)
        return done

    def _announce(self, monitor: MonitorConfig) -> None:
        """Write the windows that are due into the ledger."""
        pipeline = self.pipeline
        timestamp = monitor.columns.timestamp
        extent = pipeline.source(monitor).extent(timestamp)[0] if timestamp else None
        own = monitor.reference_window
        start = own.end if own is not None else extent.start if extent is not None else None
        windows = due_windows(
            monitor,
            now=pipeline.clock(),
            last=pipeline.store.ledger.newest(monitor.name),
            start=start,
            data_end=extent.end if extent is not None else None,
        )
        new = pipeline.store.ledger.ensure_windows(monitor.name, windows) if windows else 0
        if new:
            self.say(f"{monitor.name}: {new} windows are due, from {windows[0]} on")

    def _run(self, lease: Lease) -> None:
        with self._heartbeat(lease):
            document = self.pipeline.run_leased(self.pipeline.config.monitor(lease.monitor), lease)
        states = [alarm["state"] for alarm in document["alarms"]]
        self.say(
            f"{lease.monitor}: {lease.window} done, {document['rows']['current']:,} rows, "
            f"{states.count('opened')} alarms opened, {states.count('open')} open"
        )

    @contextmanager
    def _heartbeat(self, lease: Lease) -> Iterator[None]:
        """Keep the lease while the window is run; a lost one shows at the commit."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(_BEAT_SECONDS):
                try:
                    self.pipeline.store.ledger.heartbeat(lease, lease_seconds=LEASE_SECONDS)
                except LeaseLostError:
                    return
                except DriftloopError as error:
                    self.say(f"{lease.monitor}: the lease was not renewed: {error}")

        thread = threading.Thread(target=beat, name="driftloop-heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _deliver(self) -> None:
        delivered = self.pipeline.deliver()
        if delivered.sent or delivered.later or delivered.parked:
            self.say(
                f"outbox: {delivered.sent} sent, {delivered.later} to be tried again, "
                f"{delivered.parked} parked"
            )

    def _guarded(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except DriftloopError as error:
            self.say(f"{name}: {error}")
        except Exception:  # noqa: BLE001 - one monitor must not stop the others
            self.say(f"{name}: failed in a way that it should not:\n{traceback.format_exc()}")


def start(clock: Clock, *, seconds: float) -> BackgroundScheduler:
    """Tick in the background, in UTC, from now on; never two ticks at once, none lost."""
    defaults: dict[str, Any] = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
    scheduler.add_job(
        clock.tick,
        "interval",
        seconds=seconds,
        next_run_time=datetime.now(UTC) + timedelta(milliseconds=10),
    )
    scheduler.start()
    return scheduler
