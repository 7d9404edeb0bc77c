"""The relabel queue: each row of a monitor once, from proposed to accepted."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, defer

from monitor.core.window import Window
from monitor.store.draws import OF_DRAW, SAME, drawn_from, insert_rows, new_row
from monitor.store.engine import CHUNK, Database
from monitor.store.models import QueueDrawRow, QueueEventRow, QueueItemRow
from monitor.store.records import (
    Draw,
    Marked,
    NewQueueRow,
    QueueEvent,
    QueueRow,
    QueueState,
)
from monitor.store.types import digest

#: Which steps are allowed. A label may come late, be taken back, be doubted or be settled.
STEPS: dict[QueueState, frozenset[QueueState]] = {
    "proposed": frozenset({"exported", "in_annotation", "labelled", "rejected", "expired"}),
    "exported": frozenset({"proposed", "in_annotation", "labelled", "rejected", "expired"}),
    "in_annotation": frozenset({"exported", "labelled", "disputed", "rejected", "expired"}),
    "labelled": frozenset({"in_annotation", "disputed", "accepted", "rejected"}),
    "disputed": frozenset({"in_annotation", "labelled", "accepted", "rejected"}),
    "accepted": frozenset({"labelled", "disputed", "rejected"}),
    "rejected": frozenset({"proposed", "accepted"}),
    "expired": frozenset({"proposed", "labelled"}),
}

#: Where a row stands in the queue.
_PLACE = (QueueItemRow.window_start, QueueItemRow.push_order, QueueItemRow.id)


class Queue:
    """What is proposed for labelling, and what became of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, monitor: str, window: Window, rows: Iterable[NewQueueRow], *, by: str = ""
    ) -> int:
        """Queue rows that a person asked for; how many are new. No later run takes them back."""
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            now = self._database.now(session)
            values = [new_row(monitor, window, row, now=now, run_id=None) for row in rows]
            return insert_rows(self._database, session, values, now=now, by=by)

    def ids(
        self,
        monitor: str,
        *,
        among: Iterable[str] | None = None,
        except_window: Window | None = None,
    ) -> frozenset[str]:
        """Ids of rows that were ever queued, whatever their state: all, or those `among` some.

        `except_window` leaves out those that a run drew from that window: running it again
        draws the same sample again, not a second one beside it.
        """
        query = sa.select(QueueItemRow.row_id).where(QueueItemRow.monitor == monitor)
        if except_window is not None:
            query = query.where(~sa.and_(*drawn_from(monitor, except_window)))
        parts = [query]
        if among is not None:
            asked = [digest(row_id) for row_id in among]
            parts = [
                query.where(QueueItemRow.row_digest.in_(asked[start : start + CHUNK]))
                for start in range(0, len(asked), CHUNK)
            ]
        with self._database.reading() as session:
            return frozenset(row_id for part in parts for row_id in session.scalars(part))

    def rows(
        self,
        monitor: str,
        *,
        states: Iterable[QueueState] | None = None,
        window: Window | None = None,
        limit: int = 100,
        after: tuple[datetime, int, int] | None = None,
        images: bool = True,
    ) -> list[QueueRow]:
        """A page of the queue: windows oldest first, the rows of one in their push order.

        `after` is the `cursor` of the last row of the page before. Without `images` the
        thumbnails are not read.
        """
        query = sa.select(QueueItemRow).where(QueueItemRow.monitor == monitor)
        place: tuple[Any, ...] = _PLACE
        if window is not None:
            query = query.where(
                QueueItemRow.window_start == window.start, QueueItemRow.window_end == window.end
            )
            place = _PLACE[1:]  # the whole of it would be read as no bound on the rest
        if after is not None:
            last = after[-len(place) :]
            ends = [sa.literal(end, item.type) for end, item in zip(last, place, strict=True)]
            query = query.where(sa.tuple_(*place) > sa.tuple_(*ends))
        if not images:
            query = query.options(defer(QueueItemRow.image, raiseload=True))
        query = query.order_by(*_PLACE).limit(limit)
        # One query for each state: each walks its own stretch of the index, and none sorts.
        queries = [query]
        if states is not None:
            queries = [query.where(QueueItemRow.state == state) for state in dict.fromkeys(states)]
        with self._database.reading() as session:
            found = [
                stored_row(row, image=images) for one in queries for row in session.scalars(one)
            ]
        return sorted(found, key=lambda row: row.cursor)[:limit]

    def every(
        self,
        monitor: str,
        *,
        states: Iterable[QueueState] | None = None,
        window: Window | None = None,
        page: int = 200,
        images: bool = True,
    ) -> Iterator[QueueRow]:
        """All rows, page by page, no transaction kept open in between."""
        wanted = None if states is None else list(states)
        after = None
        while True:
            rows = self.rows(
                monitor, states=wanted, window=window, limit=page, after=after, images=images
            )
            yield from rows
            if len(rows) < page:
                return
            after = rows[-1].cursor

    def counts(self, monitor: str) -> dict[QueueState, int]:
        """How many rows are in each state; states without rows are there with 0."""
        query = (
            sa.select(QueueItemRow.state, sa.func.count())
            .where(QueueItemRow.monitor == monitor)
            .group_by(QueueItemRow.state)
        )
        with self._database.reading() as session:
            found = {state: count for state, count in session.execute(query)}  # noqa: C416 - a Row is no pair
        return {state: found.get(state, 0) for state in STEPS}

    def asked_for(self, monitor: str, window: Window, reason: str) -> int:
        """How many rows of a window were queued for that reason on top of the draw."""
        query = sa.select(sa.func.count()).where(
            QueueItemRow.monitor == monitor,
            QueueItemRow.window_start == window.start,
            QueueItemRow.window_end == window.end,
            QueueItemRow.run_id.is_(None),
            QueueItemRow.reason == reason,
        )
        with self._database.reading() as session:
            return session.scalars(query).one()

    def drawn(self, monitor: str) -> dict[Window, int]:
        """How many rows were drawn from each window; those that were asked for left out."""
        key = (QueueItemRow.window_start, QueueItemRow.window_end)
        query = (
            sa.select(*key, sa.func.count())
            .where(QueueItemRow.monitor == monitor, QueueItemRow.run_id.is_not(None))
            .group_by(*key)
        )
        with self._database.reading() as session:
            return {Window(start, end): count for start, end, count in session.execute(query)}

    def draws(self, monitor: str) -> dict[Window, Draw]:
        """What each window's queue was drawn from; those of older releases are not known."""
        query = sa.select(QueueDrawRow).where(QueueDrawRow.monitor == monitor)
        with self._database.reading() as session:
            return {
                Window(row.window_start, row.window_end): Draw(
                    **{name: getattr(row, name) for name in OF_DRAW}
                )
                for row in session.scalars(query)
            }

    def mark(
        self,
        monitor: str,
        row_ids: Iterable[str],
        state: QueueState,
        *,
        by: str = "",
        only: Container[QueueState] | None = None,
    ) -> Marked:
        """Move rows to that state, where the step is allowed (`STEPS`); what became of each.

        `only` names the states out of which they may be moved, where not all may.
        """
        asked = list(dict.fromkeys(row_ids))
        found: dict[str, _Place] = {}
        with self._database.writing() as session:
            for start in range(0, len(asked), CHUNK):
                part = [digest(row_id) for row_id in asked[start : start + CHUNK]]
                query = _places(monitor).where(QueueItemRow.row_digest.in_(part))
                found |= {place.row_id: place for place in _lock(session, query)}
            able = [
                place
                for place in found.values()
                if state in STEPS[place.state] and (only is None or place.state in only)
            ]
            _move(session, able, state, now=self._database.now(session), by=by)
        changed = {place.row_id for place in able}
        still = {i for i, place in found.items() if place.state == state}
        return Marked(
            changed=tuple(i for i in asked if i in changed),
            unchanged=tuple(i for i in asked if i in still),
            refused=tuple(i for i in asked if i in found.keys() - changed - still),
            unknown=tuple(i for i in asked if i not in found),
        )

    def expire(self, monitor: str, before: datetime, *, by: str = "") -> int:
        """Expire what was proposed or exported from windows that ended by then; how many."""
        query = _places(monitor).where(
            QueueItemRow.state.in_(("proposed", "exported")), QueueItemRow.window_end <= before
        )
        with self._database.writing() as session:
            old = _lock(session, query)
            _move(session, old, "expired", now=self._database.now(session), by=by)
            return len(old)

    def history(self, monitor: str, row_id: str) -> list[QueueEvent]:
        """All changes of state of one row, oldest first."""
        query = (
            sa.select(QueueEventRow)
            .join(QueueItemRow)
            .where(QueueItemRow.monitor == monitor, QueueItemRow.row_digest == digest(row_id))
            .order_by(QueueEventRow.id)
        )
        with self._database.reading() as session:
            return [
                QueueEvent(at=row.at, from_state=row.from_state, to_state=row.to_state, by=row.by)  # type: ignore[arg-type]  # only this file writes them
                for row in session.scalars(query)
            ]


def advance(
    session: Session, ids: Sequence[int], state: QueueState, *, now: datetime, by: str
) -> None:
    """Move rows to that state where the step is allowed; what is elsewhere stays there."""
    for start in range(0, len(ids), CHUNK):
        columns = (QueueItemRow.id, QueueItemRow.row_id, QueueItemRow.state)
        part = sa.select(*columns).where(QueueItemRow.id.in_(ids[start : start + CHUNK]))
        places = _lock(session, part.order_by(QueueItemRow.id))
        able = [place for place in places if state in STEPS[place.state]]
        _move(session, able, state, now=now, by=by)


class _Place(NamedTuple):
    """Where a row stands, without its content."""

    id: int
    row_id: str
    state: QueueState


def _places(monitor: str) -> sa.Select[int, str, str]:
    columns = (QueueItemRow.id, QueueItemRow.row_id, QueueItemRow.state)
    return sa.select(*columns).where(QueueItemRow.monitor == monitor).order_by(QueueItemRow.id)


def _lock(session: Session, places: sa.Select[int, str, str]) -> list[_Place]:
    rows = session.execute(places.with_for_update())
    return [_Place(row[0], row[1], row[2]) for row in rows]  # type: ignore[arg-type]  # only this file writes states


def _move(
    session: Session, places: list[_Place], state: QueueState, *, now: datetime, by: str
) -> None:
    for start in range(0, len(places), CHUNK):
        part = [place.id for place in places[start : start + CHUNK]]
        session.execute(
            sa.update(QueueItemRow)
            .where(QueueItemRow.id.in_(part))
            .values(state=state, changed_at=now)
        )
    events = [
        {
            "queue_row_id": place.id,
            "at": now,
            "from_state": place.state,
            "to_state": state,
            "by": by,
        }
        for place in places
    ]
    if events:
        session.execute(sa.insert(QueueEventRow), events)


def stored_row(row: QueueItemRow, *, image: bool) -> QueueRow:
    """The record of a row of the table."""
    return QueueRow(
        id=row.id,
        monitor=row.monitor,
        window=Window(row.window_start, row.window_end),
        state=row.state,  # type: ignore[arg-type]  # only this file writes it
        note=row.note,
        created_at=row.created_at,
        changed_at=row.changed_at,
        image=row.image if image else None,
        **{name: getattr(row, name) for name in SAME},
    )
