"""Alarms from their opening to their closing, folded out of what each window said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.core.errors import UsageError
from monitor.core.finding import Alarm
from monitor.core.window import Window
from monitor.store.alarm_notes import Notes
from monitor.store.engine import Database, table_of
from monitor.store.models import AlarmEventRow, AlarmRow, RunRow
from monitor.store.records import AlarmEvent, RunKey, StoredAlarm
from monitor.store.types import UtcDateTime, digest

_NEVER = 1e6  #: years


class Alarms:
    """Reads alarms; they are written by `Store.commit` alone. `notes` is what people say."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.notes = Notes(database)

    def list(
        self, monitor: str, *, open_only: bool = False, limit: int = 1000
    ) -> Sequence[StoredAlarm]:
        """Alarms of a monitor, the newest opening first; withdrawn ones are left out."""
        states = ("open",) if open_only else ("open", "closed")
        query = (
            sa.select(AlarmRow)
            .where(AlarmRow.monitor == monitor, AlarmRow.state.in_(states))
            .order_by(AlarmRow.opened_start.desc(), AlarmRow.id)
            .limit(limit)
        )
        with self._database.reading() as session:
            return [_stored(row) for row in session.scalars(query)]

    def find(self, monitor: str, name: str) -> StoredAlarm:
        """The newest alarm of that key, or the one of that number.

        Raises
        ------
        UsageError
            There is none; the message names those that are open.
        """
        number = int(name) if name.isdecimal() and len(name) < 18 else -1
        query = (
            sa.select(AlarmRow)
            .where(
                AlarmRow.monitor == monitor,
                AlarmRow.state != "withdrawn",
                sa.or_(AlarmRow.key_digest == digest(name), AlarmRow.id == number),
            )
            .order_by(AlarmRow.opened_start.desc())
            .limit(1)
        )
        with self._database.reading() as session:
            row = session.scalars(query).first()
        if row is None:
            there = ", ".join(alarm.key for alarm in self.list(monitor, open_only=True)[:10])
            msg = f"Monitor {monitor!r} has no alarm {name!r}. Open now: {there or 'none'}."
            raise UsageError(msg)
        return _stored(row)

    def before(self, monitor: str, key: str, opened: datetime) -> StoredAlarm | None:
        """The last alarm of that key that opened before then."""
        query = (
            sa.select(AlarmRow)
            .where(
                AlarmRow.monitor == monitor,
                AlarmRow.key_digest == digest(key),
                AlarmRow.state != "withdrawn",
                AlarmRow.opened_start < opened,
            )
            .order_by(AlarmRow.opened_start.desc())
            .limit(1)
        )
        with self._database.reading() as session:
            row = session.scalars(query).first()
            return None if row is None else _stored(row)

    def events(self, monitor: str, key: str) -> Sequence[AlarmEvent]:
        """What each window said about that alarm, oldest first."""
        with self._database.reading() as session:
            rows = session.scalars(_events(monitor, digest(key)))
            return [
                AlarmEvent(
                    window=Window(row.window_start, row.window_end),
                    key=row.key,
                    state=row.state,  # type: ignore[arg-type]  # an Alarm's, as it was written
                    title=row.title,
                    once_in_years=row.once_in_years,
                )
                for row in rows
            ]


def record_alarms(session: Session, run: RunKey, alarms: Iterable[Alarm], *, again: bool) -> None:
    """Write what the run says about its alarms, and bring the episodes up to it.

    Usually the run's window is the newest one, and its events are folded onto what is open. A
    window that is run again, or late, may change what came after it: then the history of each
    key that is concerned is folded anew.
    """
    rows = [_event(run, alarm) for alarm in alarms]
    if rows:
        session.connection().execute(_NEW_EVENTS, rows)
    elif not again:  # a first run that says nothing changes nothing
        return
    if not again and not _is_overtaken(session, run):
        _fold_on(session, run, rows)
        return
    touched = set(session.scalars(_keys_at(run))) | {row["key_digest"] for row in rows}
    for key in sorted(touched):
        _fold_anew(session, run.monitor, key)


def _event(run: RunKey, alarm: Alarm) -> dict[str, Any]:
    return {
        "run_id": run.id,
        "monitor": run.monitor,
        "window_start": run.window_start,
        "window_end": run.window_end,
        "key": alarm.key,
        "key_digest": digest(alarm.key),
        "state": alarm.state,
        "title": alarm.title,
        "once_in_years": _finite(alarm.once_in_years),
    }


def _finite(years: float | None) -> float | None:
    """What a database can hold and compare; "never by chance" is a million years."""
    return None if years is None or math.isnan(years) else min(years, _NEVER)


def _is_overtaken(session: Session, run: RunKey) -> bool:
    """Whether a later window was run before this one."""
    given = {"monitor": run.monitor, "start": run.window_start}
    return session.connection().execute(_LATER, given).first() is not None


_NEW_EVENTS = sa.insert(table_of(AlarmEventRow))
_LATER = (
    sa.select(RunRow.id)
    .where(
        RunRow.monitor == sa.bindparam("monitor"),
        RunRow.latest,
        RunRow.window_start > sa.bindparam("start", type_=UtcDateTime()),
    )
    .limit(1)
)
_CONCERNED = sa.select(AlarmRow).where(
    AlarmRow.monitor == sa.bindparam("monitor"),
    AlarmRow.key_digest.in_(sa.bindparam("keys", expanding=True)),
    sa.or_(
        AlarmRow.state == "open",
        AlarmRow.opened_start == sa.bindparam("start", type_=UtcDateTime()),
    ),
)


def _fold_on(session: Session, run: RunKey, rows: Sequence[dict[str, Any]]) -> None:
    """Bring what is open up to the newest window; one look for all its alarms."""
    keys = [row["key_digest"] for row in rows]
    given = {"monitor": run.monitor, "keys": keys, "start": run.window_start}
    there: dict[str, dict[datetime, AlarmRow]] = {}
    for episode in session.scalars(_CONCERNED, given):
        there.setdefault(episode.key_digest, {})[episode.opened_start] = episode
    for row in rows:
        episodes = there.get(row["key_digest"], {})
        _fold(session, run.monitor, episodes, [AlarmEventRow(**row)])


def _keys_at(run: RunKey) -> sa.Select[str]:
    """Keys whose episodes may have been made by an older revision of that run."""
    return sa.select(AlarmRow.key_digest).where(
        AlarmRow.monitor == run.monitor,
        AlarmRow.opened_start <= run.window_start,
        AlarmRow.last_start >= run.window_start,
    )


def _events(monitor: str, key: str) -> sa.Select[AlarmEventRow]:
    return (
        sa.select(AlarmEventRow)
        .where(AlarmEventRow.monitor == monitor, AlarmEventRow.key_digest == key)
        .order_by(AlarmEventRow.window_start, AlarmEventRow.window_end, AlarmEventRow.id)
    )


def _episodes(monitor: str, key: str) -> sa.Select[AlarmRow]:
    return (
        sa.select(AlarmRow)
        .where(AlarmRow.monitor == monitor, AlarmRow.key_digest == key)
        .order_by(AlarmRow.opened_start)
    )


def _fold_anew(session: Session, monitor: str, key: str) -> None:
    """Withdraw all episodes of a key, and let its events bring back those that stand."""
    episodes = {row.opened_start: row for row in session.scalars(_episodes(monitor, key))}
    for episode in episodes.values():
        episode.state = "withdrawn"
    _fold(session, monitor, episodes, session.scalars(_events(monitor, key)).all())


def _fold(
    session: Session,
    monitor: str,
    episodes: Mapping[datetime, AlarmRow],
    events: Sequence[AlarmEventRow],
) -> None:
    current = next((row for row in episodes.values() if row.state == "open"), None)
    for event in events:
        if current is None and event.state == "closed":
            continue
        if current is None:
            current = episodes.get(event.window_start) or AlarmRow(monitor=monitor, key=event.key)
            _open(current, event)
            session.add(current)
            session.flush()
        _apply(current, event)
        if event.state == "closed":
            current = None


def _open(episode: AlarmRow, event: AlarmEventRow) -> None:
    episode.key_digest = event.key_digest
    episode.state = "open"
    episode.title = event.title
    episode.opened_start, episode.opened_end = event.window_start, event.window_end
    episode.last_start, episode.last_end = event.window_start, event.window_end
    episode.closed_start = episode.closed_end = None
    episode.once_in_years = None


def _apply(episode: AlarmRow, event: AlarmEventRow) -> None:
    episode.last_start, episode.last_end = event.window_start, event.window_end
    strongest, own = episode.once_in_years, event.once_in_years
    if event.state != "closed" and (strongest is None or (own is not None and own >= strongest)):
        episode.title = event.title  # what its evidence was, not that of the last quiet window
    known = [y for y in (strongest, own) if y is not None]
    episode.once_in_years = max(known, default=None)
    if event.state == "closed":
        episode.state = "closed"
        episode.closed_start, episode.closed_end = event.window_start, event.window_end


def _stored(row: AlarmRow) -> StoredAlarm:
    closed: tuple[datetime | None, datetime | None] = (row.closed_start, row.closed_end)
    return StoredAlarm(
        id=row.id,
        monitor=row.monitor,
        key=row.key,
        state=row.state,  # type: ignore[arg-type]  # only this file writes it
        title=row.title,
        once_in_years=row.once_in_years,
        opened=Window(row.opened_start, row.opened_end),
        last=Window(row.last_start, row.last_end),
        closed=None if closed[0] is None or closed[1] is None else Window(closed[0], closed[1]),
    )
