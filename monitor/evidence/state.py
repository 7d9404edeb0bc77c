"""Which columns are open, and when that is worth a mail."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

#: A column closes after this many calm windows in a row.
CALM_WINDOWS = 2


class Signal(Protocol):
    """What one window says: a `Verdict`, or several of them taken together."""

    @property
    def fired(self) -> bool:
        """Whether there is something to tell."""
        ...

    @property
    def calm(self) -> bool:
        """Whether nothing is left of it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnState:
    """Whether one series or scalar is in alarm. Positions are running numbers of windows."""

    name: str
    open: bool = False
    opened_position: int | None = None  #: of the current or the last alarm
    last_fired_position: int | None = None
    closed_position: int | None = None  #: of the last alarm that ended
    calm_windows: int = 0  #: calm windows in a row, while open
    times_opened: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ColumnState:
        """What `to_dict` gave."""
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventState:
    """The event of a monitor: it lives while any column is open."""

    opened_position: int | None = None  #: None: no event
    number_at_last_mail: int = 0  #: columns open when the last mail was sent
    last_mail_position: int | None = None
    escalated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EventState:
        """What `to_dict` gave."""
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """All that is remembered from window to window."""

    columns: Mapping[str, ColumnState] = field(default_factory=dict)
    event: EventState = field(default_factory=EventState)

    @property
    def open_names(self) -> tuple[str, ...]:
        """Open columns, those open longest first."""
        some = [one for one in self.columns.values() if one.open]
        return tuple(
            one.name for one in sorted(some, key=lambda one: (one.opened_position or 0, one.name))
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "columns": [one.to_dict() for one in self.columns.values()],
            "event": self.event.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> States:
        """What `to_dict` gave."""
        columns = [ColumnState.from_dict(one) for one in values["columns"]]
        return cls(
            columns={one.name: one for one in columns}, event=EventState.from_dict(values["event"])
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one window changed."""

    states: States
    opened: tuple[str, ...]
    closed: tuple[str, ...]
    still_open: tuple[str, ...]
    mail: bool
    why: str  #: "first", "doubled", "escalated", or "" without a mail


def advance(
    states: States,
    verdicts: Mapping[str, Signal],
    position: int,
    *,
    escalation_windows: int | None = None,
    quiet: Collection[str] = (),
    acknowledged: Collection[str] = (),
) -> Change:
    """Carry the states over one window.

    Parameters
    ----------
    verdicts : of this window; a column without one keeps its state.
    position : running number of this window.
    escalation_windows : after how many windows an event that is still open is mailed once more.
    quiet : columns that may be open without a mail: muted ones, and parts of another column.
        They keep an event alive, and begin none.
    acknowledged : columns that somebody knows of; an event of these alone is not mailed again
        for its age.
    """
    columns = dict(states.columns)
    opened, closed = [], []
    for name, verdict in verdicts.items():
        before = columns.get(name) or ColumnState(name=name)
        after = _next(before, verdict, position)
        columns[name] = after
        if after.open and not before.open:
            opened.append(name)
        elif before.open and not after.open:
            closed.append(name)
    names = {one.name for one in columns.values() if one.open}
    loud = names.difference(quiet)
    event, why = states.event, ""
    if loud or not names:
        waiting = loud.difference(acknowledged)
        escalation = escalation_windows if waiting else None
        event, why = _event(states.event, len(loud), position, escalation)
    new = States(columns=columns, event=event)
    return Change(
        states=new,
        opened=tuple(opened),
        closed=tuple(closed),
        still_open=tuple(name for name in new.open_names if name not in opened),
        mail=bool(why),
        why=why,
    )


def _next(state: ColumnState, verdict: Signal, position: int) -> ColumnState:
    if verdict.fired:
        state = replace(state, last_fired_position=position, calm_windows=0)
        if state.open:
            return state
        times = state.times_opened + 1
        return replace(state, open=True, opened_position=position, times_opened=times)
    if not state.open:
        return state
    calm = state.calm_windows + 1 if verdict.calm else 0
    if calm >= CALM_WINDOWS:
        return replace(state, open=False, calm_windows=0, closed_position=position)
    return replace(state, calm_windows=calm)


def _event(
    event: EventState, number: int, position: int, escalation: int | None
) -> tuple[EventState, str]:
    """The event after this window, and why it is mailed ("" if it is not)."""
    if number == 0:
        return EventState(last_mail_position=event.last_mail_position), ""
    if event.opened_position is None:
        first = EventState(
            opened_position=position, number_at_last_mail=number, last_mail_position=position
        )
        return first, "first"
    mailed = replace(
        event,
        number_at_last_mail=max(number, event.number_at_last_mail),
        last_mail_position=position,
    )
    if number >= 2 * event.number_at_last_mail:
        return mailed, "doubled"
    old = escalation is not None and position - event.opened_position >= escalation
    if old and not event.escalated:
        return replace(mailed, escalated=True), "escalated"
    return event, ""
