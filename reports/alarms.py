"""The alarms of a page: the root change as a card, a long event one line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reports import headline, humanize
from reports.view import AlarmState, AlarmView, ReportView

MAX_CARDS = 3  #: so many alarms are shown in full; of more only the first
MAX_ROWS = 60
_FEWEST_SCORES = 3  #: so many scores of one model are one line


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """One line: an alarm, or those of all scores of a model."""

    title: str
    names: tuple[str, ...]  #: of the columns, where it is several alarms
    state: AlarmState
    since: datetime | None
    says: str
    link: str  #: anchor of the evidence, or ""
    note: str = ""  #: what people said, what was open before, how sure it was at its strongest


@dataclass(frozen=True, slots=True)
class AlarmList:
    """Alarms in full, alarms in one line, and how many are left out."""

    cards: tuple[AlarmView, ...]
    rows: tuple[AlarmRow, ...]
    hidden: int


def listed(view: ReportView, anchors: Mapping[str, str]) -> AlarmList:
    """The open alarms, the root change first, then those that closed.

    Of one comparison only those that its table of columns does not tell.
    """
    closed = tuple(alarm for alarm in view.alarms if alarm.state == "closed")
    every = headline.open_alarms(view) + closed
    if view.one_window:
        every = tuple(alarm for alarm in every if not set(alarm.columns) & set(anchors))
    if len(every) <= MAX_CARDS:
        return AlarmList(every, (), 0)
    rows = _rows(view, every[1:], anchors)
    return AlarmList(every[:1], rows[:MAX_ROWS], max(0, len(rows) - MAX_ROWS))


def budget(alarm: AlarmView) -> str:
    """How often such evidence comes by chance, where no sentence of the alarm has said it."""
    said = any("chance would show" in sentence for sentence in alarm.what)
    phrase = humanize.by_chance(alarm.once_in_years)
    if not phrase or (said and alarm.certain) or alarm.state == "closed":
        return ""
    when = "" if alarm.state == "opened" else "At its strongest: "
    return f"{when}{'e' if when else 'E'}vidence that would come by chance {phrase}."


def scores_together(view: ReportView, alarms: Sequence[AlarmView]) -> tuple[AlarmView, ...]:
    """Those of the alarms that are open about scores of one model, when they are one story."""
    scores = {column.name for column in view.columns if column.role == "score"}
    members = tuple(
        alarm
        for alarm in alarms
        if alarm.state != "closed" and alarm.columns and alarm.columns[0] in scores
    )
    return members if len(members) >= _FEWEST_SCORES else ()


def _rows(
    view: ReportView, alarms: Sequence[AlarmView], anchors: Mapping[str, str]
) -> tuple[AlarmRow, ...]:
    members = scores_together(view, alarms)
    rows: list[AlarmRow] = []
    for alarm in alarms:
        if alarm not in members:
            rows.append(_row(alarm, anchors))
        elif alarm is members[0]:
            rows.append(_family(members, anchors))
    return tuple(rows)


def _row(alarm: AlarmView, anchors: Mapping[str, str]) -> AlarmRow:
    says = next(iter(alarm.what), "")
    if alarm.state == "closed":
        says = ""
    elif not alarm.certain:
        says = "In this window it cannot be told from the reference."
    link = next((anchors[name] for name in alarm.columns if name in anchors), "")
    muted = "Muted, not mailed." if alarm.muted and not alarm.said else ""
    note = " ".join(part for part in (budget(alarm), muted, *alarm.said) if part)
    return AlarmRow(alarm.subject or alarm.title, (), alarm.state, alarm.since, says, link, note)


def _family(alarms: Sequence[AlarmView], anchors: Mapping[str, str]) -> AlarmRow:
    first = _row(alarms[0], anchors)
    new = any(alarm.state == "opened" for alarm in alarms)
    quiet = [alarm for alarm in alarms if not alarm.certain]
    says = f"Most of all {first.title}. {first.says}" if alarms[0].certain else first.says
    if quiet and len(quiet) < len(alarms):
        names = ", ".join(alarm.subject for alarm in quiet[:4])
        says += f" Not told from the reference in this window: {names}."
    return AlarmRow(
        f"{len(alarms)} scores of the model",
        tuple(name for alarm in alarms for name in alarm.columns[:1]),
        "opened" if new else "open",
        min((alarm.since for alarm in alarms if alarm.since), default=None),
        says,
        first.link,
    )
