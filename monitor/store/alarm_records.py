"""What people say about alarms, and the mails that alarms caused: frozen records."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from monitor.core.window import Window

NoteKind = Literal["verdict", "ack", "mute", "unmute"]
NoteScope = Literal["alarm", "column", "monitor"]
AlarmVerdict = Literal["real", "expected", "false"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNote:
    """One thing that a person says.

    A verdict and an acknowledgement are about one alarm from its opening to its closing; muting
    is about a key, a column or a whole monitor, whatever opens there.
    """

    kind: NoteKind
    scope: NoteScope = "alarm"
    key: str = ""  #: of the alarm, or the name of the column; "" for the monitor
    opened: datetime | None = None  #: start of the window that opened the alarm
    verdict: AlarmVerdict | None = None
    until: datetime | None = None  #: None: until the alarm closes, or is unmuted
    by: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmNote(NewNote):
    """One thing that a person said, and when."""

    id: int
    monitor: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMail:
    """One mail that a run causes, whatever the number of channels."""

    why: str  #: "first", "doubled", "escalated"
    message_id: str
    keys: tuple[str, ...]  #: alarms that were open and not muted, new ones first


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMail(NewMail):
    """One mail that a run caused."""

    monitor: str
    window: Window
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds at one moment, of all that people said about the alarms of a monitor."""

    notes: tuple[AlarmNote, ...]  #: oldest first
    now: datetime

    @classmethod
    def at(cls, notes: Iterable[AlarmNote], now: datetime) -> Standing:
        """What had been said by then."""
        return cls(tuple(note for note in notes if note.at <= now), now)

    def muted(self, key: str, columns: Collection[str] = ()) -> AlarmNote | None:
        """Who muted that alarm: its key, one of its columns, or the monitor."""
        places = [("alarm", key), *(("column", name) for name in columns), ("monitor", "")]
        for scope, target in places:
            said = [
                note
                for note in self.notes
                if note.kind in {"mute", "unmute"} and (note.scope, note.key) == (scope, target)
            ]
            if said and said[-1].kind == "mute" and self._holds(said[-1]):
                return said[-1]
        return None

    def acknowledged(self, key: str, opened: datetime | None) -> AlarmNote | None:
        """Who knows of that alarm; only of the one that opened then."""
        said = self._about("ack", key, opened)
        return said if said is not None and self._holds(said) else None

    def verdict(self, key: str, opened: datetime | None) -> AlarmNote | None:
        """The last verdict on the alarm that opened then."""
        return self._about("verdict", key, opened)

    def _about(self, kind: NoteKind, key: str, opened: datetime | None) -> AlarmNote | None:
        said = [note for note in self.notes if (note.kind, note.key) == (kind, key)]
        return next((note for note in reversed(said) if note.opened == opened), None)

    def _holds(self, note: AlarmNote) -> bool:
        return note.until is None or note.until > self.now
