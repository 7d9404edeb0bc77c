"""What people said about alarms: who is silent, who is known, what was opened before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a comparison has no store
    from monitor.store.alarm_records import AlarmNote, AlarmVerdict, Standing
    from monitor.store.records import StoredAlarm
    from monitor.store.store import Store

_WORDS: dict[AlarmVerdict, str] = {
    "real": "judged real",
    "expected": "judged expected",
    "false": "judged a false alarm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Of one monitor, at one moment."""

    standing: Standing
    since: Mapping[str, datetime] = field(default_factory=dict)  #: open alarms before this window
    before: Mapping[str, StoredAlarm] = field(default_factory=dict)  #: the alarm before this one
    years: Mapping[str, float] = field(default_factory=dict)  #: strongest evidence of open alarms

    @classmethod
    def of(
        cls,
        store: Store,
        monitor: str,
        since: Mapping[str, datetime],
        *,
        now: datetime | None = None,
    ) -> People:
        """What holds at `now` (None: now)."""
        return cls(standing=store.alarms.notes.standing(monitor, now), since=since)

    def muted(self, key: str, columns: Collection[str] = ()) -> bool:
        """Whether its mails are wanted by nobody."""
        return self.standing.muted(key, columns) is not None

    def acknowledged(self, key: str) -> bool:
        """Whether somebody knows of the alarm that is open."""
        return self.standing.acknowledged(key, self.since.get(key)) is not None

    def said(self, key: str, columns: Collection[str], zone: tzinfo) -> tuple[str, ...]:
        """Sentences about one alarm, for a page."""
        opened = self.since.get(key)
        found = []
        if (mute := self.standing.muted(key, columns)) is not None:
            what = {"alarm": "Muted", "column": "Its column is muted"}.get(
                mute.scope, "The monitor is muted"
            )
            found.append(_sentence(what, mute, zone))
        if (known := self.standing.acknowledged(key, opened)) is not None:
            found.append(_sentence("Acknowledged", known, zone))
        if (verdict := self.standing.verdict(key, opened)) is not None and verdict.verdict:
            word = _WORDS[verdict.verdict]
            found.append(_sentence(word[0].upper() + word[1:], verdict, zone))
        if key in self.before:
            found.append(self.history(self.before[key], zone))
        return tuple(found)

    def history(self, alarm: StoredAlarm, zone: tzinfo) -> str:
        """What became of an alarm that was open before."""
        closed = f", closed {_day(alarm.closed.start, zone)}" if alarm.closed else ""
        said = self.standing.verdict(alarm.key, alarm.opened.start)
        verdict = f", {_WORDS[said.verdict]}" if said and said.verdict else ", without a verdict"
        note = f" ({said.note})" if said and said.note else ""
        return f"Opened before on {_day(alarm.opened.start, zone)}{closed}{verdict}{note}."


def _sentence(what: str, note: AlarmNote, zone: tzinfo) -> str:
    by = f" by {note.by}" if note.by else ""
    end = f" until {note.until.astimezone(zone):%-d %b %Y, %H:%M}" if note.until else ""
    why = f": {note.note}" if note.note else ""
    return f"{what}{by} on {_day(note.at, zone)}{end}{why.rstrip('.')}."


def _day(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%-d %b %Y}"
