"""What was found, window by window. All answers are about the newest revision of each window."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, load_only

from monitor.core.window import Window
from monitor.store.engine import CHUNK, Database
from monitor.store.models import FindingRow, RunRow, WindowRow
from monitor.store.records import FindingPoint, RunSummary, StoredObservation, StoredRun
from monitor.store.types import digest

_SAME = (
    "id",
    "monitor",
    "regular",
    "revision",
    "reference_version",
    "rows",
    "findings",
    "drifted",
    "alarms_opened",
    "alarms_open",
    "queued",
    "started_at",
    "finished_at",
    "seconds",
    "report",
    "changes",
)
_WHOLE = ("document", "profile", "observation", "sample", "evidence_state", "provenance")


class Runs:
    """Reads runs; they are written by `Store.commit` alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, monitor: str, window: Window) -> StoredRun | None:
        """The run of that window, whole; None when it was not run."""
        with self._database.reading() as session:
            return _whole(session, _latest(monitor).where(*_is(window)))

    def newest(self, monitor: str) -> StoredRun | None:
        """The run of the newest window, whole."""
        with self._database.reading() as session:
            return _whole(session, _latest(monitor).order_by(*_NEWEST_FIRST).limit(1))

    def summaries(
        self, monitor: str, *, limit: int = 100, before: datetime | None = None
    ) -> list[RunSummary]:
        """Runs of windows that start before `before`, newest first."""
        query = _latest(monitor).order_by(*_NEWEST_FIRST).limit(limit)
        if before is not None:
            query = query.where(RunRow.window_start < before)
        columns = [getattr(RunRow, name) for name in (*_SAME, "window_start", "window_end")]
        with self._database.reading() as session:
            rows = session.scalars(query.options(load_only(*columns, raiseload=True)))
            return [RunSummary(**_summary(row)) for row in rows]

    def undrawn(self, *, since: datetime, limit: int = 200) -> list[RunSummary]:
        """Runs that finished since then whose report was not drawn, the newest first."""
        query = (
            sa.select(RunRow)
            .where(RunRow.latest, RunRow.report.is_(None), RunRow.finished_at >= since)
            .order_by(RunRow.id.desc())
            .limit(limit)
        )
        columns = [getattr(RunRow, name) for name in (*_SAME, "window_start", "window_end")]
        with self._database.reading() as session:
            rows = session.scalars(query.options(load_only(*columns, raiseload=True)))
            return [RunSummary(**_summary(row)) for row in rows]

    def set_report(self, run_id: int, path: str) -> None:
        """Note where the report of that run was drawn."""
        with self._database.writing() as session:
            session.execute(sa.update(RunRow).where(RunRow.id == run_id).values(report=path))

    def observations(
        self, monitor: str, *, reference_version: int, before: Window, limit: int
    ) -> list[StoredObservation]:
        """The last `limit` observations of regular windows that ended by `before.start`.

        Oldest first, of runs against that version of the reference only.
        """
        query = (
            sa.select(RunRow.window_start, RunRow.window_end, RunRow.observation)
            .where(
                *_before(monitor, before),
                RunRow.reference_version == reference_version,
                RunRow.observation.is_not(None),
            )
            .order_by(*_NEWEST_FIRST)
            .limit(limit)
        )
        with self._database.reading() as session:
            rows = session.execute(query).all()[::-1]
            if not rows:
                return []
            first = _position(session, monitor, rows[0][0])
            starts = _regular_starts(session, monitor, rows[0][0], rows[-1][0])
        return [
            StoredObservation(
                window=Window(start, end),
                position=first + bisect_left(starts, start),
                observation=content or b"",
            )
            for start, end, content in rows
        ]

    def profiles_of_model(
        self,
        monitor: str,
        model_version: str,
        *,
        reference_version: int,
        before: Window,
        limit: int,
        after: Window | None = None,
    ) -> list[tuple[Window, bytes]]:
        """Profiles of regular windows since a model version took over, oldest first.

        From the last window on that another version made; the first `limit`, or with `after` the
        last `limit` of those that come after that window.
        """
        earlier = (*_before(monitor, before), RunRow.reference_version == reference_version)
        other = sa.select(sa.func.max(RunRow.window_start)).where(
            *earlier, RunRow.model_version != model_version
        )
        query = sa.select(RunRow.window_start, RunRow.window_end, RunRow.profile).where(
            *earlier, RunRow.model_version == model_version, RunRow.profile.is_not(None)
        )
        if after is None:
            query = query.order_by(RunRow.window_start)
        else:
            query = query.where(RunRow.window_start > after.start).order_by(*_NEWEST_FIRST)
        with self._database.reading() as session:
            since = session.scalar(other)
            if since is not None:
                query = query.where(RunRow.window_start > since)
            rows = session.execute(query.limit(limit)).all()
        return sorted((Window(start, end), content or b"") for start, end, content in rows)

    def position(self, monitor: str, window: Window) -> int:
        """How many regular windows of the monitor start before that one (see observations)."""
        with self._database.reading() as session:
            return _position(session, monitor, window.start)

    def evidence_state(
        self, monitor: str, *, before: Window, reference_version: int | None = None
    ) -> dict[str, Any] | None:
        """The state after the last regular window that ended by `before.start`.

        So a window that is run again starts from its own past, not from the future. With
        `reference_version` only runs against that one count. None: there is none yet.
        """
        query = (
            sa.select(RunRow.evidence_state)
            .where(*_before(monitor, before), RunRow.evidence_state.is_not(None))
            .order_by(*_NEWEST_FIRST)
            .limit(1)
        )
        if reference_version is not None:
            query = query.where(RunRow.reference_version == reference_version)
        with self._database.reading() as session:
            return session.scalars(query).first()

    def findings(
        self,
        monitor: str,
        *,
        windows: int = 52,
        until: Window | None = None,
        columns: Iterable[str] | None = None,
        statistics: Iterable[str] | None = None,
        drifted: bool = False,
        segments: bool = True,
    ) -> list[FindingPoint]:
        """Findings of the last `windows` regular windows, oldest first, `until` included.

        `columns` and `statistics` keep those named alone; without `columns` the findings
        about the whole data set (column None) are among them. `drifted`: only those with that
        verdict. Without `segments` only those about all rows.
        """
        with self._database.reading() as session:
            runs = _last_runs(session, monitor, windows, until)
            query = sa.select(FindingRow)
            if columns is not None:
                query = query.where(FindingRow.column_digest.in_([digest(c) for c in columns]))
            if statistics is not None:
                query = query.where(FindingRow.statistic.in_(list(statistics)))
            if drifted:
                query = query.where(FindingRow.drifted)
            if not segments:
                query = query.where(FindingRow.segment.is_(None))
            rows: list[FindingRow] = []
            for start in range(0, len(runs), CHUNK):
                part = runs[start : start + CHUNK]
                rows += session.scalars(query.where(FindingRow.run_id.in_(part)))
        rows.sort(key=lambda row: (row.window_start, row.window_end, row.id))
        return [_point(row) for row in rows]


_NEWEST_FIRST = (RunRow.window_start.desc(), RunRow.window_end.desc())


def _latest(monitor: str) -> sa.Select[RunRow]:
    return sa.select(RunRow).where(RunRow.monitor == monitor, RunRow.latest)


def _is(window: Window) -> tuple[sa.ColumnElement[bool], ...]:
    return (RunRow.window_start == window.start, RunRow.window_end == window.end)


def _before(monitor: str, window: Window) -> tuple[sa.ColumnExpressionArgument[bool], ...]:
    return (
        RunRow.monitor == monitor,
        RunRow.latest,
        RunRow.regular,
        RunRow.window_start < window.start,
        RunRow.window_end <= window.start,
    )


def _position(session: Session, monitor: str, start: datetime) -> int:
    query = sa.select(sa.func.count()).where(
        WindowRow.monitor == monitor, WindowRow.regular, WindowRow.window_start < start
    )
    return session.scalar(query) or 0


def _regular_starts(
    session: Session, monitor: str, first: datetime, last: datetime
) -> list[datetime]:
    query = (
        sa.select(WindowRow.window_start)
        .where(
            WindowRow.monitor == monitor,
            WindowRow.regular,
            WindowRow.window_start.between(first, last),
        )
        .order_by(WindowRow.window_start)
    )
    return list(session.scalars(query))


def _last_runs(session: Session, monitor: str, windows: int, until: Window | None) -> list[int]:
    query = (
        sa.select(RunRow.id)
        .where(RunRow.monitor == monitor, RunRow.latest, RunRow.regular)
        .order_by(*_NEWEST_FIRST)
        .limit(windows)
    )
    if until is not None:
        query = query.where(RunRow.window_start <= until.start)
    return list(session.scalars(query))


def _summary(row: RunRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _SAME}
    return {**values, "window": Window(row.window_start, row.window_end)}


def _whole(session: Session, query: sa.Select[RunRow]) -> StoredRun | None:
    row = session.scalars(query).first()
    if row is None:
        return None
    return StoredRun(**_summary(row), **{name: getattr(row, name) for name in _WHOLE})


def _point(row: FindingRow) -> FindingPoint:
    return FindingPoint(
        window=Window(row.window_start, row.window_end),
        check=row.check_name,
        column=row.column,
        segment=row.segment,
        statistic=row.statistic,
        value=row.value,
        effect=row.effect,
        p_value=row.p_value,
        threshold=row.threshold,
        severity=row.severity,
        drifted=row.drifted,
        interval=None
        if row.interval_low is None or row.interval_high is None
        else (row.interval_low, row.interval_high),
        n=row.n_current,
    )
