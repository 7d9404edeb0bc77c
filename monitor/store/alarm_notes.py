"""What people say about alarms, kept with who and when; and the mails that alarms caused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.core.errors import StoreError, UsageError
from monitor.core.window import Window
from monitor.store.alarm_models import AlarmMailRow, AlarmNoteRow
from monitor.store.alarm_records import AlarmNote, NewMail, NewNote, Standing, StoredMail
from monitor.store.engine import Database
from monitor.store.models import AlarmRow, OutboxItemRow, RunRow
from monitor.store.records import RunKey
from monitor.store.types import digest

_LONGEST = 4000  #: characters of a note


class Notes:
    """Verdicts, acknowledgements and mutes. Nothing is ever changed, only added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, monitor: str, new: NewNote) -> AlarmNote:
        """Write it down.

        Raises
        ------
        UsageError
            It is about an alarm that there is not, ends before now, or is too long.
        """
        _check(new)
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            now = self._database.now(session)
            if new.until is not None and new.until <= now:
                msg = f"That would end at {new.until.isoformat()}, which is over; name a later end."
                raise UsageError(msg)
            if new.opened is not None and not _is_there(session, monitor, new):
                msg = f"Monitor {monitor!r} has no alarm {new.key!r} that opened then."
                raise UsageError(msg)
            row = AlarmNoteRow(
                monitor=monitor,
                key_digest=digest(new.key),
                opened_start=new.opened,
                at=now,
                **{name: getattr(new, name) for name in _SAME},
            )
            session.add(row)
            session.flush()
            return _note(row)

    def all(self, monitor: str) -> list[AlarmNote]:
        """Everything that was said about a monitor, oldest first."""
        query = sa.select(AlarmNoteRow).where(AlarmNoteRow.monitor == monitor)
        with self._database.reading() as session:
            return [_note(row) for row in session.scalars(query.order_by(AlarmNoteRow.id))]

    def standing(self, monitor: str, now: datetime | None = None) -> Standing:
        """What holds at `now`; None: at the time of the database."""
        if now is None:
            with self._database.reading() as session:
                now = self._database.now(session)
        return Standing.at(self.all(monitor), now)

    def mails(self, monitor: str, *, limit: int = 1000) -> list[StoredMail]:
        """The newest mails of a monitor, oldest first."""
        query = (
            sa.select(AlarmMailRow)
            .where(AlarmMailRow.monitor == monitor)
            .order_by(AlarmMailRow.window_start.desc(), AlarmMailRow.id.desc())
            .limit(limit)
        )
        with self._database.reading() as session:
            return [_mail(row) for row in session.scalars(query)][::-1]

    def observed(self, monitor: str, until: datetime | None = None) -> timedelta:
        """The time in all regular windows that were run, up to `until`."""
        query = sa.select(RunRow.window_start, RunRow.window_end).where(
            RunRow.monitor == monitor, RunRow.latest, RunRow.regular
        )
        if until is not None:
            query = query.where(RunRow.window_end <= until)
        with self._database.reading() as session:
            rows: Sequence[tuple[datetime, datetime]] = [
                (start, end) for start, end in session.execute(query)
            ]
        return sum((end - start for start, end in rows), timedelta())


def record_mails(
    database: Database,
    session: Session,
    run: RunKey,
    mails: Sequence[NewMail],
    now: datetime,
    *,
    again: bool = True,
) -> None:
    """Write down which mails a run caused.

    `again`: what an older run of the same window wanted to send and never did is taken back; a
    mail that went out stays.
    """
    if again:
        _take_back(session, run, [mail.message_id for mail in mails])
    rows = [
        {
            "monitor": run.monitor,
            "window_start": run.window_start,
            "window_end": run.window_end,
            "why": mail.why,
            "message_id": mail.message_id,
            "at": now,
            "keys": list(mail.keys),
        }
        for mail in mails
    ]
    if rows:
        database.insert_new(session, AlarmMailRow, rows, AlarmMailRow.id)


def _take_back(session: Session, run: RunKey, keep: Sequence[str]) -> None:
    sent = (
        sa.select(OutboxItemRow.id)
        .where(
            OutboxItemRow.message_id == AlarmMailRow.message_id,
            OutboxItemRow.state.in_(("sent", "gathered")),
        )
        .exists()
    )
    session.execute(
        sa.delete(AlarmMailRow).where(
            AlarmMailRow.monitor == run.monitor,
            AlarmMailRow.window_start == run.window_start,
            AlarmMailRow.window_end == run.window_end,
            AlarmMailRow.message_id.not_in(keep),
            ~sent,
        )
    )


_SAME = ("kind", "scope", "key", "verdict", "until", "by", "note")


def _check(new: NewNote) -> None:
    if len(new.note) > _LONGEST or len(new.by) > _LONGEST:
        msg = f"A note has at most {_LONGEST:,} characters; shorten it."
        raise UsageError(msg)
    of_one = new.kind in {"verdict", "ack"}
    if of_one != (new.opened is not None) or (new.kind == "verdict") != (new.verdict is not None):
        msg = f"This is no {new.kind} on an alarm: it lacks the alarm, or the verdict."
        raise StoreError(msg)


def _is_there(session: Session, monitor: str, new: NewNote) -> bool:
    query = sa.select(AlarmRow.id).where(
        AlarmRow.monitor == monitor,
        AlarmRow.key_digest == digest(new.key),
        AlarmRow.opened_start == new.opened,
        AlarmRow.state != "withdrawn",
    )
    return session.scalars(query).first() is not None


def _note(row: AlarmNoteRow) -> AlarmNote:
    values = {name: getattr(row, name) for name in _SAME}
    return AlarmNote(id=row.id, monitor=row.monitor, opened=row.opened_start, at=row.at, **values)


def _mail(row: AlarmMailRow) -> StoredMail:
    return StoredMail(
        why=row.why,
        message_id=row.message_id,
        keys=tuple(str(key) for key in row.keys),
        monitor=row.monitor,
        window=Window(row.window_start, row.window_end),
        at=row.at,
    )
