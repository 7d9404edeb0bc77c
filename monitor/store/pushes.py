"""Rows on their way to the annotators: what was planned, what arrived, and in which project."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.core.errors import LeaseLostError
from monitor.store.engine import CHUNK, Database
from monitor.store.label_models import PushRow, ToolLeaseRow, ToolProjectRow
from monitor.store.label_records import NewPush, Push, Stage, ToolProject
from monitor.store.models import QueueItemRow
from monitor.store.queue import advance, stored_row
from monitor.store.records import QueueRow
from monitor.store.types import digest

_TOOL_LEASE_SECONDS = 120.0


class ToolLease:
    """The right to speak with a tool for one monitor; nobody else does it at the same time."""

    def __init__(self, database: Database, lease: int, token: str) -> None:
        self._database, self._lease, self._token = database, lease, token

    def renew(self, seconds: float = _TOOL_LEASE_SECONDS) -> None:
        """Hold it for longer.

        Raises
        ------
        LeaseLostError
            It ran out, and somebody else took it.
        """
        self._set(seconds)

    def release(self) -> None:
        """Let the next one have it at once; a lease that was lost is not ours to give back."""
        try:
            self._set(0)
        except LeaseLostError:
            return

    def _set(self, seconds: float) -> None:
        with self._database.writing() as session:
            until = self._database.now(session) + timedelta(seconds=seconds)
            done = session.execute(
                sa.update(ToolLeaseRow)
                .where(ToolLeaseRow.id == self._lease, ToolLeaseRow.token == self._token)
                .values(lease_until=until)
            )
            if done.rowcount != 1:  # type: ignore[attr-defined]  # an update has one
                msg = "Another process speaks with the annotation tool for this monitor now."
                raise LeaseLostError(msg)


class Pushes:
    """What is to go to a tool, and what is there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lease(self, monitor: str, tool: str, *, worker: str = "") -> ToolLease | None:
        """The right to push to and pull from a tool for that monitor; None: another one has it."""
        token = uuid.uuid4().hex
        mine = (ToolLeaseRow.monitor == monitor, ToolLeaseRow.tool == tool)
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            now = self._database.now(session)
            row = session.scalars(sa.select(ToolLeaseRow).where(*mine)).first()
            if row is None:
                row = ToolLeaseRow(monitor=monitor, tool=tool, lease_until=now)
                session.add(row)
            elif row.lease_until > now:
                return None
            row.token, row.worker = token, worker
            row.lease_until = now + timedelta(seconds=_TOOL_LEASE_SECONDS)
            session.flush()
            return ToolLease(self._database, row.id, token)

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
        self, monitor: str, tool: str, stage: Stage, *, after: int = 0, limit: int = 100
    ) -> list[tuple[Push, QueueRow]]:
        """What is not there yet, in the order in which it was planned; `after` is a push's id."""
        query = (
            sa.select(PushRow, QueueItemRow)
            .join(QueueItemRow, QueueItemRow.id == PushRow.queue_row_id)
            .where(
                PushRow.monitor == monitor,
                PushRow.tool == tool,
                PushRow.stage == stage,
                PushRow.state == "planned",
                PushRow.id > after,
            )
            .order_by(PushRow.id)
            .limit(limit)
        )
        with self._database.reading() as session:
            return [
                (_push(push, row.row_id), stored_row(row, image=True))
                for push, row in session.execute(query)
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
        query = (
            sa.select(QueueItemRow.id, QueueItemRow.row_id)
            .where(QueueItemRow.monitor == monitor, QueueItemRow.state.in_(list(states)), ~known)
            .order_by(QueueItemRow.window_start, QueueItemRow.push_order, QueueItemRow.id)
            .limit(limit)
        )
        with self._database.reading() as session:
            return [(number, row_id) for number, row_id in session.execute(query)]

    def arrived(
        self, monitor: str, places: Iterable[tuple[int, str, str, str]], *, by: str = ""
    ) -> int:
        """Note that rows are in the tool; they are in annotation from now on, in one transaction.

        `places` are (push id, project, task, note). How many were not known to be there.
        """
        given = {push: (project, task, note) for push, project, task, note in places}
        with self._database.writing() as session:
            now = self._database.now(session)
            rows = _locked(session, list(given))
            new = [row for row in rows if row.state != "pushed"]
            for row in new:
                row.project, row.task, row.note = given[row.id]
                row.state, row.pushed_at, row.last_error = "pushed", now, ""
                row.attempts += 1
            session.flush()
            advance(session, [row.queue_row_id for row in new], "in_annotation", now=now, by=by)
            for project in {row.project for row in new}:
                _count(session, monitor, new[0].tool, project)
            return len(new)

    def failed(self, pushes: Iterable[int], error: str, *, refused: bool = False) -> None:
        """Note an attempt that failed; `refused`: the tool does not want the row, try no more."""
        ids = list(pushes)
        with self._database.writing() as session:
            for row in _locked(session, ids):
                row.attempts += 1
                row.last_error = error
                if refused:
                    row.state = "refused"

    def of_tasks(self, monitor: str, tool: str, project: str) -> dict[str, Push]:
        """Every push of a project, by the id of its task."""
        query = (
            sa.select(PushRow, QueueItemRow.row_id)
            .join(QueueItemRow, QueueItemRow.id == PushRow.queue_row_id)
            .where(PushRow.monitor == monitor, PushRow.tool == tool, PushRow.project == project)
        )
        with self._database.reading() as session:
            return {push.task: _push(push, row_id) for push, row_id in session.execute(query)}

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
        """How many rows are planned, pushed and refused."""
        query = (
            sa.select(PushRow.state, sa.func.count())
            .where(PushRow.monitor == monitor, PushRow.tool == tool)
            .group_by(PushRow.state)
        )
        with self._database.reading() as session:
            found = dict(session.execute(query).all())
        return {state: found.get(state, 0) for state in ("planned", "pushed", "refused")}

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

    def projects(self, monitor: str | None, tool: str) -> list[ToolProject]:
        """The projects of a monitor (None: of all), oldest first."""
        query = sa.select(ToolProjectRow).where(ToolProjectRow.tool == tool)
        if monitor is not None:
            query = query.where(ToolProjectRow.monitor == monitor)
        with self._database.reading() as session:
            rows = session.scalars(query.order_by(ToolProjectRow.id))
            return [_project(row) for row in rows]

    def add_project(
        self, monitor: str, tool: str, stage: Stage, *, number: int, project: str, spec_version: int
    ) -> ToolProject:
        """Note a project of the tool; the one of that number when it is known already."""
        mine = {"monitor": monitor, "tool": tool, "stage": stage, "number": number}
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            now = self._database.now(session)
            values: dict[str, Any] = {
                **mine,
                "project": project,
                "spec_version": spec_version,
                "tasks": 0,
                "cursor": "",
                "created_at": now,
            }
            self._database.insert_new(session, ToolProjectRow, [values], ToolProjectRow.id)
            row = session.scalars(sa.select(ToolProjectRow).filter_by(**mine)).one()
            return _project(row)

    def set_cursor(self, project: int, cursor: str) -> None:
        """Note how far the answers of a project were read, and that it was asked just now."""
        with self._database.writing() as session:
            session.execute(
                sa.update(ToolProjectRow)
                .where(ToolProjectRow.id == project)
                .values(cursor=cursor, polled_at=self._database.now(session))
            )

    def wake(self, tool: str, project: str) -> bool:
        """Note that a project says that something changed; whether we know it."""
        with self._database.writing() as session:
            done = session.execute(
                sa.update(ToolProjectRow)
                .where(ToolProjectRow.tool == tool, ToolProjectRow.project == project)
                .values(woken_at=self._database.now(session))
            )
            return bool(done.rowcount)  # type: ignore[attr-defined]  # an update has one


def _locked(session: Session, ids: Sequence[int]) -> list[PushRow]:
    found: list[PushRow] = []
    for start in range(0, len(ids), CHUNK):
        query = sa.select(PushRow).where(PushRow.id.in_(ids[start : start + CHUNK]))
        found += session.scalars(query.order_by(PushRow.id).with_for_update())
    return found


def _count(session: Session, monitor: str, tool: str, project: str) -> None:
    there = (PushRow.monitor == monitor, PushRow.tool == tool, PushRow.project == project)
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
_PROJECT = (
    "id",
    "monitor",
    "tool",
    "stage",
    "number",
    "project",
    "spec_version",
    "tasks",
    "cursor",
    "polled_at",
    "woken_at",
    "created_at",
)


def _push(row: PushRow, row_id: str) -> Push:
    return Push(row_id=row_id, **{name: getattr(row, name) for name in _PUSH})


def _project(row: ToolProjectRow) -> ToolProject:
    return ToolProject(**{name: getattr(row, name) for name in _PROJECT})
