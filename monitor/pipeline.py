"""The one run, start to end; the only file that knows every room.

lease → source → engine (one pass) → checks and evidence → alarms → queue → one transaction
→ report drawn → outbox delivered. Each step is one file in `steps/`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from monitor.config import Config, MonitorConfig
from monitor.config.cadence import EDGE
from monitor.core.columns import Column
from monitor.core.errors import DriftloopError, LeaseLostError, UsageError
from monitor.core.ports import Source
from monitor.core.tracing import span
from monitor.core.window import Window
from monitor.evidence.types import Budget
from monitor.steps import alarms as events
from monitor.steps import digest, mail, observations, page, queue, second_opinions, telling
from monitor.steps.baseline import Baseline
from monitor.steps.deliver import Delivered, channels_of, deliver, policies_of
from monitor.steps.document import document
from monitor.steps.engine import engine_of
from monitor.steps.judge import judge_window
from monitor.steps.known import Known
from monitor.steps.label_part import label_part
from monitor.steps.links import signer
from monitor.steps.memory import Memory
from monitor.steps.places import Places
from monitor.steps.reading import Whole, failed_before, persistently, read_window
from monitor.steps.realised import realised
from monitor.steps.references import References
from monitor.steps.revision import of_revision
from monitor.steps.setup import labels_of, of_monitor
from monitor.steps.versions import Versions, main_version
from monitor.store.gathering import gather
from monitor.store.records import Lease, NewQueueRow, RunEffects, StoredRun
from monitor.store.store import Store
from reports.view import ReportView

Clock = Callable[[], datetime]

#: A window that failed is taken again after this, doubled with each attempt.
_RETRY_SECONDS = 60.0
_ATTEMPTS = 5


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


def quiet(text: str) -> None:
    """Progress that nobody wants to hear."""
    del text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Effects:
    """What a run came to, before it is written down."""

    run: page.Run
    told: events.Told
    queued: queue.Proposed
    memory: Memory
    started: datetime
    read: Whole


@dataclass(slots=True)
class Pipeline:
    """Runs windows of the monitors of one config on one store."""

    config: Config
    store: Store
    clock: Clock = utc_now
    say: Callable[[str], None] = quiet
    worker: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")
    references: References = field(init=False)
    places: Places = field(init=False)
    versions: Versions = field(default_factory=Versions)

    def __post_init__(self) -> None:
        """Baselines are read or learned once for each pipeline."""
        self.places = Places(self.config.base)
        self.references = References(self.store, self.config, self.say, self.places)

    def run(
        self, monitor: MonitorConfig, window: Window | None = None, *, regular: bool = False
    ) -> dict[str, Any]:
        """Run one window now, again if it was run before; its JSON document.

        Raises
        ------
        DriftloopError
            The window cannot be run; the ledger keeps the error and tries again later.
        UsageError
            Another worker runs a window of this monitor.
        """
        window = window or self.newest_window(monitor)
        on_grid = regular or monitor.cadence.window(window.start) == window
        self.store.ledger.ensure_windows(monitor.name, [window], regular=on_grid)
        lease = self.store.ledger.claim(monitor.name, window, worker=self.worker, again=True)
        if lease is None:
            msg = f"Another worker runs a window of {monitor.name!r}; try again when it is done."
            raise UsageError(msg)
        return self.run_leased(monitor, lease)

    def run_leased(self, monitor: MonitorConfig, lease: Lease) -> dict[str, Any]:
        """Run the window of a lease; it is given back as failed when that raises."""
        try:
            with span("driftloop.run", monitor=monitor.name, window=str(lease.window)):
                done = self._measure(monitor, lease)
                with span("driftloop.commit"):
                    written, shown, run_id = self._commit(monitor, lease, done)
        except LeaseLostError:
            raise
        except Exception as error:
            # An error that nobody foresaw must not be tried again at once, for ever.
            text = str(error) if isinstance(error, DriftloopError) else repr(error)
            wait = _RETRY_SECONDS * 2.0**lease.attempt if lease.attempt < _ATTEMPTS else None
            self.store.ledger.fail(lease, text, retry_in=wait)
            raise
        except BaseException:
            self.store.ledger.release(lease)
            raise
        with span("driftloop.draw", monitor=monitor.name, window=str(lease.window)):
            self._draw(shown, self.report_path(monitor, lease.window), run_id)
        return written

    def backfill(
        self, monitor: MonitorConfig, start: datetime, end: datetime
    ) -> Iterator[dict[str, Any]]:
        """All whole windows in [start, end), oldest first; those that are done are read back."""
        windows = list(monitor.cadence.tile(start, end))
        if not windows:
            msg = f"There is no whole window of {monitor.window} between {start} and {end}."
            raise UsageError(msg)
        self.store.ledger.ensure_windows(monitor.name, windows)
        with self.places.ahead(monitor, windows):
            for window in windows:
                done = self.store.runs.get(monitor.name, window)
                yield self.run(monitor, window, regular=True) if done is None else done.document

    def gather(self) -> int:
        """Make one mail of those that wait for others (`[budget] digest`); how many there are."""
        return gather(self.store.database, digest.combine)

    def deliver(self, *, gathering: bool = True) -> Delivered:
        """Send what waits in the outbox; what waits for others too, unless told otherwise."""
        if gathering:
            self.gather()
        rng = np.random.default_rng()
        channels, policies = channels_of(self.config), policies_of(self.config)
        return deliver(self.store, channels, policies=policies, worker=self.worker, rng=rng)

    def newest_window(self, monitor: MonitorConfig) -> Window:
        """The newest window that is over: by the clock, and by the rows where they end earlier."""
        now, cadence = self.clock(), monitor.cadence
        timestamp = monitor.columns.timestamp
        extent = self.source(monitor).extent(timestamp)[0] if timestamp else None
        if extent is not None and extent.end <= now:
            newest = cadence.window(extent.end - timedelta(microseconds=1))
            length = newest.end - newest.start
            if newest.end <= now and newest.end - extent.end <= EDGE * length:
                return newest
            return cadence.previous(newest)
        return cadence.previous(cadence.window(now))

    def redraw(
        self, monitor: MonitorConfig, window: Window | None = None
    ) -> tuple[ReportView, Window]:
        """The view of a stored run and its window, made again from the store alone.

        Raises
        ------
        UsageError
            That window was not run.
        """
        stored = self._run_of(monitor, window)
        setup = of_monitor(monitor)
        baseline = self.references.version(monitor, stored.reference_version or 0, setup)
        memory = self._memory(monitor, baseline, stored.window)
        run = telling.again(
            stored, baseline, setup, memory, budget=self.budget(monitor), versions=self.versions
        )
        rows = list(self.store.queue.every(monitor.name, window=stored.window))
        times = {"started": stored.started_at, "finished": stored.finished_at}
        shown = self._view(monitor, run, memory, rows, **times)
        return of_revision(shown, stored.revision, stored.changes), stored.window

    def samples(
        self, monitor: MonitorConfig, window: Window | None = None
    ) -> tuple[pa.Table, pa.Table, tuple[Column, ...], Window]:
        """Stored samples of reference and window with the judged columns, for other tools.

        Raises
        ------
        UsageError
            That window was not run, or its sample was not kept.
        """
        stored, setup = self._run_of(monitor, window), of_monitor(monitor)
        baseline = self.references.version(monitor, stored.reference_version or 0, setup)
        return second_opinions.samples_of(stored, baseline, setup)

    def _run_of(self, monitor: MonitorConfig, window: Window | None) -> StoredRun:
        runs = self.store.runs
        stored = runs.newest(monitor.name) if window is None else runs.get(monitor.name, window)
        if stored is None or stored.profile is None or stored.reference_version is None:
            which = f"window {window}" if window else "window"
            msg = (
                f"No {which} of {monitor.name!r} was run yet; `driftloop run {monitor.name}` does."
            )
            raise UsageError(msg)
        return stored

    def report_path(self, monitor: MonitorConfig, window: Window) -> Path:
        """Where the report of a window lies."""
        start = window.start.astimezone(monitor.zone)
        daily = start.hour == start.minute == 0
        name = f"{start:%Y-%m-%d}.html" if daily else f"{start:%Y-%m-%dT%H%M}.html"
        return self.config.report.folder / monitor.folder / name

    def budget(self, monitor: MonitorConfig) -> Budget:
        """The false mails that one monitor of this installation may cause."""
        return of_monitor(monitor).budget(self.config.allowance(monitor))

    def source(self, monitor: MonitorConfig) -> Source:
        """Where the monitor's rows come from."""
        return self.places.source(monitor)

    def _memory(self, monitor: MonitorConfig, baseline: Baseline, window: Window) -> Memory:
        known = Known(of_monitor(monitor), baseline.plan)
        return Memory(self.store, monitor.name, baseline.version or 0, window, known)

    def _measure(self, monitor: MonitorConfig, lease: Lease) -> _Effects:
        """Read the window, judge it, and draw the sample; nothing is written yet."""
        started, window = self.clock(), lease.window
        setup = of_monitor(monitor)
        second_opinions.check(setup.tests)
        engine = engine_of(monitor.engine, monitor.engine_options)
        labels, _ = persistently(lambda: labels_of(self.config, monitor), say=self.say)
        with span("driftloop.reference"):
            baseline = self.references.obtain(monitor, setup, engine, labels, window)
        memory = self._memory(monitor, baseline, window)
        self.say(f"{monitor.name}: reading {window}")
        again = partial(self.source, monitor)
        with span("driftloop.read"):
            whole = read_window(again, engine, baseline, window, setup, labels=labels, say=self.say)
        profile, parts = whole.profile, whole.parts
        budget, position = self.budget(monitor), memory.position()
        with span("driftloop.judge", rows=profile.rows):
            judged = judge_window(
                baseline,
                setup,
                profile,
                baseline.observe(profile, parts),
                recent=memory.recent(max(budget.scales) - 1),
                position=position,
                budget=budget,
                window=window,
                now=self.clock(),
                notes=[*whole.notes, *failed_before(lease, self.store.ledger)],
                deployment=self.versions.find(baseline, setup, profile, memory),
            )
        told, people = telling.tell(judged, memory, monitor)
        proposed = queue.propose(
            baseline,
            profile.sample,
            budget=monitor.queue.budget,
            exclude=self.store.queue.ids(
                monitor.name, among=map(str, profile.sample.keys), except_window=window
            ),
            seed=(monitor.name, window),
        )
        run = page.Run(
            monitor=monitor.name,
            window=window,
            baseline=judged.baseline,
            profile=profile,
            judged=judged,
            alarms=told.alarms,
            people=people,
            occasions=setup.occasions,
            groups=setup.groups,
            candidates=profile.sample.table.num_rows,
        )
        return _Effects(
            run=run, told=told, queued=proposed, memory=memory, started=started, read=whole
        )

    def _commit(
        self, monitor: MonitorConfig, lease: Lease, done: _Effects
    ) -> tuple[dict[str, Any], ReportView, int]:
        """All effects in one transaction: document, view, and the id of the stored run."""
        run, finished = done.run, self.clock()
        path = self.report_path(monitor, lease.window)
        written = document(
            monitor=monitor.name,
            window=lease.window,
            rows_reference=run.baseline.pooled.rows,
            rows_current=run.profile.rows,
            columns=run.baseline.plan.columns,
            findings=run.judged.findings,
            alarms=run.alarms,
            candidates=run.candidates,
            added=len(done.queued.rows),
            report=str(path),
        )
        shown = self._view(
            monitor, run, done.memory, done.queued.rows, started=done.started, finished=finished
        )
        mailing = mail.messages(
            shown,
            done.told,
            window=lease.window,
            channels=policies_of(self.config),
            recipients=monitor.recipients,
            stored=done.memory.state(),
            held=self.config.budget.digest,
            signed=signer(self.store.access, self.config.report.base_url),
        )
        committed = self.store.commit(
            lease,
            RunEffects(
                document=written,
                rows=run.profile.rows,
                started_at=done.started,
                finished_at=finished,
                reference_version=run.baseline.version,
                model_version=main_version(run.profile),
                profile=run.profile.to_bytes(),
                observation=observations.to_bytes(run.judged.seen),
                sample=run.profile.sample.to_bytes(),
                evidence_state=mailing.remembered,
                provenance=done.read.provenance,
                findings=run.judged.findings,
                alarms=run.alarms,
                queue=done.queued.rows,
                draw=done.queued.draw,
                outbox=mailing.messages,
                mails=mailing.mails,
            ),
        )
        shown = of_revision(shown, committed.revision, committed.changes)
        return written, shown, committed.run_id

    def draw_again(self, monitor: MonitorConfig, window: Window) -> None:
        """The report of a run whose process ended between its commit and the drawing."""
        shown, _ = self.redraw(monitor, window)
        stored = self._run_of(monitor, window)
        self._draw(shown, self.report_path(monitor, window), stored.id)

    def _draw(self, shown: ReportView, path: Path, run_id: int) -> None:
        """The page; what is stored stands even where it cannot be written."""
        try:
            page.write(shown, path)
        except OSError as error:
            self.say(f"{shown.monitor}: the report {path} cannot be written: {error}")
            return
        self.store.runs.set_report(run_id, str(path))

    def _view(
        self,
        monitor: MonitorConfig,
        run: page.Run,
        memory: Memory,
        rows: Sequence[NewQueueRow],
        *,
        started: datetime,
        finished: datetime,
    ) -> ReportView:
        path = self.report_path(monitor, memory.window)
        report, allowed = self.config.report, self.config.allowance(monitor)
        labels, labelled = label_part(self.store, monitor)
        frame = page.Frame(
            generated_at=finished,
            zone=monitor.zone,
            budget=self.budget(monitor),
            alarms_url=page.alarms_url(report.base_url, monitor.name),
            realised=realised(
                self.store, monitor.name, allowed, until=memory.window.start, now=finished
            ).sentence,
            labels=labels,
            labelled=labelled,
            url=page.url_of(path, report.base_url, monitor.name),
            seconds=(finished - started).total_seconds(),
        )
        return page.view(run, memory.past(), rows, frame)
