"""The tables. Every change here needs a migration in `alembic/versions`; a test compares both.

Large columns come last in a table, so that SQLite reads past none of them for a short answer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from monitor.store.types import Json, SafeText, UtcDateTime

BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Digest = sa.String(32)
Word = sa.String(32)


class Base(DeclarativeBase):
    """All tables of the store."""

    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        datetime: UtcDateTime(),
        str: SafeText(),
        bytes: sa.LargeBinary(),
        dict[str, Any]: Json(),
    }


def _monitor() -> Mapped[str]:
    return mapped_column(sa.ForeignKey("monitors.name"))


class MonitorRow(Base):
    """One monitor; locked by whoever takes a window or a version number of it."""

    __tablename__ = "monitors"
    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class ReferenceRow(Base):
    """One version of a monitor's reference; never changed once written."""

    __tablename__ = "reference_versions"
    __table_args__ = (sa.UniqueConstraint("monitor", "version"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = _monitor()
    version: Mapped[int]
    fingerprint: Mapped[str]
    windows: Mapped[int]
    rows: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime]
    meta: Mapped[dict[str, Any]]
    provenance: Mapped[dict[str, Any]]
    plan: Mapped[bytes]
    evidence: Mapped[bytes]
    profile: Mapped[bytes]
    sample: Mapped[bytes | None]
    labelled: Mapped[bytes | None]


class ActivationRow(Base):
    """When which version became the active one: the newest that was not rolled back is it."""

    __tablename__ = "reference_activations"
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["monitor", "version"], ["reference_versions.monitor", "reference_versions.version"]
        ),
        sa.Index(None, "monitor", "id"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str]
    version: Mapped[int]
    at: Mapped[datetime]
    rolled_back_at: Mapped[datetime | None]


class WindowRow(Base):
    """The ledger: one row for each window of a monitor, done or not."""

    __tablename__ = "windows"
    __table_args__ = (
        sa.UniqueConstraint("monitor", "window_start", "window_end"),
        sa.Index(None, "state", "window_start", "window_end", "monitor"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = _monitor()
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    regular: Mapped[bool]
    state: Mapped[str] = mapped_column(Word)
    token: Mapped[str | None] = mapped_column(Word)
    worker: Mapped[str]
    lease_until: Mapped[datetime | None]
    retry_at: Mapped[datetime | None]
    attempts: Mapped[int]
    last_error: Mapped[str]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    reason: Mapped[str | None]  #: why it is run again: rows that came late


class RunRow(Base):
    """One run of one window; a second run of it is a new revision, and only one is `latest`."""

    __tablename__ = "runs"
    __table_args__ = (
        sa.UniqueConstraint("window_id", "revision"),
        sa.Index(None, "monitor", "latest", "window_start"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    window_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("windows.id"))
    monitor: Mapped[str] = _monitor()
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    regular: Mapped[bool]
    revision: Mapped[int]
    latest: Mapped[bool]
    reference_version: Mapped[int | None]
    model_version: Mapped[str | None]
    worker: Mapped[str]
    rows: Mapped[int] = mapped_column(sa.BigInteger)
    findings: Mapped[int]
    drifted: Mapped[int]
    alarms_opened: Mapped[int]
    alarms_open: Mapped[int]
    queued: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime]
    seconds: Mapped[float] = mapped_column(sa.Double)
    report: Mapped[str | None]
    evidence_state: Mapped[dict[str, Any] | None]
    observation: Mapped[bytes | None]
    changes: Mapped[dict[str, Any] | None]  #: what differs from the revision before
    provenance: Mapped[dict[str, Any] | None]  #: which version of its source was read
    document: Mapped[dict[str, Any]]
    profile: Mapped[bytes | None]
    sample: Mapped[bytes | None]


class FindingRow(Base):
    """A finding of a latest run; those of older revisions stand in their documents only."""

    __tablename__ = "findings"
    __table_args__ = (
        sa.Index(None, "monitor", "window_start"),
        sa.Index(None, "monitor", "column_digest", "window_start"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("runs.id"), index=True)
    monitor: Mapped[str] = _monitor()
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    check_name: Mapped[str]
    column: Mapped[str | None] = mapped_column("column_name")
    column_digest: Mapped[str | None] = mapped_column(Digest)
    segment: Mapped[str | None]
    statistic: Mapped[str]
    value: Mapped[float | None] = mapped_column(sa.Double)
    interval_low: Mapped[float | None] = mapped_column(sa.Double)
    interval_high: Mapped[float | None] = mapped_column(sa.Double)
    p_value: Mapped[float | None] = mapped_column(sa.Double)
    effect: Mapped[float | None] = mapped_column(sa.Double)
    threshold: Mapped[float | None] = mapped_column(sa.Double)
    n_reference: Mapped[int | None] = mapped_column(sa.BigInteger)
    n_current: Mapped[int | None] = mapped_column(sa.BigInteger)
    severity: Mapped[str] = mapped_column(Word)
    drifted: Mapped[bool]
    message: Mapped[str]


class AlarmRow(Base):
    """One alarm from its opening to its closing, folded out of the events."""

    __tablename__ = "alarms"
    __table_args__ = (
        sa.UniqueConstraint("monitor", "key_digest", "opened_start"),
        sa.Index(None, "monitor", "state"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = _monitor()
    key: Mapped[str]
    key_digest: Mapped[str] = mapped_column(Digest)
    state: Mapped[str] = mapped_column(Word)
    title: Mapped[str]
    opened_start: Mapped[datetime]
    opened_end: Mapped[datetime]
    last_start: Mapped[datetime]
    last_end: Mapped[datetime]
    closed_start: Mapped[datetime | None]
    closed_end: Mapped[datetime | None]
    once_in_years: Mapped[float | None] = mapped_column(sa.Double)


class AlarmEventRow(Base):
    """What a latest run said about an alarm."""

    __tablename__ = "alarm_events"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "key_digest"),
        sa.Index(None, "monitor", "key_digest", "window_start"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    run_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("runs.id"))
    monitor: Mapped[str] = _monitor()
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    key: Mapped[str]
    key_digest: Mapped[str] = mapped_column(Digest)
    state: Mapped[str] = mapped_column(Word)
    title: Mapped[str]
    once_in_years: Mapped[float | None] = mapped_column(sa.Double)


class QueueItemRow(Base):
    """One row of the relabel queue; a monitor's row is in it once, for ever."""

    __tablename__ = "queue_rows"
    __table_args__ = (
        sa.UniqueConstraint("monitor", "row_digest"),
        sa.Index(None, "monitor", "state", "window_start", "push_order", "id"),
        sa.Index(None, "monitor", "window_start", "push_order", "id"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = _monitor()
    run_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("runs.id"), index=True)
    row_id: Mapped[str]
    row_digest: Mapped[str] = mapped_column(Digest)
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    state: Mapped[str] = mapped_column(Word)
    reason: Mapped[str] = mapped_column(Word)
    reason_text: Mapped[str]
    score: Mapped[float] = mapped_column(sa.Double)
    inclusion_probability: Mapped[float | None] = mapped_column(sa.Double)
    weight: Mapped[float] = mapped_column(sa.Double)
    copies: Mapped[int | None]
    push_order: Mapped[int]
    prediction: Mapped[Any] = mapped_column(Json, nullable=True)
    prediction_score: Mapped[float | None] = mapped_column(sa.Double)
    model_version: Mapped[str | None]
    note: Mapped[str]
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    data: Mapped[dict[str, Any]]
    image: Mapped[bytes | None]


class QueueDrawRow(Base):
    """What is known of all rows that the queue of one window was drawn from."""

    __tablename__ = "queue_draws"
    __table_args__ = (sa.UniqueConstraint("monitor", "window_start", "window_end"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = _monitor()
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    candidates: Mapped[int]
    population: Mapped[int] = mapped_column(sa.BigInteger)
    size_mean: Mapped[float | None] = mapped_column(sa.Double)
    expected_mean: Mapped[float | None] = mapped_column(sa.Double)


class QueueEventRow(Base):
    """One change of state of one row of the queue."""

    __tablename__ = "queue_events"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    queue_row_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("queue_rows.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime]
    from_state: Mapped[str | None] = mapped_column(Word)
    to_state: Mapped[str] = mapped_column(Word)
    by: Mapped[str]


class OutboxItemRow(Base):
    """One message for one channel, to be sent at least once and written down once."""

    __tablename__ = "outbox"
    __table_args__ = (
        sa.UniqueConstraint("channel", "message_id"),
        sa.Index(None, "state", "retry_at"),
        sa.Index(None, "channel", "order_digest", "id"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = _monitor()
    run_id: Mapped[int | None] = mapped_column(BigId, sa.ForeignKey("runs.id"), index=True)
    channel: Mapped[str] = mapped_column(sa.String(200))
    message_id: Mapped[str] = mapped_column(sa.String(500))
    subject: Mapped[str]
    order_key: Mapped[str]
    order_digest: Mapped[str | None] = mapped_column(Digest)
    state: Mapped[str] = mapped_column(Word)
    token: Mapped[str | None] = mapped_column(Word)
    worker: Mapped[str]
    lease_until: Mapped[datetime | None]
    retry_at: Mapped[datetime]
    attempts: Mapped[int]
    last_error: Mapped[str]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    payload: Mapped[dict[str, Any]]
