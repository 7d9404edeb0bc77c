"""Figures of the whole installation at once, for whoever watches the watcher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from monitor.store.engine import CHUNK, Database
from monitor.store.models import (
    AlarmRow,
    FindingRow,
    OutboxItemRow,
    QueueItemRow,
    RunRow,
    WindowRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestRun:
    """The run of the newest window of a monitor."""

    id: int
    window_end: datetime
    finished_at: datetime
    seconds: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What the newest window said about one column."""

    monitor: str
    column: str
    effect: float | None  #: signed, in the units of its gate
    drifted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All of them, at one moment."""

    now: datetime
    runs: Mapping[str, int] = field(default_factory=dict)  #: by monitor
    seconds: Mapping[str, float] = field(default_factory=dict)  #: of all runs together, by monitor
    newest: Mapping[str, NewestRun] = field(default_factory=dict)
    windows: Mapping[tuple[str, str], int] = field(default_factory=dict)  #: by monitor, state
    alarms: Mapping[str, int] = field(default_factory=dict)  #: open ones, by monitor
    open_columns: frozenset[tuple[str, str]] = frozenset()  #: monitor, column
    outbox: Mapping[str, int] = field(default_factory=dict)  #: by state
    oldest_waiting: datetime | None = None  #: of the messages that are to be sent
    queue: Mapping[tuple[str, str], int] = field(default_factory=dict)  #: by monitor, state
    effects: tuple[Effect, ...] = ()
    effects_left_out: int = 0


def figures(database: Database, *, most_columns: int) -> Figures:
    """Read them in one transaction.

    Parameters
    ----------
    most_columns : int
        Effects of so many columns at most, drifted ones first; the others are counted.
    """
    with database.reading() as session:
        newest = _newest(session)
        effects = _effects(session, newest)
        totals = session.execute(
            sa.select(RunRow.monitor, sa.func.count(), sa.func.sum(RunRow.seconds)).group_by(
                RunRow.monitor
            )
        ).all()
        waiting = sa.select(sa.func.min(OutboxItemRow.created_at)).where(
            OutboxItemRow.state == "pending"
        )
        by_state = sa.select(OutboxItemRow.state, sa.func.count()).group_by(OutboxItemRow.state)
        opened = session.execute(
            sa.select(AlarmRow.monitor, AlarmRow.key).where(AlarmRow.state == "open")
        ).all()
        return Figures(
            now=database.now(session),
            runs={monitor: count for monitor, count, _ in totals},
            seconds={monitor: float(seconds or 0) for monitor, _, seconds in totals},
            newest=newest,
            windows=_counted(session, WindowRow.monitor, WindowRow.state),
            alarms=_by_monitor([monitor for monitor, _ in opened]),
            open_columns=frozenset(
                (monitor, key.partition(":")[2])
                for monitor, key in opened
                if key.startswith("column:")
            ),
            outbox={row[0]: row[1] for row in session.execute(by_state)},
            oldest_waiting=session.scalar(waiting),
            queue=_counted(session, QueueItemRow.monitor, QueueItemRow.state),
            effects=tuple(effects[:most_columns]),
            effects_left_out=max(0, len(effects) - most_columns),
        )


def _newest(session: Session) -> dict[str, NewestRun]:
    last = (
        sa.select(RunRow.monitor, sa.func.max(RunRow.window_start).label("start"))
        .where(RunRow.latest, RunRow.regular)
        .group_by(RunRow.monitor)
        .subquery()
    )
    query = sa.select(
        RunRow.monitor,
        RunRow.id,
        RunRow.window_end,
        RunRow.finished_at,
        RunRow.seconds,
        RunRow.rows,
    ).join(last, sa.and_(RunRow.monitor == last.c.monitor, RunRow.window_start == last.c.start))
    return {
        monitor: NewestRun(
            id=number, window_end=end, finished_at=finished, seconds=seconds, rows=rows
        )
        for monitor, number, end, finished, seconds, rows in session.execute(
            query.where(RunRow.latest, RunRow.regular)
        )
    }


def _effects(session: Session, newest: Mapping[str, NewestRun]) -> list[Effect]:
    """The deciding finding of each column; the first that stands there is it."""
    runs = [run.id for run in newest.values()]
    found: dict[tuple[str, str], Effect] = {}
    for start in range(0, len(runs), CHUNK):
        query = (
            sa.select(FindingRow.monitor, FindingRow.column, FindingRow.effect, FindingRow.drifted)
            .where(
                FindingRow.run_id.in_(runs[start : start + CHUNK]),
                FindingRow.check_name.like("drift.%"),
                FindingRow.column.is_not(None),
                FindingRow.segment.is_(None),
                FindingRow.threshold.is_not(None),
            )
            .order_by(FindingRow.id)
        )
        for monitor, column, effect, drifted in session.execute(query):
            name = column or ""
            one = Effect(monitor=monitor, column=name, effect=effect, drifted=drifted)
            found.setdefault((monitor, name), one)
    return sorted(found.values(), key=lambda one: (not one.drifted, one.monitor, one.column))


def _counted(
    session: Session, first: InstrumentedAttribute[str], second: InstrumentedAttribute[str]
) -> dict[tuple[str, str], int]:
    query = sa.select(first, second, sa.func.count()).group_by(first, second)
    return {(one, two): count for one, two, count in session.execute(query)}


def _by_monitor(names: list[str]) -> dict[str, int]:
    return {name: names.count(name) for name in set(names)}
