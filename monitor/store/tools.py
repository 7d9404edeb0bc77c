"""Annotation tools: the right to speak with one, its projects, and how far they were read."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from monitor.core.errors import LeaseLostError
from monitor.store.engine import Database
from monitor.store.label_models import ToolLeaseRow, ToolProjectRow
from monitor.store.label_records import Stage, ToolProject

_LEASE_SECONDS = 120.0


class ToolLease:
    """The right to speak with a tool for one monitor; nobody else does it at the same time."""

    def __init__(self, database: Database, lease: int, token: str) -> None:
        self._database, self._lease, self._token = database, lease, token

    def renew(self, seconds: float = _LEASE_SECONDS) -> None:
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


class Tools:
    """What is known of the annotation tools."""

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
            row.lease_until = now + timedelta(seconds=_LEASE_SECONDS)
            session.flush()
            return ToolLease(self._database, row.id, token)

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

    def tasks(self, project: int) -> int:
        """How many rows are known to be in a project."""
        query = sa.select(ToolProjectRow.tasks).where(ToolProjectRow.id == project)
        with self._database.reading() as session:
            return session.scalars(query).one()

    def set_cursor(self, project: int, cursor: str) -> None:
        """Note how far the answers of a project were read, and that it was asked just now."""
        with self._database.writing() as session:
            session.execute(
                sa.update(ToolProjectRow)
                .where(ToolProjectRow.id == project)
                .values(cursor=cursor, polled_at=self._database.now(session))
            )

    def wake(self, monitor: str, tool: str) -> bool:
        """Note that a monitor's tool says that something changed; whether it has projects."""
        with self._database.writing() as session:
            done = session.execute(
                sa.update(ToolProjectRow)
                .where(ToolProjectRow.tool == tool, ToolProjectRow.monitor == monitor)
                .values(woken_at=self._database.now(session))
            )
            return bool(done.rowcount)  # type: ignore[attr-defined]  # an update has one


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


def _project(row: ToolProjectRow) -> ToolProject:
    return ToolProject(**{name: getattr(row, name) for name in _PROJECT})
