"""Which windows there are, which are done, and who runs which one now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from monitor.core.errors import LeaseLostError
from monitor.core.window import Window
from monitor.store.claiming import next_due, park_if_spent, take, update_of_held
from monitor.store.engine import CHUNK, Database, checked_name
from monitor.store.models import MonitorRow, RunRow, WindowRow
from monitor.store.records import Lease, LedgerEntry

_LAST_ERROR = 4000  #: characters of an error that are kept


class Ledger:
    """One row for each (monitor, start, end). At most one live lease for each monitor.

    So the windows of a monitor run one after the other, oldest first, however many workers
    there are; a lease that ran out is taken over by whoever asks next.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure_windows(
        self, monitor: str, windows: Iterable[Window], *, regular: bool = True
    ) -> int:
        """Make those windows known, pending; how many are new. Known ones stay as they are.

        `regular=False`: a window that a person asked for, off the monitor's grid. One that is
        asked for as regular later becomes so.
        """
        asked = list(windows)
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            now = self._database.now(session)
            rows = [_new(monitor, window, regular=regular, now=now) for window in asked]
            new = len(self._database.insert_new(session, WindowRow, rows, WindowRow.id))
            if regular and new < len(asked):
                _make_regular(session, monitor, asked)
            return new

    def announce(self, wanted: Mapping[str, Sequence[Window]]) -> dict[str, int]:
        """Make regular windows of several monitors known, in one transaction; how many are new."""
        with self._database.writing() as session:
            now = self._database.now(session)
            names = [{"name": checked_name(name), "created_at": now} for name in sorted(wanted)]
            self._database.insert_new(session, MonitorRow, names, MonitorRow.name)
            rows = [
                _new(name, window, regular=True, now=now)
                for name in sorted(wanted)
                for window in wanted[name]
            ]
            new = Counter(self._database.insert_new(session, WindowRow, rows, WindowRow.monitor))
            for name in sorted(wanted):
                if new[name] < len(wanted[name]):
                    _make_regular(session, name, list(wanted[name]))
            return {name: new[name] for name in wanted}

    def known(self, monitor: str, *, limit: int) -> list[Window]:
        """The regular windows of a monitor that start last, newest first."""
        with self._database.reading() as session:
            rows = session.connection().execute(_KNOWN, {"monitor": monitor, "limit": limit})
            return [Window(start, end) for start, end in rows]

    def due(self, monitor: str | None = None, *, limit: int = 100) -> list[LedgerEntry]:
        """Windows that can be claimed now, oldest first."""
        with self._database.reading() as session:
            query = sa.select(WindowRow).where(_claimable(self._database.now(session)))
            if monitor is not None:
                query = query.where(WindowRow.monitor == monitor)
            rows = session.scalars(query.order_by(*_OLDEST_FIRST).limit(limit))
            return [_entry(row) for row in rows]

    def entries(
        self, monitor: str, *, limit: int = 100, before: datetime | None = None
    ) -> list[LedgerEntry]:
        """Windows of a monitor that start before `before`, newest first."""
        with self._database.reading() as session:
            query = sa.select(WindowRow).where(WindowRow.monitor == monitor)
            if before is not None:
                query = query.where(WindowRow.window_start < before)
            newest = (WindowRow.window_start.desc(), WindowRow.window_end.desc())
            return [_entry(row) for row in session.scalars(query.order_by(*newest).limit(limit))]

    def entry(self, monitor: str, window: Window) -> LedgerEntry | None:
        """What the ledger knows about one window."""
        with self._database.reading() as session:
            row = _find(session, monitor, window)
            return None if row is None else _entry(row)

    def newest(self, monitor: str) -> Window | None:
        """The regular window that starts last, whatever its state."""
        with self._database.reading() as session:
            row = session.scalars(
                sa.select(WindowRow)
                .where(WindowRow.monitor == monitor, WindowRow.regular)
                .order_by(WindowRow.window_start.desc(), WindowRow.window_end.desc())
                .limit(1)
            ).first()
            return None if row is None else Window(row.window_start, row.window_end)

    def newest_of(self, monitors: Iterable[str]) -> dict[str, Window]:
        """The regular window that starts last, of each of those monitors that has one."""
        last = sa.func.max(WindowRow.window_start).label("last")
        newest = (
            sa.select(WindowRow.monitor, last)
            .where(WindowRow.regular)
            .group_by(WindowRow.monitor)
            .subquery()
        )
        query = (
            sa.select(WindowRow.monitor, WindowRow.window_start, WindowRow.window_end)
            .join(
                newest,
                sa.and_(
                    newest.c.monitor == WindowRow.monitor,
                    newest.c.last == WindowRow.window_start,
                ),
            )
            .where(WindowRow.regular)
            .order_by(WindowRow.window_end)
        )
        wanted = set(monitors)
        with self._database.reading() as session:
            rows = session.execute(query).all()
        return {name: Window(start, end) for name, start, end in rows if name in wanted}

    def monitors(self) -> list[str]:
        """Names of all monitors that ever had a window."""
        with self._database.reading() as session:
            return list(session.scalars(sa.select(MonitorRow.name)))

    def undone(self, *, before: datetime, limit: int = 1000) -> list[LedgerEntry]:
        """Regular windows that ended before then and are not done, oldest first."""
        query = (
            sa.select(WindowRow)
            .where(
                WindowRow.state.in_(("pending", "running", "failed")),
                WindowRow.window_end <= before,
                WindowRow.regular,
            )
            .order_by(*_OLDEST_FIRST)
            .limit(limit)
        )
        with self._database.reading() as session:
            return [_entry(row) for row in session.scalars(query)]

    def first_undone(self, monitors: Iterable[str]) -> dict[str, datetime]:
        """Where the oldest window begins that is not done, of each monitor that has one."""
        query = sa.select(WindowRow.monitor, sa.func.min(WindowRow.window_start)).where(
            WindowRow.state.in_(("pending", "running", "failed"))
        )
        wanted = set(monitors)
        with self._database.reading() as session:
            rows = session.execute(query.group_by(WindowRow.monitor)).all()
        return {name: start for name, start in rows if name in wanted}

    def reopen(self, monitor: str, window: Window, *, reason: str) -> bool:
        """Have a window that is done run again; False when it is not done (any more)."""
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            row = _find(session, monitor, window)
            if row is None or row.state != "done":
                return False
            row.state, row.reason, row.attempts = "pending", reason, 0
            return True

    def retry(self, monitor: str, window: Window) -> bool:
        """Have a window that failed tried again now; False when it has not failed."""
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            row = _find(session, monitor, window)
            if row is None or row.state != "failed":
                return False
            row.state, row.retry_at, row.attempts = "pending", None, 0
            return True

    def claim(
        self,
        monitor: str,
        window: Window,
        *,
        worker: str,
        lease_seconds: float = 300,
        again: bool = False,
    ) -> Lease | None:
        """The lease of a known window; None when it cannot be had now.

        It can be had when it is pending, failed with a retry that is due, or left by a worker
        whose lease ran out, and no other window of the monitor runs. `again`: when it is done
        or failed for good too.
        """
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            now = self._database.now(session)
            row = _find(session, monitor, window)
            if row is None or _runs(session, monitor, now):
                return None
            if not (again or _is_claimable(row, now)):
                return None
            return take(session.connection(), row, worker=worker, now=now, seconds=lease_seconds)

    def claim_next(
        self,
        monitors: Iterable[str] | None = None,
        *,
        worker: str,
        lease_seconds: float = 300,
        max_attempts: int = 5,
        exclude: Iterable[str] = (),
    ) -> Lease | None:
        """The lease of the oldest window that is due, over those monitors (None: all).

        `exclude`: but not over these; with very many monitors that is the shorter list.

        One whose last `max_attempts` workers vanished while they ran it is put aside as failed,
        so that a window that kills its worker does not kill one after the other, for ever. A
        lease that a power cut takes back is one that nobody has: no disk is waited for.
        """
        one = self._database.engine.dialect.name == "sqlite"  #: writer at a time
        left_out = list(exclude)
        only = None if monitors is None else list(monitors)
        with self._database.writing_lightly() as session:
            connection, now = session.connection(), self._database.now(session)
            while True:
                given = {"now": now, "only": only or [], "left_out": left_out}
                query = next_due(some=only is not None, without=bool(left_out))
                row = connection.execute(query, given).first()
                if row is None:
                    return None
                name = row.monitor
                if not one:
                    # The first look may be older than another worker's claim, and may have passed
                    # over an older window that was locked. Now that the monitor's row is held, a
                    # second look can do neither.
                    query = next_due(some=True, without=False)
                    row = connection.execute(query, {**given, "only": [name]}).first()
                if row is None:
                    left_out = [*left_out, name]
                elif not park_if_spent(connection, row, max_attempts):
                    return take(connection, row, worker=worker, now=now, seconds=lease_seconds)

    def heartbeat(self, lease: Lease, *, lease_seconds: float = 300) -> Lease:
        """The lease, longer. Raises `LeaseLostError` when it is another worker's."""
        with self._database.writing() as session:
            until = self._database.now(session) + timedelta(seconds=lease_seconds)
            update_held(session, lease, lease_until=until)
            return replace(lease, until=until)

    def fail(self, lease: Lease, error: str, *, retry_in: float | None) -> None:
        """Give it back as failed, due again in `retry_in` seconds (None: only when asked for).

        A window that an earlier run had done, and that is not tried again, stays done.
        """
        with self._database.writing() as session:
            now = self._database.now(session)
            retry_at = None if retry_in is None else now + timedelta(seconds=retry_in)
            stays = retry_in is None and _was_done(session, lease)
            update_held(
                session,
                lease,
                state="done" if stays else "failed",
                token=None,
                lease_until=None,
                retry_at=retry_at,
                last_error=error[:_LAST_ERROR],
                finished_at=now,
            )

    def release(self, lease: Lease) -> None:
        """Give it back as it was: pending (or done before), and the attempt does not count."""
        with self._database.writing() as session:
            update_held(
                session,
                lease,
                state="done"
                if _was_done(session, lease) and not reason_of(session, lease)
                else "pending",
                token=None,
                lease_until=None,
                attempts=lease.attempt - 1,
            )


_KNOWN = (
    sa.select(WindowRow.window_start, WindowRow.window_end)
    .where(WindowRow.monitor == sa.bindparam("monitor"), WindowRow.regular)
    .order_by(WindowRow.window_start.desc(), WindowRow.window_end.desc())
    .limit(sa.bindparam("limit", type_=sa.Integer))
)


def update_held(session: Session, lease: Lease, **values: object) -> None:
    """Change the window's row, if the lease still holds it; else raise `LeaseLostError`."""
    held = {"held_id": lease.window_id, "held_token": lease.token}
    statement = update_of_held(tuple(sorted(values)))
    if session.connection().execute(statement, {**held, **values}).rowcount != 1:
        msg = (
            f"Another worker runs {lease.monitor!r} {lease.window} now (the lease of "
            f"{lease.worker!r} ran out): nothing of this run was stored."
        )
        raise LeaseLostError(msg)


_OLDEST_FIRST = (WindowRow.window_start, WindowRow.window_end, WindowRow.monitor)


def _claimable(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(
        WindowRow.state == "pending",
        sa.and_(WindowRow.state == "failed", WindowRow.retry_at <= now),
        sa.and_(WindowRow.state == "running", WindowRow.lease_until <= now),
    )


def _is_claimable(row: WindowRow, now: datetime) -> bool:
    if row.state == "running":
        return row.lease_until is None or row.lease_until <= now
    return row.state == "pending" or (
        row.state == "failed" and row.retry_at is not None and row.retry_at <= now
    )


def _runs(session: Session, monitor: str, now: datetime) -> bool:
    query = sa.select(WindowRow.id).where(
        WindowRow.monitor == monitor, WindowRow.state == "running", WindowRow.lease_until > now
    )
    return session.scalars(query.limit(1)).first() is not None


def _was_done(session: Session, lease: Lease) -> bool:
    query = sa.select(RunRow.id).where(RunRow.window_id == lease.window_id).limit(1)
    return session.scalars(query).first() is not None


def reason_of(session: Session, lease: Lease) -> str | None:
    """Why the window is run again; None when it is run for the first time, or by hand."""
    query = sa.select(WindowRow.reason).where(WindowRow.id == lease.window_id)
    return session.scalars(query).first()


def _find(session: Session, monitor: str, window: Window) -> WindowRow | None:
    return session.scalars(
        sa.select(WindowRow).where(
            WindowRow.monitor == monitor,
            WindowRow.window_start == window.start,
            WindowRow.window_end == window.end,
        )
    ).first()


def _make_regular(session: Session, monitor: str, windows: list[Window]) -> None:
    key = sa.tuple_(WindowRow.window_start, WindowRow.window_end)
    for start in range(0, len(windows), CHUNK):
        part = [(window.start, window.end) for window in windows[start : start + CHUNK]]
        session.execute(
            sa.update(WindowRow)
            .where(WindowRow.monitor == monitor, ~WindowRow.regular, key.in_(part))
            .values(regular=True)
        )


def _new(monitor: str, window: Window, *, regular: bool, now: datetime) -> dict[str, object]:
    of_window = {"monitor": monitor, "window_start": window.start, "window_end": window.end}
    begun = {"state": "pending", "worker": "", "attempts": 0, "last_error": "", "created_at": now}
    return {**of_window, "regular": regular, **begun}


def _entry(row: WindowRow) -> LedgerEntry:
    return LedgerEntry(
        monitor=row.monitor,
        window=Window(row.window_start, row.window_end),
        **{name: getattr(row, name) for name in _SAME},
    )


_SAME = (
    "state", "regular", "attempts", "last_error", "worker", "lease_until", "retry_at",
    "finished_at", "created_at", "reason",
)  # fmt: skip
