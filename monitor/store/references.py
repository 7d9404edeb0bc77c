"""Versions of each monitor's reference, and which one is active."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, load_only

from monitor.core.errors import StoreError
from monitor.store.engine import Database, bounded
from monitor.store.models import ActivationRow, ReferenceRow
from monitor.store.records import NewReference, ReferenceSummary, StoredReference

_SUMMARY = (
    "monitor",
    "version",
    "fingerprint",
    "windows",
    "rows",
    "meta",
    "provenance",
    "created_at",
)
_BLOBS = ("plan", "profile", "evidence", "sample", "labelled")


class References:
    """Versions count from 1 for each monitor and never change; activation is a log of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, monitor: str, reference: NewReference) -> int:
        """Store it and make it the active one; its version.

        The active reference again (same fingerprint) is not stored twice: its version is given.
        """
        for name in _BLOBS:
            bounded(f"{name} of the reference", getattr(reference, name))
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            active = _active_version(session, monitor)
            newest = _newest(session, monitor)
            if active is not None and _fingerprint(session, monitor, active) == (
                reference.fingerprint
            ):
                return active
            version = newest + 1
            values = {name: getattr(reference, name) for name in (*_SUMMARY[2:-1], *_BLOBS)}
            now = self._database.now(session)
            session.add(ReferenceRow(monitor=monitor, version=version, created_at=now, **values))
            session.flush()
            session.add(ActivationRow(monitor=monitor, version=version, at=now))
            return version

    def active(self, monitor: str) -> StoredReference | None:
        """The active version, whole; None before the first one."""
        with self._database.reading() as session:
            version = _active_version(session, monitor)
            if version is None:
                return None
            return _whole(_get(session, monitor, version), active=True)

    def active_version(self, monitor: str) -> int | None:
        """The number of the active version, without its bytes."""
        with self._database.reading() as session:
            return _active_version(session, monitor)

    def get(self, monitor: str, version: int) -> StoredReference:
        """One version, whole. Raises `StoreError` when there is none of that number."""
        with self._database.reading() as session:
            active = _active_version(session, monitor) == version
            return _whole(_get(session, monitor, version), active=active)

    def versions(self, monitor: str) -> list[ReferenceSummary]:
        """All versions without their bytes, newest first."""
        with self._database.reading() as session:
            active = _active_version(session, monitor)
            columns = [getattr(ReferenceRow, name) for name in _SUMMARY]
            rows = session.scalars(
                sa.select(ReferenceRow)
                .where(ReferenceRow.monitor == monitor)
                .order_by(ReferenceRow.version.desc())
                .options(load_only(*columns, raiseload=True))
            )
            return [
                ReferenceSummary(active=row.version == active, **_values(row, _SUMMARY))
                for row in rows
            ]

    def promote(self, monitor: str, version: int) -> None:
        """Make that version the active one."""
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            _get(session, monitor, version)
            if _active_version(session, monitor) != version:
                now = self._database.now(session)
                session.add(ActivationRow(monitor=monitor, version=version, at=now))

    def rollback(self, monitor: str) -> int:
        """Go back to the version that was active before; its number.

        Each rollback goes one step further back. Raises `StoreError` at the first version.
        """
        with self._database.writing() as session:
            self._database.lock_monitor(session, monitor)
            steps = session.scalars(_activations(monitor).limit(2)).all()
            if len(steps) < 2:
                msg = (
                    f"Monitor {monitor!r} has no earlier reference to go back to. "
                    "See its versions with `driftloop reference list`."
                )
                raise StoreError(msg)
            steps[0].rolled_back_at = self._database.now(session)
            return steps[1].version


def _activations(monitor: str) -> sa.Select[ActivationRow]:
    return (
        sa.select(ActivationRow)
        .where(ActivationRow.monitor == monitor, ActivationRow.rolled_back_at.is_(None))
        .order_by(ActivationRow.id.desc())
    )


def _active_version(session: Session, monitor: str) -> int | None:
    step = session.scalars(_activations(monitor).limit(1)).first()
    return None if step is None else step.version


def _newest(session: Session, monitor: str) -> int:
    newest = sa.select(sa.func.max(ReferenceRow.version)).where(ReferenceRow.monitor == monitor)
    return session.scalar(newest) or 0


def _fingerprint(session: Session, monitor: str, version: int) -> str | None:
    return session.scalar(
        sa.select(ReferenceRow.fingerprint).where(
            ReferenceRow.monitor == monitor, ReferenceRow.version == version
        )
    )


def _get(session: Session, monitor: str, version: int) -> ReferenceRow:
    row = session.scalars(
        sa.select(ReferenceRow).where(
            ReferenceRow.monitor == monitor, ReferenceRow.version == version
        )
    ).first()
    if row is None:
        msg = (
            f"Monitor {monitor!r} has no reference of version {version}. "
            "See its versions with `driftloop reference list`."
        )
        raise StoreError(msg)
    return row


def _values(row: ReferenceRow, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _whole(row: ReferenceRow, *, active: bool) -> StoredReference:
    return StoredReference(active=active, **_values(row, (*_SUMMARY, *_BLOBS)))
