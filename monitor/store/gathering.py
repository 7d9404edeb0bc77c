"""Messages of several monitors become one: a digest, in one transaction with what it replaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from monitor.core.ports import Message
from monitor.store.engine import Database
from monitor.store.models import OutboxItemRow
from monitor.store.outbox import enqueue, message_of
from monitor.store.records import NewMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One message that waits for others."""

    monitor: str
    message: Message
    summary: Mapping[str, Any]


def gather(database: Database, combine: Callable[[Sequence[Held]], Message]) -> int:
    """Make one message of all that wait for a channel and the same recipients; how many.

    One that waits alone goes out as it is. `combine` must give the same message id for the same
    messages. A process that dies meanwhile has changed nothing.
    """
    with database.writing() as session:
        query = (
            sa.select(OutboxItemRow)
            .where(OutboxItemRow.state == "held")
            .order_by(OutboxItemRow.id)
            .with_for_update(skip_locked=True)
        )
        groups: dict[tuple[str, tuple[str, ...]], list[OutboxItemRow]] = {}
        for row in session.scalars(query):
            place = (row.channel, tuple(row.payload["recipients"]))
            groups.setdefault(place, []).append(row)
        for (channel, _), rows in groups.items():
            if len(rows) == 1:
                rows[0].state = "pending"
                continue
            message = combine([_held(row) for row in rows])
            new = NewMessage(channel=channel, message=message)
            enqueue(database, session, rows[0].monitor, [new], run_id=None)
            for row in rows:
                row.state = "gathered"
        return len(groups)


def _held(row: OutboxItemRow) -> Held:
    summary = row.payload.get("summary") or {}
    return Held(monitor=row.monitor, message=message_of(row.payload), summary=summary)
