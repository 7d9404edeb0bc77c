"""One worker: takes a lease, runs its window in a thread that can be given up, keeps the lease."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from monitor.core import logs
from monitor.core.errors import DriftloopError, LeaseLostError
from monitor.scheduler.installation import Installation
from monitor.store.records import Lease

if TYPE_CHECKING:
    from monitor.pipeline import Pipeline

LEASE_SECONDS = 300.0
BEAT_SECONDS = 60.0
#: A window that took too long is tried again after this.
_AGAIN_SECONDS = 900.0
_ATTEMPTS = 5


class TookTooLongError(DriftloopError):
    """A window was not done within the monitor's `timeout`."""


@dataclass(slots=True)
class Worker:
    """Has a pipeline of its own, so that several of them may run side by side."""

    home: Installation
    held: Lease | None = None  #: what it runs now
    given_up: int = 0  #: threads that may hang for ever
    _pipeline: Pipeline | None = None
    _generation: int = -1

    def pipeline(self) -> Pipeline:
        """The pipeline on the config of now; what it has learned is kept while that is the same."""
        home = self.home
        if self._pipeline is None or self._generation != home.generation:
            self._pipeline, self._generation = home.pipeline(), home.generation
        elif self._pipeline.config is not home.config:
            self._pipeline.config = self._pipeline.references.config = home.config
        return self._pipeline

    def run(self, lease: Lease) -> dict[str, Any]:
        """Run the window of a lease; its document.

        Raises
        ------
        DriftloopError
            It failed, took too long, or another worker holds it now.
        """
        monitor = self.home.config.monitor(lease.monitor)
        pipeline = self.pipeline()
        with logs.bound(
            monitor=lease.monitor,
            window=str(lease.window),
            run=lease.token[:12],
            attempt=lease.attempt,
        ):
            context = copy_context()  # a new thread would else know nothing of it
        task = _Task(lambda: context.run(pipeline.run_leased, monitor, lease))
        try:
            done = task.wait(monitor.timeout.total_seconds(), lambda: self._beat(lease))
        except BaseException:  # told to stop: whoever starts next runs it from its beginning
            self._release(lease)
            raise
        if not done:
            self._give_up(lease, monitor.timeout)
        if task.error is not None:
            raise task.error
        assert task.result is not None
        return task.result

    def _beat(self, lease: Lease) -> bool:
        """Keep the lease; False when it is lost, which shows at the commit."""
        try:
            self.home.store.ledger.heartbeat(lease, lease_seconds=LEASE_SECONDS)
        except LeaseLostError:
            return False
        except DriftloopError as error:
            self.home.say(f"{lease.monitor}: the lease was not renewed: {error}")
        return True

    def _give_up(self, lease: Lease, limit: object) -> None:
        """Let the thread hang: it has its pipeline for itself, and its lease is worth nothing."""
        self._pipeline = None
        self.given_up += 1
        text = (
            f"{lease.window} was not done after {limit}: the source or the engine hangs, or "
            "`timeout` is too short."
        )
        wait = _AGAIN_SECONDS * lease.attempt if lease.attempt < _ATTEMPTS else None
        self.home.store.ledger.fail(lease, text, retry_in=wait)
        raise TookTooLongError(text)

    def _release(self, lease: Lease) -> None:
        try:
            self.home.store.ledger.release(lease)
        except DriftloopError as error:
            self.home.say(f"{lease.monitor}: the window was not handed back: {error}")


@dataclass(slots=True)
class _Task:
    """Something that runs in a thread of its own."""

    work: Callable[[], dict[str, Any]]
    result: dict[str, Any] | None = None
    error: Exception | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float, beat: Callable[[], bool]) -> bool:
        """Run it; whether it was done in that time. `beat` is called now and then."""
        thread = threading.Thread(target=self._run, name="driftloop-window", daemon=True)
        thread.start()
        end, beating = time.monotonic() + seconds, True
        while not self._over.wait(min(BEAT_SECONDS, max(0.0, end - time.monotonic()))):
            if time.monotonic() >= end:
                return False
            beating = beating and beat()
        return True

    def _run(self) -> None:
        try:
            self.result = self.work()
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self.error = error
        finally:
            self._over.set()
