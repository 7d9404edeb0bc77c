"""What another budget would have mailed: stored windows judged again, no row is read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from monitor.config import MonitorConfig
from monitor.core.errors import UsageError
from monitor.core.finding import Finding
from monitor.core.window import Window
from monitor.evidence import States
from monitor.evidence.types import Budget
from monitor.profiles.types import Profile
from monitor.steps import alarms as events
from monitor.steps import observations, telling
from monitor.steps.judge import weigh
from monitor.steps.known import Known
from monitor.steps.memory import Memory
from monitor.steps.observations import Seen
from monitor.steps.references import References
from monitor.steps.setup import Setup, of_monitor
from monitor.steps.versions import Versions
from monitor.store.records import RunSummary
from monitor.store.store import Store

_PAGE = 500
_EVERY = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedMail:
    """A mail that would have been sent, or was."""

    window: Window
    why: str
    keys: tuple[str, ...]
    would: bool
    was: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """All windows under another budget."""

    monitor: str
    budget: float  #: false mails a year that were tried
    windows: int
    skipped: int  #: windows without a stored profile
    mails: tuple[ReplayedMail, ...]


def replay(
    store: Store,
    monitor: MonitorConfig,
    references: References,
    versions: Versions,
    *,
    budget: float,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Replay:
    """Judge the stored windows of a monitor as if another number of false mails were allowed.

    All windows are judged, so that alarms have their past; mails about those in [start, end) are
    told.

    Raises
    ------
    UsageError
        No window of the monitor was run.
    """
    setup = replace(of_monitor(monitor), tests=())
    summaries = _runs(store, monitor.name)
    if not summaries:
        msg = f"No window of {monitor.name!r} was run yet; `driftloop run {monitor.name}` does."
        raise UsageError(msg)
    judge = _Judge(store, monitor, setup, references, versions, setup.budget(budget))
    sent = {mail.window: mail for mail in store.alarms.notes.mails(monitor.name, limit=_EVERY)}
    mails, windows, skipped = [], 0, 0
    states, version = States(), summaries[0].reference_version
    for summary in summaries:
        if summary.reference_version != version:  # another reference begins anew
            states, version = States(), summary.reference_version
            judge.forget()
        told = judge.told(summary, states)
        inside = (start is None or summary.window.start >= start) and (
            end is None or summary.window.end <= end
        )
        windows += inside
        if told is None:
            skipped += inside
            continue
        states = told.states
        was = sent.get(summary.window)
        if inside and (told.mail or was is not None):
            mails.append(
                ReplayedMail(
                    window=summary.window,
                    why=told.mail or (was.why if was else ""),
                    keys=told.mailed if told.mail else was.keys if was else (),
                    would=bool(told.mail),
                    was=was is not None,
                )
            )
    return Replay(
        monitor=monitor.name,
        budget=budget,
        windows=windows,
        skipped=skipped,
        mails=tuple(mails),
    )


@dataclass(slots=True)
class _Judge:
    """Judges one window after the other; the windows before it are remembered."""

    store: Store
    monitor: MonitorConfig
    setup: Setup
    references: References
    versions: Versions
    budget: Budget
    past: list[Seen] = field(default_factory=list)

    def told(self, summary: RunSummary, states: States) -> events.Told | None:
        """What the window would have said; None when it is not stored any more."""
        stored = self.store.runs.get(self.monitor.name, summary.window)
        if stored is None or stored.observation is None or stored.reference_version is None:
            return None
        version, window = stored.reference_version, summary.window
        baseline = self.references.version(self.monitor, version, self.setup)
        known = Known(self.setup, baseline.plan)
        memory = Memory(self.store, self.monitor.name, version, window, known)
        seen, position = observations.from_bytes(stored.observation), memory.position()
        profile, deployment = None, None
        if stored.profile is not None and self.setup.roles.model_version is not None:
            profile = Profile.from_bytes(stored.profile)
            deployment = self.versions.find(baseline, self.setup, profile, memory)
        weighed = weigh(
            baseline,
            self.setup,
            profile,
            seen,
            recent=self.past,
            position=position,
            budget=self.budget,
            window=window,
            deployment=deployment,
        )
        if summary.regular:
            longest = max(self.budget.scales)
            self.past = [*self.past, known.blanked(baseline.dated(seen, window), window)][-longest:]
        findings = [Finding.from_dict(entry) for entry in stored.document["findings"]]
        return telling.follow(states, weighed, findings, position, monitor=self.monitor)

    def forget(self) -> None:
        """Another reference begins: windows before it say nothing."""
        self.past = []


def _runs(store: Store, monitor: str) -> list[RunSummary]:
    """All runs, oldest first."""
    found: list[RunSummary] = []
    before: datetime | None = None
    while page := store.runs.summaries(monitor, limit=_PAGE, before=before):
        found += page
        before = page[-1].window.start
    return found[::-1]
