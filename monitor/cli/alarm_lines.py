"""Alarms as lines of text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.pipeline import Pipeline
    from monitor.store.alarm_records import AlarmNote, Standing
    from monitor.store.records import StoredAlarm


@dataclass(frozen=True, slots=True)
class Line:
    """One alarm, with what holds of it."""

    alarm: StoredAlarm
    standing: Standing

    def _notes(self) -> dict[str, AlarmNote | None]:
        from monitor.steps.alarms import columns_of

        key, opened = self.alarm.key, self.alarm.opened.start
        return {
            "muted": self.standing.muted(key, columns_of(key)),
            "acknowledged": self.standing.acknowledged(key, opened),
            "verdict": self.standing.verdict(key, opened),
        }

    def document(self) -> dict[str, Any]:
        """Plain values for JSON."""
        alarm = self.alarm
        return {
            "id": alarm.id,
            "monitor": alarm.monitor,
            "key": alarm.key,
            "state": alarm.state,
            "title": alarm.title,
            "opened": alarm.opened.start.isoformat(),
            "closed": alarm.closed.start.isoformat() if alarm.closed else None,
            "once_in_years": alarm.once_in_years,
            **{name: said(note) for name, note in self._notes().items()},
        }

    def text(self) -> str:
        """One line, and what people said below it."""
        from reports.humanize import by_chance

        alarm = self.alarm
        closed = f" … {alarm.closed.start:%Y-%m-%d}" if alarm.closed else ""
        chance = by_chance(alarm.once_in_years)
        since = f"since {alarm.opened.start:%Y-%m-%d}{closed}"
        lines = [
            f"{alarm.id:5}  {alarm.state:6}  {alarm.monitor}  {alarm.key}  {since}",
            f"       {alarm.title}",
        ]
        if chance and chance not in alarm.title:
            lines.append(f"       evidence that would come by chance {chance}")
        for name, note in self._notes().items():
            if note is not None:
                word = f"verdict: {note.verdict}" if name == "verdict" else name
                end = f" until {note.until:%Y-%m-%d %H:%M}" if note.until else ""
                why = f": {note.note}" if note.note else ""
                lines.append(f"       {word} by {note.by or 'somebody'}{end}{why}")
        return "\n".join(lines)


def lines_of(pipeline: Pipeline, monitor: str, *, every: bool) -> Iterator[Line]:
    """The alarms of a monitor, open ones or all."""
    alarms = pipeline.store.alarms
    standing = alarms.notes.standing(monitor)
    for alarm in alarms.list(monitor, open_only=not every):
        yield Line(alarm, standing)


def mails_of(pipeline: Pipeline, monitor: str) -> dict[str, Any]:
    """The mails so far beside the budget."""
    from monitor.steps.realised import realised

    allowed = pipeline.config.allowance(pipeline.config.monitor(monitor))
    found = realised(pipeline.store, monitor, allowed, until=datetime.max.replace(tzinfo=UTC))
    return {
        "mails": found.mails,
        "false": found.false,
        "unjudged": found.unjudged,
        "years": found.years,
        "false_a_year": found.rate,
        "interval": None if found.interval is None else list(found.interval),
        "allowed_a_year": found.allowed,
    }


def said(note: AlarmNote | None) -> dict[str, Any] | None:
    """What a person said, as plain values."""
    if note is None:
        return None
    return {
        "kind": note.kind,
        "scope": note.scope,
        "key": note.key,
        "verdict": note.verdict,
        "until": note.until.isoformat() if note.until else None,
        "by": note.by,
        "note": note.note,
        "at": note.at.isoformat(),
    }
