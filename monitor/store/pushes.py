"""Rows on their way to the annotators: what was planned, what arrived, and in which project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.store.engine import CHUNK, Database
from monitor.store.label_models import PushRow, ToolProjectRow
from monitor.store.label_records import Arrival, NewPush, Push, PushState, Stage
from monitor.store.models import QueueItemRow
from monitor.store.queue import advance, stored_row
from monitor.store.records import QueueRow, QueueState
from monitor.store.types import digest


class Pushes:
    """What is to go to a tool, and what is there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, monitor: str, tool: str, stage: Stage, pushes: Iterable[NewPush]) -> int:
        """Write down what is to go out, each row once; how many are new."""
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            now = self._database.now(session)
            values = [
                {
                    "monitor": monitor,
                    "queue_row_id": push.queue_row_id,
                    "tool": tool,
                    "stage": stage,
                    "state": "planned",
                    "project": "",
                    "task": "",
                    "with_draft": push.with_draft,
                    "spec_version": push.spec_version,
                    "attempts": 0,
                    "pushed_at": None,
                    "created_at": now,
                    "last_error": "",
                    "note": "",
                }
                for push in pushes
            ]
            return len(self._database.insert_new(session, PushRow, values, PushRow.id))

    def planned(
        self,
        monitor: str,
        tool: str,
        stage: Stage,
        *,
        states: Sequence[QueueState],
        after: int = 0,
        limit: int = 100,
        max_bytes: int = 8 << 20,
    ) -> list[tuple[Push, QueueRow]]:
        """What is not there yet, in the order in which it was planned.

        Parameters
        ----------
        states : of the rows; one that somebody rejected meanwhile is not sent.
        after : int
            Id of a push: only what was planned after it.
        limit, max_bytes : int
            So many rows at most, and so many bytes of images (one row at least).
        """
        query = (
            sa.select(PushRow.id, sa.func.coalesce(sa.func.length(QueueItemRow.image), 0))
            .join(QueueItemRow, QueueItemRow.id == PushRow.queue_row_id)
            .where(
                PushRow.monitor == monitor,
                PushRow.tool == tool,
                PushRow.stage == stage,
                PushRow.state == "planned",
                PushRow.id > after,
                QueueItemRow.state.in_(list(states)),
            )
            .order_by(PushRow.id)
            .limit(limit)
        )
        with self._database.reading() as session:
            sizes = session.execute(query).all()
            ends = np.cumsum([size for _, size in sizes])
            keep = max(1, int(np.searchsorted(ends, max_bytes, side="right")))
            ids = [push for push, _ in sizes[:keep]]
            both = (
                sa.select(PushRow, QueueItemRow)
                .join(QueueItemRow, QueueItemRow.id == PushRow.queue_row_id)
                .where(PushRow.id.in_(ids))
                .order_by(PushRow.id)
            )
            return [
                (_push(push, row.row_id), stored_row(row, image=True))
                for push, row in session.execute(both)
            ]

    def unplanned(
        self, monitor: str, tool: str, stage: Stage, *, states: Sequence[str], limit: int
    ) -> list[tuple[int, str]]:
        """(queue row id, row id) of rows in these states that were never planned for the tool."""
        known = (
            sa.select(PushRow.id)
            .where(
                PushRow.queue_row_id == QueueItemRow.id,
                PushRow.tool == tool,
                PushRow.stage == stage,
            )
            .exists()
        )
        place = (QueueItemRow.window_start, QueueItemRow.push_order, QueueItemRow.id)
        query = (
            sa.select(QueueItemRow.row_id, *place)
            .where(QueueItemRow.monitor == monitor, ~known)
            .order_by(*place)
            .limit(limit)
        )
        with self._database.reading() as session:
            found = [
                row
                for state in states
                for row in session.execute(query.where(QueueItemRow.state == state))
            ]
        found.sort(key=lambda row: tuple(row)[1:])
        return [(row.id, row.row_id) for row in found[:limit]]

    def arrived(self, monitor: str, places: Iterable[Arrival], *, by: str = "") -> int:
        """Note that rows are in the tool; they are in annotation from now on, in one transaction.

        How many were not known to be there.
        """
        given = {place.push: place for place in places}
        with self._database.writing() as session:
            now = self._database.now(session)
            new = [row for row in _locked(session, list(given)) if row.state != "pushed"]
            for row in new:
                place = given[row.id]
                row.project, row.task = place.project, place.task
                row.with_draft, row.note = place.with_draft, place.note
                row.state, row.pushed_at, row.last_error = "pushed", now, ""
                row.attempts += 1
            session.flush()
            advance(session, [row.queue_row_id for row in new], "in_annotation", now=now, by=by)
            for project in {row.project for row in new}:
                _count(session, monitor, new[0].tool, project)
            return len(new)

    def undraft(self, push: int, reason: str) -> None:
        """Note that a row goes out without its draft, because the tool refused that."""
        with self._database.writing() as session:
            for row in _locked(session, [push]):
                row.with_draft, row.note = False, reason

    def failed(self, pushes: Iterable[int], error: str, *, refused: bool = False) -> None:
        """Note an attempt that failed; `refused`: the tool does not want the row, try no more."""
        ids = list(pushes)
        with self._database.writing() as session:
            for row in _locked(session, ids):
                row.attempts += 1
                row.last_error = error
                if refused:
                    row.state = "refused"

    def gone(self, monitor: str, pushes: Sequence[int]) -> None:
        """Note that somebody deleted their tasks in the tool."""
        with self._database.writing() as session:
            rows = _locked(session, pushes)
            for row in rows:
                row.state = "gone"
            session.flush()
            for tool, project in {(row.tool, row.project) for row in rows}:
                _count(session, monitor, tool, project)

    def of_tasks(
        self, monitor: str, tool: str, project: str, tasks: Sequence[str] | None = None
    ) -> dict[str, Push]:
        """Pushes of a project by the id of their task; of all its tasks, or of these."""
        query = (
            sa.select(PushRow, QueueItemRow.row_id)
            .join(QueueItemRow, QueueItemRow.id == PushRow.queue_row_id)
            .where(PushRow.monitor == monitor, PushRow.tool == tool, PushRow.project == project)
        )
        parts = [query]
        if tasks is not None:
            parts = [
                query.where(PushRow.task.in_(tasks[start : start + CHUNK]))
                for start in range(0, len(tasks), CHUNK)
            ]
        with self._database.reading() as session:
            return {
                push.task: _push(push, row_id)
                for part in parts
                for push, row_id in session.execute(part)
            }

    def of_rows(
        self, monitor: str, tool: str, stage: Stage, row_ids: Iterable[str]
    ) -> dict[str, Push]:
        """The pushes of these rows, by row id."""
        asked = [digest(row_id) for row_id in dict.fromkeys(row_ids)]
        found: dict[str, Push] = {}
        with self._database.reading() as session:
            for start in range(0, len(asked), CHUNK):
                query = (
                    sa.select(PushRow, QueueItemRow.row_id)
                    .join(QueueItemRow, QueueItemRow.id == PushRow.queue_row_id)
                    .where(
                        QueueItemRow.monitor == monitor,
                        QueueItemRow.row_digest.in_(asked[start : start + CHUNK]),
                        PushRow.tool == tool,
                        PushRow.stage == stage,
                    )
                )
                found |= {row_id: _push(push, row_id) for push, row_id in session.execute(query)}
        return found

    def counts(self, monitor: str, tool: str) -> dict[str, int]:
        """How many rows are in each state on their way."""
        query = (
            sa.select(PushRow.state, sa.func.count())
            .where(PushRow.monitor == monitor, PushRow.tool == tool)
            .group_by(PushRow.state)
        )
        with self._database.reading() as session:
            found = dict(session.execute(query).all())
        return {state: found.get(state, 0) for state in get_args(PushState)}

    def refusals(self, monitor: str, tool: str, *, limit: int = 100) -> list[Push]:
        """Rows that the tool did not want, or took only without their draft, newest first."""
        query = (
            sa.select(PushRow, QueueItemRow.row_id)
            .join(QueueItemRow, QueueItemRow.id == PushRow.queue_row_id)
            .where(
                PushRow.monitor == monitor,
                PushRow.tool == tool,
                sa.or_(PushRow.note != "", PushRow.last_error != ""),
            )
            .order_by(PushRow.id.desc())
            .limit(limit)
        )
        with self._database.reading() as session:
            return [_push(push, row_id) for push, row_id in session.execute(query)]


def _locked(session: Session, ids: Sequence[int]) -> list[PushRow]:
    found: list[PushRow] = []
    for start in range(0, len(ids), CHUNK):
        query = sa.select(PushRow).where(PushRow.id.in_(ids[start : start + CHUNK]))
        found += session.scalars(query.order_by(PushRow.id).with_for_update())
    return found


def _count(session: Session, monitor: str, tool: str, project: str) -> None:
    there = (
        PushRow.monitor == monitor,
        PushRow.tool == tool,
        PushRow.project == project,
        PushRow.state == "pushed",
    )
    count = sa.select(sa.func.count()).select_from(PushRow).where(*there).scalar_subquery()
    session.execute(
        sa.update(ToolProjectRow)
        .where(
            ToolProjectRow.monitor == monitor,
            ToolProjectRow.tool == tool,
            ToolProjectRow.project == project,
        )
        .values(tasks=count)
    )


_PUSH = (
    "id",
    "queue_row_id",
    "with_draft",
    "spec_version",
    "tool",
    "stage",
    "state",
    "project",
    "task",
    "attempts",
    "pushed_at",
    "last_error",
    "note",
)


def _push(row: PushRow, row_id: str) -> Push:
    return Push(row_id=row_id, **{name: getattr(row, name) for name in _PUSH})
