"""The clock: asks now and then which windows are due, runs each once, and sends what waits."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from monitor.core.allocators import give_back
from monitor.core.errors import DriftloopError, LeaseLostError
from monitor.core.window import Window
from monitor.scheduler import worker as workers_
from monitor.scheduler.annotators import Annotators
from monitor.scheduler.announce import Announcer
from monitor.scheduler.installation import Installation
from monitor.scheduler.watch import Watch
from monitor.scheduler.worker import Worker
from monitor.store.records import Lease

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

    from monitor.config import MonitorConfig

#: After the commit the report is drawn; so long is waited for it.
_DRAW_SECONDS = 5.0
#: Reports of runs that are older than this are not drawn again by themselves.
_DRAW_AGAIN = timedelta(days=7)


@dataclass(slots=True)
class Clock:
    """Runs what is due, oldest first; what breaks in one monitor does not stop the others.

    Several clocks, in as many processes, may share one store: the ledger gives each window to
    one of them.
    """

    home: Installation
    workers: int = 1  #: windows that run side by side in this process
    stopping: threading.Event = field(default_factory=threading.Event)
    failures: int = 0  #: how much could not be done so far
    announcer: Announcer = field(init=False)
    watch: Watch = field(init=False)
    annotators: Annotators = field(init=False)
    crew: list[Worker] = field(init=False)
    _drawn: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """What was asked of each monitor is remembered for the life of the clock."""
        self.announcer = Announcer(self.home)
        self.watch = Watch(self.home)
        self.annotators = Annotators(self.home)
        self.crew = [Worker(self.home) for _ in range(self.workers)]

    def tick(self) -> int:
        """Run what is due, send what waits, look after the service; how many windows were run."""
        done = self.run_due()
        self.deliver()
        self.exchange()
        self.look()
        return done

    def run_due(self) -> int:
        """Make due windows known and run all that can be claimed; how many were run well.

        A monitor whose window failed is left alone until the next time.
        """
        if not self._drawn:
            self._guarded("reports", self._draw_again)
            self._drawn = True
        before = self.failures
        self.announce()
        left_alone = self._strangers()
        if len(self.crew) == 1:
            done = self._work(self.crew[0], left_alone)
        else:
            with ThreadPoolExecutor(len(self.crew)) as pool:
                done = sum(pool.map(lambda one: self._work(one, left_alone), self.crew))
        self.watch.ticked(well=self.failures == before)
        if done:
            give_back()
        return done

    def announce(self) -> None:
        """Look for new values of blocks, and for windows that have become due."""
        self.home.places.look_again()
        for name in self.home.blocks.names():
            if not self.stopping.is_set():
                self._asked(name, partial(self.announcer.search, name))
        blocks, newest = set(self.home.blocks.names()), dict[str, Window]()
        monitors = self.home.config.monitors
        ledger = self.home.store.ledger
        if not self._guarded(
            "ledger", lambda: newest.update(ledger.newest_of(monitor.name for monitor in monitors))
        ):
            return
        wanted: dict[str, list[Window]] = {}
        for monitor in monitors:
            if not self.stopping.is_set() and monitor.name not in blocks:
                self._asked(monitor.name, partial(self._ask, monitor, newest, wanted))
        self._guarded("ledger", partial(self.announcer.write, wanted))

    def _ask(
        self, monitor: MonitorConfig, newest: dict[str, Window], wanted: dict[str, list[Window]]
    ) -> None:
        windows = self.announcer.ask(monitor, newest)
        if windows:
            wanted[monitor.name] = windows

    def deliver(self) -> None:
        """Send what waits in the outbox, summaries whose time has come among it."""
        self._guarded("summary", self._summarise)
        self._guarded("outbox", self._deliver)

    def exchange(self) -> None:
        """Push the queue to the annotation tools, and bring back what came of it."""
        self._guarded("annotators", self._exchange)

    def look(self) -> None:
        """See to what is wrong with the service itself, and tell the outside that it lives."""
        self._guarded("watch", self.watch.look)

    def prune(self) -> None:
        """Let go of what is older than `[retention]` says."""
        from monitor.steps.retention import prune  # noqa: PLC0415 - merges profiles, rarely

        self._guarded(
            "retention",
            lambda: prune(self.home.store, self.home.config, self.home.clock(), self.home.say),
        )

    def stop(
        self, scheduler: BackgroundScheduler, *, seconds: float, hurry: Callable[[], bool]
    ) -> bool:
        """Begin nothing any more, and wait for what runs; False when it was not done in time.

        Then windows are handed back, for whoever asks next, and what still runs here cannot
        store anything: the process is to end. `hurry` ends the waiting.
        """
        self.stopping.set()
        waiter = threading.Thread(target=scheduler.shutdown, daemon=True)
        waiter.start()
        end = time.monotonic() + seconds
        while waiter.is_alive() and time.monotonic() < end and not hurry():
            waiter.join(0.05)
        if waiter.is_alive():
            handed_back = [self._hand_back(one) for one in self.crew]
            if not any(handed_back):
                waiter.join(_DRAW_SECONDS)
        return not waiter.is_alive()

    def _hand_back(self, worker: Worker) -> bool:
        """Whether a window was handed back; False when there is none, or it was committed."""
        lease = worker.held
        if lease is None:
            return False
        try:
            self.home.store.ledger.release(lease)
        except LeaseLostError:
            return False
        except DriftloopError as error:
            self.home.say(f"{lease.monitor}: the window was not handed back: {error}")
            return True
        self.home.say(f"{lease.monitor}: {lease.window} handed back")
        return True

    def _strangers(self) -> set[str]:
        """Monitors of the store that this config does not have."""
        found: set[str] = set()
        ours = {monitor.name for monitor in self.home.config.monitors}
        self._guarded("ledger", lambda: found.update(self.home.store.ledger.monitors()))
        return found - ours

    def _work(self, worker: Worker, left_alone: set[str]) -> int:
        done = 0
        while lease := self._claim(worker, left_alone):
            if self._guarded(lease.monitor, partial(self._run, worker, lease)):
                done += 1
            else:
                with self._lock:
                    left_alone.add(lease.monitor)
        worker.held = None
        return done

    def _claim(self, worker: Worker, left_alone: set[str]) -> Lease | None:
        """The lease of the oldest window that is due; None too when the clock is to stop."""
        worker.held = None
        if self.stopping.is_set():
            return None
        with self._lock:
            exclude = sorted(left_alone)
        try:
            worker.held = self.home.store.ledger.claim_next(
                worker=self.home.worker,
                lease_seconds=workers_.LEASE_SECONDS,
                exclude=exclude,
            )
        except DriftloopError as error:
            self._broke(f"ledger: {error}")
        if self.stopping.is_set() and self._hand_back(worker):
            return None
        return worker.held

    def _run(self, worker: Worker, lease: Lease) -> None:
        document = worker.run(lease)
        states = [alarm["state"] for alarm in document["alarms"]]
        self.home.say(
            f"{lease.monitor}: {lease.window} done, {document['rows']['current']:,} rows, "
            f"alarms: {states.count('opened')} opened, {states.count('open')} still open"
        )

    def _draw_again(self) -> None:
        """Reports of runs that were committed by a process that ended before it drew them."""
        since = self.home.clock() - _DRAW_AGAIN
        names = {monitor.name for monitor in self.home.config.monitors}
        for run in self.home.store.runs.undrawn(since=since):
            if run.monitor in names and not self.stopping.is_set():
                monitor = self.home.config.monitor(run.monitor)
                draw = partial(self.crew[0].pipeline().draw_again, monitor, run.window)
                self._guarded(run.monitor, draw)

    def _summarise(self) -> None:
        home = self.home
        if any(channel.summary for channel in home.config.alerts):
            from monitor.steps import weekly  # noqa: PLC0415 - draws a mail, rarely

            weekly.enqueue(home.config, home.store, home.clock())

    def _deliver(self) -> None:
        if not self.home.store.outbox.waits():
            return
        delivered = self.crew[0].pipeline().deliver()
        if delivered.sent or delivered.later or delivered.parked:
            self.home.say(
                f"outbox: {delivered.sent} sent, {delivered.later} to be tried again, "
                f"{delivered.parked} parked"
            )

    def _exchange(self) -> None:
        for error in self.annotators.exchange(self.stopping):
            self._broke(error)

    def _asked(self, name: str, question: Callable[[], object]) -> None:
        """Ask a monitor what is due; when its source does not answer, the watch is told."""
        try:
            question()
        except DriftloopError as error:
            self.watch.failing(name, str(error))
            self._broke(f"{name}: {error}")
        except Exception as error:  # noqa: BLE001 - one monitor must not stop the others
            self.watch.failing(name, repr(error))
            self._broke(f"{name}: failed in a way that it should not:\n{traceback.format_exc()}")
        else:
            self.watch.answered(name)

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
        with self._lock:
            self.failures += 1
        self.home.say(said)


def start(clock: Clock, *, seconds: float) -> BackgroundScheduler:
    """Tick in the background, in UTC, from now on; never two ticks at once, none lost.

    Sending, watching and pruning have ticks of their own, so that a slow mail server does not
    hold up the windows.
    """
    from apscheduler.schedulers.background import BackgroundScheduler  # noqa: PLC0415 - `--once`

    # A tick that is still running when the next one is due is no news.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    defaults: dict[str, Any] = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    scheduler = BackgroundScheduler(timezone=UTC, job_defaults=defaults)
    first = datetime.now(UTC) + timedelta(milliseconds=10)
    for job, every, after in (
        (clock.run_due, seconds, 0.0),
        (clock.deliver, seconds, 0.0),
        (clock.exchange, max(seconds, 5.0), 1.0),
        (clock.look, max(seconds, 30.0), 5.0),
        (clock.prune, 3600.0, 300.0),
    ):
        begins = first + timedelta(seconds=after)
        scheduler.add_job(job, "interval", seconds=every, next_run_time=begins)
    scheduler.start()
    return scheduler
