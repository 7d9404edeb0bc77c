"""Messages on their way: written with the run that caused them, sent after it."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, load_only

from monitor.core.errors import StoreError
from monitor.core.ports import Message
from monitor.store.engine import Database, bounded
from monitor.store.models import OutboxItemRow, RunRow
from monitor.store.records import NewMessage, OutboxEntry, OutboxRow, OutboxState, RunKey
from monitor.store.types import digest

_LAST_ERROR = 4000  #: characters of an error that are kept


class Outbox:
    """Each (channel, message id) once; those of one order key leave one after the other."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, monitor: str, messages: Iterable[NewMessage]) -> int:
        """Put messages there that belong to no run (a digest, a warning); how many are new."""
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            return enqueue(self._database, session, monitor, list(messages), run_id=None)

    def claim(
        self,
        *,
        worker: str,
        limit: int = 10,
        lease_seconds: float = 120,
        max_attempts: int = 20,
    ) -> list[OutboxRow]:
        """Messages to send now, oldest first, held for `lease_seconds`.

        Each claim counts as an attempt, so that a message that kills its sender is parked after
        `max_attempts` too. One whose sender vanished comes again: with the same message id.
        """
        with self._database.writing() as session:
            now = self._database.now(session)
            rows = session.scalars(_due(now).limit(limit).with_for_update(skip_locked=True)).all()
            return [
                _take(row, worker=worker, until=now + timedelta(seconds=lease_seconds))
                for row in rows
                if not _park_if_spent(row, max_attempts)
            ]

    def sent(self, row: OutboxRow) -> None:
        """It was delivered; that stands even when another worker has taken it over since.

        A process that is killed before this is noted sends the message twice, so the note waits
        for no disk.
        """
        with self._database.writing_quickly() as session:
            session.execute(
                sa.update(OutboxItemRow)
                .where(OutboxItemRow.id == row.id, OutboxItemRow.state != "sent")
                .values(
                    state="sent",
                    sent_at=self._database.now(session),
                    token=None,
                    lease_until=None,
                    last_error="",
                )
            )

    def failed(
        self, row: OutboxRow, error: str, *, retry_in: float, recipients: Sequence[str] = ()
    ) -> None:
        """It was not delivered; due again in `retry_in` seconds.

        `recipients` are those that have not got it, when some have: only they are tried again.
        """
        with self._database.writing() as session:
            values: dict[str, object] = {
                "retry_at": self._database.now(session) + timedelta(seconds=retry_in),
                "last_error": error[:_LAST_ERROR],
            }
            if recipients:
                left = replace(row.message, recipients=tuple(recipients))
                values["payload"] = _to_payload(left)
            _update_held(session, row, **values)

    def park(self, row: OutboxRow, error: str) -> None:
        """Trying again is useless: put it aside for a person, let those behind it pass."""
        with self._database.writing() as session:
            _update_held(session, row, state="parked", last_error=error[:_LAST_ERROR])

    def retry(self, item: int) -> None:
        """Send a parked message after all."""
        with self._database.writing() as session:
            row = session.get(OutboxItemRow, item)
            if row is None or row.state != "parked":
                msg = f"Message {item} of the outbox is not parked: nothing to try again."
                raise StoreError(msg)
            row.state, row.attempts, row.retry_at = "pending", 0, self._database.now(session)

    def retry_parked(self) -> int:
        """Send all parked messages after all; how many there are."""
        with self._database.writing() as session:
            now = self._database.now(session)
            rows = session.execute(
                sa.update(OutboxItemRow)
                .where(OutboxItemRow.state == "parked")
                .values(state="pending", attempts=0, retry_at=now)
                .returning(OutboxItemRow.id)
            ).all()
            return len(rows)

    def drop(self, item: int) -> None:
        """Let a parked message go: nobody will get it."""
        with self._database.writing() as session:
            row = session.get(OutboxItemRow, item)
            if row is None or row.state != "parked":
                msg = f"Message {item} of the outbox is not parked: only those can be dropped."
                raise StoreError(msg)
            row.state = "cancelled"

    def waits(self) -> bool:
        """Whether there is a message that may be sent now."""
        with self._database.reading() as session:
            now = self._database.now(session)
            query = sa.select(OutboxItemRow.id).where(
                sa.or_(
                    OutboxItemRow.state == "held",
                    sa.and_(
                        OutboxItemRow.state == "pending",
                        OutboxItemRow.retry_at <= now,
                        sa.or_(
                            OutboxItemRow.lease_until.is_(None), OutboxItemRow.lease_until <= now
                        ),
                    ),
                )
            )
            return session.scalars(query.limit(1)).first() is not None

    def knows(self, channel: str, message_id: str) -> bool:
        """Whether that message was put there before, whatever became of it."""
        query = sa.select(OutboxItemRow.id).where(
            OutboxItemRow.channel == channel, OutboxItemRow.message_id == message_id
        )
        with self._database.reading() as session:
            return session.scalars(query).first() is not None

    def sent_before(self, channel: str, messages: int) -> datetime | None:
        """When the message was sent that is so many back in a channel; None: there is none."""
        query = (
            sa.select(OutboxItemRow.sent_at)
            .where(OutboxItemRow.channel == channel, OutboxItemRow.state == "sent")
            .order_by(OutboxItemRow.sent_at.desc())
            .offset(messages - 1)
            .limit(1)
        )
        with self._database.reading() as session:
            return session.scalars(query).first()

    def postpone(self, row: OutboxRow, *, seconds: float) -> None:
        """It is not its time yet: not an attempt."""
        with self._database.writing() as session:
            later = self._database.now(session) + timedelta(seconds=seconds)
            _update_held(session, row, retry_at=later, attempts=OutboxItemRow.attempts - 1)

    def counts(self) -> dict[str, int]:
        """How many messages there are in each state."""
        query = sa.select(OutboxItemRow.state, sa.func.count()).group_by(OutboxItemRow.state)
        with self._database.reading() as session:
            return {row[0]: row[1] for row in session.execute(query)}

    def entries(
        self, *, states: Collection[OutboxState] | None = None, limit: int = 100
    ) -> list[OutboxEntry]:
        """Messages without their content, newest first."""
        query = sa.select(OutboxItemRow).order_by(OutboxItemRow.id.desc()).limit(limit)
        if states is not None:
            query = query.where(OutboxItemRow.state.in_(list(states)))
        columns = [getattr(OutboxItemRow, name) for name in _ENTRY]
        with self._database.reading() as session:
            rows = session.scalars(query.options(load_only(*columns, raiseload=True)))
            return [OutboxEntry(**{name: getattr(row, name) for name in _ENTRY}) for row in rows]


_ENTRY = (
    "id",
    "monitor",
    "channel",
    "message_id",
    "subject",
    "state",
    "attempts",
    "last_error",
    "created_at",
    "retry_at",
    "sent_at",
)


def enqueue(
    database: Database,
    session: Session,
    monitor: str,
    messages: Collection[NewMessage],
    *,
    run_id: int | None,
) -> int:
    """Write those whose (channel, message id) is new; how many.

    A known one that nobody has begun to send is brought up to what it says now.
    """
    now = database.now(session)
    rows = [_new(monitor, item, now=now, run_id=run_id) for item in messages]
    new = len(database.insert_new(session, OutboxItemRow, rows, OutboxItemRow.id))
    for row in rows if new < len(rows) else ():
        session.execute(
            sa.update(OutboxItemRow)
            .where(
                OutboxItemRow.channel == row["channel"],
                OutboxItemRow.message_id == row["message_id"],
                *_UNTOUCHED,
            )
            .values({name: row[name] for name in ("state", "payload", "subject", "run_id")})
        )
    return new


def cancel_stale(session: Session, run: RunKey, keep: Collection[str]) -> None:
    """Cancel what older runs of the same window wanted to say, this one does not, and is unsent."""
    older = sa.select(RunRow.id).where(RunRow.window_id == run.window_id, RunRow.id != run.id)
    session.execute(
        sa.update(OutboxItemRow)
        .where(
            OutboxItemRow.run_id.in_(older),
            OutboxItemRow.message_id.not_in(keep),
            *_UNTOUCHED,
        )
        .values(state="cancelled")
    )


_UNTOUCHED = (
    OutboxItemRow.attempts == 0,
    OutboxItemRow.state.in_(("pending", "held", "cancelled")),
)


def _new(monitor: str, item: NewMessage, *, now: datetime, run_id: int | None) -> dict[str, Any]:
    message = item.message
    for name, _, content in message.attachments:
        bounded(f"attachment {name!r}", content)
    return {
        "monitor": monitor,
        "run_id": run_id,
        "channel": item.channel,
        "message_id": message.message_id,
        "subject": message.subject,
        "order_key": item.order_key,
        "order_digest": digest(item.order_key) if item.order_key else None,
        "state": "pending" if item.summary is None else "held",
        "worker": "",
        "retry_at": now,
        "attempts": 0,
        "last_error": "",
        "created_at": now,
        "payload": {**_to_payload(message), "summary": item.summary},
    }


def _to_payload(message: Message) -> dict[str, Any]:
    return {
        "message_id": message.message_id,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "in_reply_to": message.in_reply_to,
        "recipients": list(message.recipients),
        "attachments": [
            [name, media_type, base64.b64encode(content).decode("ascii")]
            for name, media_type, content in message.attachments
        ],
        "facts": dict(message.facts),
    }


def message_of(payload: dict[str, Any]) -> Message:
    """The message that a row of the outbox holds."""
    return Message(
        message_id=payload["message_id"],
        subject=payload["subject"],
        text=payload["text"],
        html=payload["html"],
        in_reply_to=payload["in_reply_to"],
        recipients=tuple(payload["recipients"]),
        attachments=tuple(
            (name, media_type, base64.b64decode(content))
            for name, media_type, content in payload["attachments"]
        ),
        facts=payload.get("facts", {}),
    )


def _due(now: datetime) -> sa.Select[OutboxItemRow]:
    ahead = aliased(OutboxItemRow)
    waits = (
        sa.select(ahead.id)
        .where(
            ahead.channel == OutboxItemRow.channel,
            ahead.order_digest == OutboxItemRow.order_digest,
            ahead.id < OutboxItemRow.id,
            ahead.state == "pending",
        )
        .exists()
    )
    return (
        sa.select(OutboxItemRow)
        .where(
            OutboxItemRow.state == "pending",
            OutboxItemRow.retry_at <= now,
            sa.or_(OutboxItemRow.lease_until.is_(None), OutboxItemRow.lease_until <= now),
            ~waits,
        )
        .order_by(OutboxItemRow.id)
    )


def _park_if_spent(row: OutboxItemRow, max_attempts: int) -> bool:
    if row.attempts < max_attempts:
        return False
    row.state, row.token, row.lease_until = "parked", None, None
    row.last_error = row.last_error or f"{row.attempts} senders vanished while they sent it."
    return True


def _take(row: OutboxItemRow, *, worker: str, until: datetime) -> OutboxRow:
    row.token = token = secrets.token_hex(16)
    row.worker, row.lease_until = worker, until
    row.attempts += 1
    return OutboxRow(
        id=row.id,
        monitor=row.monitor,
        channel=row.channel,
        message=message_of(row.payload),
        order_key=row.order_key,
        token=token,
        attempts=row.attempts,
        created_at=row.created_at,
    )


def _update_held(session: Session, row: OutboxRow, **values: object) -> None:
    """Change a claimed message; what another worker has taken over since is left to it."""
    session.execute(
        sa.update(OutboxItemRow)
        .where(
            OutboxItemRow.id == row.id,
            OutboxItemRow.token == row.token,
            OutboxItemRow.state == "pending",
        )
        .values(token=None, lease_until=None, **values)
    )
