"""Where every monitor stands, in a few questions for all of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from monitor.core.window import Window
from monitor.store.engine import Database
from monitor.store.models import AlarmRow, QueueItemRow, RunRow, WindowRow


@dataclass(slots=True, kw_only=True)
class Standing:
    """One monitor."""

    newest: Window | None = None  #: that was run
    rows: int = 0  #: of it
    ran_at: datetime | None = None
    alarms: int = 0  #: open ones
    states: dict[str, int] = field(default_factory=dict)  #: windows that are not done, by state
    to_label: int = 0


def overview(database: Database, monitors: Collection[str]) -> dict[str, Standing]:
    """Where each of those monitors stands; those that the store does not know, too."""
    found = {name: Standing() for name in monitors}
    with database.reading() as session:
        last = (
            sa.select(RunRow.monitor, sa.func.max(RunRow.window_start).label("start"))
            .where(RunRow.latest)
            .group_by(RunRow.monitor)
            .subquery()
        )
        newest = sa.select(
            RunRow.monitor, RunRow.window_start, RunRow.window_end, RunRow.rows, RunRow.finished_at
        ).join(
            last,
            sa.and_(last.c.monitor == RunRow.monitor, last.c.start == RunRow.window_start),
        )
        for name, start, end, rows, at in session.execute(newest.where(RunRow.latest)):
            if name in found:
                found[name].newest, found[name].rows = Window(start, end), rows
                found[name].ran_at = at
        for name, count in session.execute(_counted(AlarmRow, AlarmRow.state == "open")):
            if name in found:
                found[name].alarms = count
        for name, count in session.execute(
            _counted(QueueItemRow, QueueItemRow.state == "proposed")
        ):
            if name in found:
                found[name].to_label = count
        states = (
            sa.select(WindowRow.monitor, WindowRow.state, sa.func.count())
            .where(WindowRow.state.in_(("pending", "running", "failed")))
            .group_by(WindowRow.monitor, WindowRow.state)
        )
        for name, state, count in session.execute(states):
            if name in found:
                found[name].states[state] = count
    return found


def _counted(model: Any, condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(model.monitor, sa.func.count()).where(condition).group_by(model.monitor)
