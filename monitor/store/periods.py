"""What old runs leave behind, thinned: profiles merged into days and weeks, samples let go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from monitor.core.window import Window
from monitor.store.engine import CHUNK, Database
from monitor.store.models import RunRow
from monitor.store.service_models import PeriodProfileRow

Scale = Literal["day", "week"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A profile that is to become part of a longer one."""

    id: int
    window: Window
    reference_version: int
    windows: int
    rows: int
    profile: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The merged profile of all windows that began in one day or week."""

    window: Window
    reference_version: int
    windows: int  #: how many were merged
    rows: int
    profile: bytes = field(repr=False)


class Periods:
    """Merged profiles by monitor and scale."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, monitor: str, scale: Scale) -> list[Period]:
        """All of one scale, oldest first."""
        query = (
            sa.select(PeriodProfileRow)
            .where(PeriodProfileRow.monitor == monitor, PeriodProfileRow.scale == scale)
            .order_by(PeriodProfileRow.window_start, PeriodProfileRow.reference_version)
        )
        with self._database.reading() as session:
            return [
                Period(
                    window=Window(row.window_start, row.window_end),
                    reference_version=row.reference_version,
                    windows=row.windows,
                    rows=row.rows,
                    profile=row.profile,
                )
                for row in session.scalars(query)
            ]

    def short_runs(self, monitor: str, *, before: datetime, limit: int) -> list[Part]:
        """Profiles of the oldest runs that ended before then, oldest first."""
        query = (
            sa.select(RunRow)
            .where(
                RunRow.monitor == monitor,
                RunRow.latest,
                RunRow.regular,
                RunRow.window_end <= before,
                RunRow.profile.is_not(None),
                RunRow.reference_version.is_not(None),
            )
            .order_by(RunRow.window_start)
            .limit(limit)
        )
        with self._database.reading() as session:
            return [
                Part(
                    id=row.id,
                    window=Window(row.window_start, row.window_end),
                    reference_version=row.reference_version or 0,
                    windows=1,
                    rows=row.rows,
                    profile=row.profile or b"",
                )
                for row in session.scalars(query)
            ]

    def days(self, monitor: str, *, before: datetime, limit: int) -> list[Part]:
        """Merged days that ended before then, oldest first."""
        query = (
            sa.select(PeriodProfileRow)
            .where(
                PeriodProfileRow.monitor == monitor,
                PeriodProfileRow.scale == "day",
                PeriodProfileRow.window_end <= before,
            )
            .order_by(PeriodProfileRow.window_start)
            .limit(limit)
        )
        with self._database.reading() as session:
            return [
                Part(
                    id=row.id,
                    window=Window(row.window_start, row.window_end),
                    reference_version=row.reference_version,
                    windows=row.windows,
                    rows=row.rows,
                    profile=row.profile,
                )
                for row in session.scalars(query)
            ]

    def replace(
        self, monitor: str, scale: Scale, period: Period, parts: Sequence[Part], known: int
    ) -> bool:
        """Store a merged profile and let its parts go, whole or not at all.

        `known`: how many windows the stored period had when it was read; False when another
        process has changed it since, and nothing was done.
        """
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            row = session.scalars(
                sa.select(PeriodProfileRow).where(
                    PeriodProfileRow.monitor == monitor,
                    PeriodProfileRow.scale == scale,
                    PeriodProfileRow.window_start == period.window.start,
                    PeriodProfileRow.reference_version == period.reference_version,
                )
            ).first()
            if (row.windows if row is not None else 0) != known:
                return False
            if row is None:
                row = PeriodProfileRow(monitor=monitor, scale=scale)
                row.window_start, row.window_end = period.window.start, period.window.end
                row.reference_version = period.reference_version
                session.add(row)
            row.windows, row.rows, row.profile = period.windows, period.rows, period.profile
            ids = [part.id for part in parts]
            for start in range(0, len(ids), CHUNK):
                some = ids[start : start + CHUNK]
                if scale == "day":
                    gone = sa.update(RunRow).where(RunRow.id.in_(some)).values(profile=None)
                    session.execute(gone)
                else:
                    session.execute(
                        sa.delete(PeriodProfileRow).where(PeriodProfileRow.id.in_(some))
                    )
        return True

    def drop_samples(self, *, before: datetime, limit: int = CHUNK) -> int:
        """Let go of the samples of runs that ended before then; how many."""
        old = (
            sa.select(RunRow.id)
            .where(RunRow.window_end <= before, RunRow.sample.is_not(None))
            .order_by(RunRow.id)
            .limit(limit)
        )
        with self._database.writing() as session:
            ids = session.scalars(old).all()
            if ids:
                session.execute(sa.update(RunRow).where(RunRow.id.in_(ids)).values(sample=None))
            return len(ids)

    def drop_old_revisions(self, *, before: datetime, limit: int = CHUNK) -> int:
        """Let go of profile and sample of revisions that were superseded; how many."""
        old = (
            sa.select(RunRow.id)
            .where(
                ~RunRow.latest,
                RunRow.window_end <= before,
                sa.or_(RunRow.sample.is_not(None), RunRow.profile.is_not(None)),
            )
            .limit(limit)
        )
        with self._database.writing() as session:
            ids = session.scalars(old).all()
            if ids:
                gone = sa.update(RunRow).where(RunRow.id.in_(ids))
                session.execute(gone.values(sample=None, profile=None))
            return len(ids)
