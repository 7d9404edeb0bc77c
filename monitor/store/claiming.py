"""Which window is next: one statement, built once, that reads a few rows however many wait."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from monitor.core.window import Window
from monitor.store.engine import table_of
from monitor.store.models import MonitorRow, WindowRow
from monitor.store.records import Lease
from monitor.store.types import UtcDateTime

#: So many of the oldest are looked at: other workers may be taking some of them right now.
_AHEAD = 16
#: After so many attempts the windows behind a failed one do not wait for it any more.
_WAITED_FOR = 3

_WINDOWS, _MONITORS = table_of(WindowRow), table_of(MonitorRow)
_OLDEST_FIRST = (_WINDOWS.c.window_start, _WINDOWS.c.window_end, _WINDOWS.c.monitor)
_NOW = sa.bindparam("now", type_=UtcDateTime())
_IS_DUE = (
    _WINDOWS.c.state == "pending",
    sa.and_(_WINDOWS.c.state == "failed", _WINDOWS.c.retry_at <= _NOW),
    sa.and_(_WINDOWS.c.state == "running", _WINDOWS.c.lease_until <= _NOW),
)


@cache
def next_due(*, some: bool, without: bool) -> sa.Select[tuple[object, ...]]:
    """The oldest window that can be claimed at `now`, locked; what others hold is passed over.

    No window of a monitor of which one runs, and none of one that has failed a short while ago
    and is about to be tried again: so windows are judged in their order, and what is told does
    not depend on a disk that was full for a minute.

    Parameters
    ----------
    some, without
        Only monitors of the parameter `only`; none of the parameter `left_out`.
    """
    members = [_oldest(due, some=some, without=without) for due in _IS_DUE]
    return (
        sa.select(_WINDOWS)
        .join(_MONITORS, _MONITORS.c.name == _WINDOWS.c.monitor)
        .where(_WINDOWS.c.id.in_(sa.union_all(*members)), sa.or_(*_IS_DUE))
        .order_by(*_OLDEST_FIRST)
        .limit(1)
        .with_for_update(skip_locked=True, key_share=True)
    )


def _oldest(due: sa.ColumnElement[bool], *, some: bool, without: bool) -> sa.Select[tuple[int]]:
    """Ids of the oldest that are due in one of the three ways; each has an index of its own."""
    query = sa.select(_WINDOWS.c.id).where(due, _WINDOWS.c.monitor.not_in(_busy()))
    if some:
        query = query.where(_WINDOWS.c.monitor.in_(sa.bindparam("only", expanding=True)))
    if without:
        query = query.where(_WINDOWS.c.monitor.not_in(sa.bindparam("left_out", expanding=True)))
    # SQLite takes no ORDER BY in a part of a union, but for one that is a table of its own.
    return sa.select(query.order_by(*_OLDEST_FIRST).limit(_AHEAD).subquery().c.id)


def _busy() -> sa.CompoundSelect[tuple[str]]:
    """Monitors whose windows have to wait."""
    other = _WINDOWS.alias()
    running = sa.select(other.c.monitor).where(
        other.c.state == "running", other.c.lease_until > _NOW
    )
    about_to_be_tried = sa.select(other.c.monitor).where(
        other.c.state == "failed",
        other.c.retry_at > _NOW,
        other.c.regular,
        other.c.reason.is_(None),
        other.c.attempts < _WAITED_FOR,
    )
    return sa.union_all(running, about_to_be_tried)


def park_if_spent(connection: sa.Connection, row: sa.Row[Any], max_attempts: int) -> bool:
    """Put a window aside as failed whose last workers vanished; whether it was."""
    if row.state != "running" or row.attempts < max_attempts:
        return False
    error = f"{row.attempts} workers vanished while they ran it: it is not tried again by itself."
    values = {"state": "failed", "token": None, "lease_until": None, "retry_at": None}
    connection.execute(
        sa.update(_WINDOWS).where(_WINDOWS.c.id == row.id).values(**values, last_error=error)
    )
    return True


def take(
    connection: sa.Connection,
    row: WindowRow | sa.Row[Any],
    *,
    worker: str,
    now: datetime,
    seconds: float,
) -> Lease:
    """The lease of that window, which nobody else can have now."""
    lease = Lease(
        window_id=row.id,
        monitor=row.monitor,
        window=Window(row.window_start, row.window_end),
        token=secrets.token_hex(16),
        worker=worker,
        attempt=row.attempts + 1,
        until=now + timedelta(seconds=seconds),
    )
    taken = {
        "window_id": row.id,
        "token": lease.token,
        "worker": worker,
        "lease_until": lease.until,
        "attempts": lease.attempt,
    }
    connection.execute(_TAKE_LIGHTLY if _is_postgres(connection) else _TAKE, taken)
    return lease


def _is_postgres(connection: sa.Connection) -> bool:
    return connection.dialect.name == "postgresql"


_TAKE = (
    sa.update(_WINDOWS)
    .where(_WINDOWS.c.id == sa.bindparam("window_id"))
    .values(
        state="running",
        retry_at=None,
        **{name: sa.bindparam(name) for name in ("token", "worker", "lease_until", "attempts")},
    )
)


#: The setting holds for this transaction, and costs no round trip of its own.
_TAKE_LIGHTLY = _TAKE.returning(sa.func.set_config("synchronous_commit", "off", True))


@cache
def update_of_held(names: tuple[str, ...]) -> sa.Update:
    """Changes the window `held_id`, if `held_token` is still its lease's."""
    return (
        sa.update(_WINDOWS)
        .where(
            _WINDOWS.c.id == sa.bindparam("held_id"),
            _WINDOWS.c.token == sa.bindparam("held_token"),
            _WINDOWS.c.state == "running",
        )
        .values({name: sa.bindparam(name) for name in names})
    )
