"""From verdicts to what people are told: alarms, who is silent, and runs that are told again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.config import MonitorConfig
from monitor.core.finding import Alarm, Finding
from monitor.evidence import States
from monitor.evidence.types import Budget
from monitor.profiles.types import Profile
from monitor.steps import alarms as events
from monitor.steps import observations, page
from monitor.steps.baseline import Baseline
from monitor.steps.judge import Judged, Weighed, judge_window
from monitor.steps.memory import Memory
from monitor.steps.people import People
from monitor.steps.setup import Setup
from monitor.steps.versions import Versions
from monitor.store.records import StoredRun

#: A reminder when an event is still open after so much time, and nobody acknowledged it.
_ESCALATION = timedelta(days=28)


def tell(
    judged: Judged, memory: Memory, monitor: MonitorConfig, *, now: datetime | None = None
) -> tuple[events.Told, People]:
    """The alarms of a window after those before it, and what people said about them by `now`."""
    people = People.of(memory.store, monitor.name, memory.since(), now=now)
    states = events.recall(memory.state())
    told = follow(
        states, judged, judged.findings, memory.position(), monitor=monitor, people=people
    )
    opened = {a.key: memory.window.start for a in told.alarms if a.state == "opened"}
    return told, with_history(people, memory, opened)


def follow(
    states: States,
    weighed: Weighed,
    findings: Sequence[Finding],
    position: int,
    *,
    monitor: MonitorConfig,
    people: People | None = None,
) -> events.Told:
    """Carry the alarms over one window that was judged."""
    baseline = weighed.baseline
    return events.follow(
        states,
        weighed.verdicts,
        findings,
        baseline.plan.every,
        position=position,
        escalation_windows=max(1, round(_ESCALATION / monitor.cadence.length)),
        expected=weighed.expected,
        facts_expected=any(one.explains_facts for one in weighed.occasions),
        people=people,
        judged=judged_names(baseline),
    )


def judged_names(baseline: Baseline) -> tuple[str, ...]:
    """Series and figures that have a verdict wherever there are the rows for it."""
    references = (baseline.evidence, baseline.figures, baseline.branches)
    return tuple(one.name for reference in references if reference for one in reference.judged)


def with_history(people: People, memory: Memory, opened: dict[str, datetime]) -> People:
    """The alarms that were open before under the same keys, and how strong these were so far."""
    since = {**opened, **people.since}
    alarms = memory.store.alarms
    found = {key: alarms.before(memory.monitor, key, start) for key, start in since.items()}
    years = {
        key: max(
            (
                event.once_in_years or 0.0
                for event in alarms.events(memory.monitor, key)
                if start <= event.window.start < memory.window.start
            ),
            default=0.0,
        )
        for key, start in people.since.items()
        if start < memory.window.start
    }
    before = {key: alarm for key, alarm in found.items() if alarm is not None}
    return replace(people, since=since, before=before, years=years)


def again(
    stored: StoredRun,
    baseline: Baseline,
    setup: Setup,
    memory: Memory,
    *,
    budget: Budget,
    versions: Versions,
) -> page.Run:
    """A stored run, judged again from its profile; what was told then is told again."""
    profile = Profile.from_bytes(stored.profile or b"")
    judged = judge_window(
        baseline,
        replace(setup, tests=()),
        profile,
        observations.from_bytes(stored.observation or b""),
        recent=memory.recent(max(budget.scales) - 1),
        position=memory.position(),
        budget=budget,
        window=stored.window,
        now=stored.finished_at,
        deployment=versions.find(baseline, setup, profile, memory),
    )
    findings = tuple(Finding.from_dict(entry) for entry in stored.document["findings"])
    alarms = tuple(Alarm.from_dict(entry) for entry in stored.document["alarms"])
    people = People.of(memory.store, stored.monitor, memory.since(), now=stored.finished_at)
    return page.Run(
        monitor=stored.monitor,
        window=stored.window,
        baseline=judged.baseline,
        profile=profile,
        judged=replace(judged, findings=findings),
        alarms=alarms,
        people=with_history(people, memory, {}),
        occasions=setup.occasions,
        groups=setup.groups,
        candidates=stored.document["queue"]["candidates"],
    )
