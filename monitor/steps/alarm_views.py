"""The alarms of a run as a person sees them: one event, its root first."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from monitor.checks.run import SEGMENT, key_of_series, segment_of
from monitor.core.finding import Alarm
from monitor.evidence.state import CALM_WINDOWS
from monitor.evidence.types import Verdict
from monitor.steps.alarms import columns_of
from monitor.steps.columns import Past
from monitor.steps.hierarchy import Event, Place, event_of, named
from monitor.steps.shown import Frame, Run
from reports.view import AlarmView, Severity

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The alarms, and the event that they are."""

    alarms: tuple[AlarmView, ...]
    root: str = ""  #: for the subject of a mail; "" where a column is the root
    verdict: str = ""  #: the same as a sentence
    event: str = ""  #: how the alarms belong together


def told(run: Run, past: Past, frame: Frame) -> Told:
    """All alarms of a run; the one that explains the others can be answered first."""
    certain = [
        alarm.key
        for alarm in run.alarms
        if alarm.state != "closed"
        and any(run.judged.findings[index].drifted for index in alarm.findings)
    ]
    event = event_of(
        _oldest_first(certain, past),
        groups=run.groups,
        sample=run.baseline.pooled.sample.table if len(certain) > 1 else None,
        judged=len(
            {
                column.owner
                for column in run.baseline.plan.every
                if column.name in run.baseline.series
            }
        ),
    )
    views = [_alarm(alarm, run, past, frame, event.places.get(alarm.key)) for alarm in run.alarms]
    event_text = _sentence(event, views) if run.window is not None else ""
    views = _folded(views)
    if run.window is not None:
        views = _answered(views, run.monitor, frame)
    return Told(
        alarms=tuple(views),
        root=_root(event),
        verdict=_verdict(event),
        event=event_text,
    )


def _oldest_first(keys: Sequence[str], past: Past) -> list[str]:
    """What opened first explains the rest; of what opened together columns before groups."""
    return sorted(keys, key=lambda key: (past.since.get(key, _NEVER), key.startswith(SEGMENT)))


def _folded(views: Sequence[AlarmView]) -> list[AlarmView]:
    """Groups are told with their column, where that is open too."""
    opened = {view.key for view in views if view.state != "closed"}
    below: dict[str, list[AlarmView]] = {}
    for view in views:
        if view.level == "segment" and view.parent in opened and view.state != "closed":
            below.setdefault(view.parent, []).append(view)
    folded = {view.key for parts in below.values() for view in parts}
    return [_with_groups(view, below.get(view.key, ())) for view in views if view.key not in folded]


def _with_groups(view: AlarmView, groups: Sequence[AlarmView]) -> AlarmView:
    if not groups:
        return view
    names = [group.subject.partition(" where ")[2] for group in groups]
    return replace(view, what=(*view.what, f"So in groups: {_listed(names)}."))


def _answered(views: Sequence[AlarmView], monitor: str, frame: Frame) -> list[AlarmView]:
    """The first open alarm says how to answer."""
    first = next((view for view in views if view.state != "closed" and not view.muted), None)
    if first is None:
        return list(views)
    name = shlex.quote(monitor)
    ack = frame.alarms_url or f"driftloop alarms ack {name}"
    verdict = f"driftloop alarms verdict {name} {shlex.quote(first.key)} real|expected|false"
    answered = replace(first, acknowledge=ack, answer="" if frame.alarms_url else verdict)
    return [answered if view is first else view for view in views]


def _root(event: Event) -> str:
    if event.level == "group":
        return named(event.members, 3)
    if event.level == "dataset" and event.members:
        return f"{len(event.members)} of {event.judged} columns"
    return ""


def _verdict(event: Event) -> str:
    if event.level == "group":
        group = "" if event.root in event.members else f" (group `{event.root}`)"
        return f"{named(event.members, 4)}{group} differ together from the reference."
    if event.level == "dataset" and event.members:
        return (
            f"{len(event.members)} of {event.judged} columns differ from the reference: "
            "the data set as a whole has changed."
        )
    return ""


def _sentence(event: Event, views: Sequence[AlarmView]) -> str:
    """Which alarm explains the others, and which others there are."""
    alarms = {view.key: view for view in views if view.key in event.places}
    if len(alarms) < 2:
        return ""
    members = {f"column:{name}" for name in event.members}
    roots = {event.root} if event.level != "group" else set()
    rest = [view for key, view in alarms.items() if key not in members | roots]
    top = [view.subject for view in rest if not view.parent or view.parent not in alarms]
    below = [view.subject for view in rest if view.parent in alarms]
    names = {"dataset": "the data set as a whole"}
    root = named(event.members) if event.level == "group" else names.get(event.root)
    if root is None:
        one = alarms.get(event.root)
        root = one.subject if one else f"`{event.root}`"
    number = len(alarms) - len(below)
    many = f" of {number} alarms" if number > 1 else ""
    parts = [f"One event{many}. It begins with {root}"]
    if top:
        parts.append(f"with it: {_listed(top)}")
    if below:
        parts.append(f"in groups: {_listed(below)}")
    return "; ".join(parts) + "."


def _listed(subjects: Sequence[str], limit: int = 8) -> str:
    left = len(subjects) - limit
    return ", ".join(subjects[:limit]) + (f" and {left} more" if left > 0 else "")


def _mix(alarm: Alarm, run: Run) -> tuple[str, ...]:
    """How much of a column's change is only another mix of groups."""
    if not alarm.key.startswith("column:") or alarm.state == "closed":
        return ()
    name = alarm.key.removeprefix("column:")
    return tuple(
        finding.message
        for finding in run.judged.findings
        if finding.check == "drift.mix" and finding.column == name
    )


def _alarm(alarm: Alarm, run: Run, past: Past, frame: Frame, place: Place | None) -> AlarmView:
    since = past.since.get(alarm.key) or (run.window.start if run.window else None)
    found = [run.judged.findings[index] for index in alarm.findings]
    names = tuple(dict.fromkeys(finding.column for finding in found if finding.column))
    verdicts = _verdicts_of(alarm.key, run)
    years = [one.once_in_years for one in verdicts if one.fired and one.once_in_years > 0]
    starts = [window.start for window in past.windows if since and window.start >= since]
    if run.people is not None and run.people.years.get(alarm.key):
        years.append(run.people.years[alarm.key])
    subject = _subject(alarm.key)
    certain = any(finding.drifted for finding in found)
    columns = columns_of(alarm.key, found)
    people = run.people
    return AlarmView(
        key=alarm.key,
        title=_title(alarm, subject, certain=certain),
        subject=subject,
        state=alarm.state,
        certain=certain or alarm.state == "closed",
        closes_after=CALM_WINDOWS,
        since=since.astimezone(frame.zone) if since else None,
        windows_open=len(starts) + 1,
        columns=names if alarm.key.startswith("column:") else (),
        level=place.level if place else "column",
        parent=place.parent if place else "",
        muted=people is not None and people.muted(alarm.key, columns),
        said=people.said(alarm.key, columns, frame.zone) if people else (),
        what=(*(finding.message for finding in found), *_mix(alarm, run))[:6],
        once_in_years=max(years) if years else None,
        severity=_severity(run, alarm),
    )


def _title(alarm: Alarm, subject: str, *, certain: bool) -> str:
    if alarm.state == "closed":
        return f"{subject} is as in the reference again"
    return f"{subject} differs" if certain else f"{subject} is not surely back"


def _subject(key: str) -> str:
    """What an alarm is about, as it stands in a sentence: "`temp`", "accuracy"."""
    family, _, rest = key.partition(":")
    if family == "column":
        return f"`{rest}`"
    if key.startswith(SEGMENT):
        segment, column = segment_of(key)
        return f"`{column}` where `{segment}`"
    if family == "bias":
        segment, _, metric = rest.rpartition(":")
        return f"{metric.replace('_', ' ')} of `{segment}`"
    if family == "performance":
        metric, _, segment = rest.partition(":")
        return metric.replace("_", " ") + (f" of `{segment}`" if segment else "")
    if family in {"rule", "check"}:
        return f"{family} `{rest}`"
    return _WHOLE.get(key, f"`{key}`")


#: Alarms about the data set as a whole.
_WHOLE = {
    "volume:rows": "the number of rows",
    "schema": "the schema",
    "duplicates": "the share of duplicates",
    "freshness": "the age of the newest row",
}


def _severity(run: Run, alarm: Alarm) -> Severity:
    found = {run.judged.findings[index].severity for index in alarm.findings}
    return "critical" if "critical" in found else "warning" if alarm.state != "closed" else "info"


def _verdicts_of(key: str, run: Run) -> list[Verdict]:
    verdicts: Mapping[str, Verdict] = run.judged.verdicts
    owners = {column.name: column.owner for column in run.baseline.plan.every}
    return [v for name, v in verdicts.items() if key == key_of_series(name, owners)]
