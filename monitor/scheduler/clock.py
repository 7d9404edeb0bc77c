"""The clock: asks now and then which windows are due, runs each once, and sends what waits."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from monitor.core.errors import DriftloopError, LeaseLostError
from monitor.pipeline import Pipeline
from monitor.scheduler.announce import Announcer
from monitor.store.records import Lease

LEASE_SECONDS = 300.0
_BEAT_SECONDS = 60.0
#: After the commit the report is drawn; so long is waited for it.
_DRAW_SECONDS = 5.0


@dataclass(slots=True)
class Clock:
    """Runs what is due, oldest first; what breaks in one monitor does not stop the others.

    Several clocks, in as many processes, may share one store: the ledger gives each window to
    one of them.
    """

    pipeline: Pipeline
    say: Callable[[str], None]
    stopping: threading.Event = field(default_factory=threading.Event)
    failures: int = 0  #: how much could not be done so far
    announcer: Announcer = field(init=False)
    _held: Lease | None = None

    def __post_init__(self) -> None:
        """What was asked of each monitor is remembered for the life of the clock."""
        self.announcer = Announcer(self.pipeline, self.say)

    def tick(self) -> int:
        """Run what is due, send what waits; how many windows were run."""
        done = self.run_due()
        self.deliver()
        return done

    def run_due(self) -> int:
        """Make due windows known and run all that can be claimed; how many were run well.

        A monitor whose window failed is left alone until the next time.
        """
        waiting = [monitor.name for monitor in self.pipeline.config.monitors]
        for monitor in self.pipeline.config.monitors:
            if not self.stopping.is_set():
                self._guarded(monitor.name, partial(self.announcer.announce, monitor))
        done = 0
        while waiting and (lease := self._claim(waiting)):
            if self._guarded(lease.monitor, partial(self._run, lease)):
                done += 1
            else:
                waiting.remove(lease.monitor)
        self._held = None
        self._guarded("outbox", self.pipeline.gather)  # the events of this round are one mail
        return done

    def deliver(self) -> None:
        """Send what waits in the outbox."""
        self._guarded("outbox", self._deliver)

    def stop(
        self, scheduler: BackgroundScheduler, *, seconds: float, hurry: Callable[[], bool]
    ) -> bool:
        """Begin nothing any more, and wait for what runs; False when it was not done in time.

        Then the window is handed back, for whoever asks next, and what still runs here cannot
        store anything: the process is to end. `hurry` ends the waiting.
        """
        self.stopping.set()
        waiter = threading.Thread(target=scheduler.shutdown, daemon=True)
        waiter.start()
        end = time.monotonic() + seconds
        while waiter.is_alive() and time.monotonic() < end and not hurry():
            waiter.join(0.05)
        if waiter.is_alive() and not self._hand_back():
            waiter.join(_DRAW_SECONDS)
        return not waiter.is_alive()

    def _hand_back(self) -> bool:
        """Whether a window was handed back; False when there is none, or it was committed."""
        lease = self._held
        if lease is None:
            return False
        try:
            self.pipeline.store.ledger.release(lease)
        except LeaseLostError:
            return False
        except DriftloopError as error:
            self.say(f"{lease.monitor}: the window was not handed back: {error}")
            return True
        self.say(f"{lease.monitor}: {lease.window} handed back")
        return True

    def _claim(self, monitors: list[str]) -> Lease | None:
        """The lease of the oldest window that is due; None too when the clock is to stop."""
        self._held = None
        if self.stopping.is_set():
            return None
        try:
            self._held = self.pipeline.store.ledger.claim_next(
                monitors, worker=self.pipeline.worker, lease_seconds=LEASE_SECONDS
            )
        except DriftloopError as error:
            self._broke(f"ledger: {error}")
        if self.stopping.is_set() and self._hand_back():
            return None
        return self._held

    def _run(self, lease: Lease) -> None:
        with self._heartbeat(lease):
            document = self.pipeline.run_leased(self.pipeline.config.monitor(lease.monitor), lease)
        states = [alarm["state"] for alarm in document["alarms"]]
        self.say(
            f"{lease.monitor}: {lease.window} done, {document['rows']['current']:,} rows, "
            f"alarms: {states.count('opened')} opened, {states.count('open')} still open"
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
        delivered = self.pipeline.deliver(gathering=False)
        if delivered.sent or delivered.later or delivered.parked:
            self.say(
                f"outbox: {delivered.sent} sent, {delivered.later} to be tried again, "
                f"{delivered.parked} parked"
            )

    def _guarded(self, name: str, action: Callable[[], object]) -> bool:
        """Whether it went well; if not, that is said."""
        try:
            action()
        except DriftloopError as error:
            self._broke(f"{name}: {error}")
        except Exception:  # noqa: BLE001 - one monitor must not stop the others
            self._broke(f"{name}: failed in a way that it should not:\n{traceback.format_exc()}")
        else:
            return True
        return False

    def _broke(self, said: str) -> None:
        self.failures += 1
        self.say(said)


def start(clock: Clock, *, seconds: float) -> BackgroundScheduler:
    """Tick in the background, in UTC, from now on; never two ticks at once, none lost.

    Sending has a tick of its own, so that a slow mail server does not hold up the windows.
    """
    # A tick that is still running when the next one is due is no news.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    defaults: dict[str, Any] = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
    first = datetime.now(UTC) + timedelta(milliseconds=10)
    for job in (clock.run_due, clock.deliver):
        scheduler.add_job(job, "interval", seconds=seconds, next_run_time=first)
    scheduler.start()
    return scheduler
