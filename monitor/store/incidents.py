"""What is wrong with the service itself: a monitor that does not run, a disk that fills up."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from monitor.core.ports import Message
from monitor.store.engine import Database
from monitor.store.outbox import enqueue
from monitor.store.records import NewMessage
from monitor.store.service_models import IncidentRow
from monitor.store.types import digest

#: Under this name the outbox keeps what belongs to no monitor.
SERVICE = "driftloop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that is wrong now; `key` is the same as long as it is the same thing."""

    key: str
    title: str
    text: str
    monitor: str | None = None
    opened_at: datetime | None = None  #: None: not stored yet
    closed_at: datetime | None = None


class Incidents:
    """Opened once, mailed once, closed once, however many processes look."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(self, *, limit: int = 200) -> list[Incident]:
        """What is wrong now, the newest first."""
        query = sa.select(IncidentRow).where(IncidentRow.closed_at.is_(None))
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(IncidentRow.id.desc()).limit(limit))
            return [_incident(row) for row in rows]

    def report(
        self, found: Collection[Incident], *, channels: Collection[str], kinds: Collection[str]
    ) -> tuple[list[Incident], list[Incident]]:
        """Bring what is open up to what was found; what was opened and closed by that.

        Only incidents whose key begins with one of `kinds` are closed: what was not looked at
        stays as it is. Each opening puts one message for each channel into the outbox.
        """
        opened, closed = [], []
        with self._database.writing() as session:
            self._database.lock_monitor(session, SERVICE)
            now = self._database.now(session)
            query = sa.select(IncidentRow).where(IncidentRow.closed_at.is_(None))
            there = {row.key: row for row in session.scalars(query)}
            for incident in found:
                row = there.pop(incident.key, None)
                if row is None:
                    row = _row(incident, now)
                    session.add(row)
                    session.flush()
                    opened.append(_incident(row))
                    messages = [_message(row, channel) for channel in channels]
                    enqueue(self._database, session, SERVICE, messages, run_id=None)
                else:
                    row.title, row.text = incident.title, incident.text
            for key, row in there.items():
                if key.partition(":")[0] in kinds:
                    row.closed_at = now
                    closed.append(_incident(row))
        return opened, closed


def _row(incident: Incident, now: datetime) -> IncidentRow:
    return IncidentRow(
        key=incident.key,
        key_digest=digest(incident.key),
        monitor=incident.monitor,
        title=incident.title,
        text=incident.text,
        opened_at=now,
    )


def _message(row: IncidentRow, channel: str) -> NewMessage:
    message_id = f"<service-{digest(f'{row.key} {row.id}')[:24]}@driftloop>"
    message = Message(
        message_id=message_id, subject=f"[driftloop] {row.title}", text=row.text, html=""
    )
    return NewMessage(channel=channel, message=message, order_key=f"service:{row.key}")


def _incident(row: IncidentRow) -> Incident:
    return Incident(
        key=row.key,
        title=row.title,
        text=row.text,
        monitor=row.monitor,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )
