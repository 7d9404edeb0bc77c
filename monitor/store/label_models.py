"""The tables between the queue and the annotators: specs, projects, pushes and labels."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from monitor.store.models import Base, BigId, Digest, Word
from monitor.store.types import Json


class LabelSpecRow(Base):
    """One version of what the annotators of a monitor are asked; never changed once written."""

    __tablename__ = "label_specs"
    __table_args__ = (
        sa.UniqueConstraint("monitor", "version"),
        sa.UniqueConstraint("monitor", "fingerprint"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = mapped_column(sa.ForeignKey("monitors.name"))
    version: Mapped[int]
    fingerprint: Mapped[str] = mapped_column(Digest)
    guideline_version: Mapped[str]
    created_at: Mapped[datetime]
    spec: Mapped[dict[str, Any]]


class ToolProjectRow(Base):
    """One project of an annotation tool: what it holds, and how far it was read back."""

    __tablename__ = "tool_projects"
    __table_args__ = (sa.UniqueConstraint("monitor", "tool", "stage", "number"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = mapped_column(sa.ForeignKey("monitors.name"))
    tool: Mapped[str] = mapped_column(Word)
    stage: Mapped[str] = mapped_column(Word)
    number: Mapped[int]
    project: Mapped[str] = mapped_column(sa.String(200))
    spec_version: Mapped[int]
    tasks: Mapped[int]
    cursor: Mapped[str]
    polled_at: Mapped[datetime | None]
    woken_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class ToolLeaseRow(Base):
    """Who speaks with a tool for a monitor; one process at a time, else tasks appear twice."""

    __tablename__ = "tool_leases"
    __table_args__ = (sa.UniqueConstraint("monitor", "tool"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = mapped_column(sa.ForeignKey("monitors.name"))
    tool: Mapped[str] = mapped_column(Word)
    token: Mapped[str] = mapped_column(Word)
    worker: Mapped[str]
    lease_until: Mapped[datetime]


class PushRow(Base):
    """One row of the queue on its way into a tool; known before the tool hears of it."""

    __tablename__ = "pushes"
    __table_args__ = (
        sa.UniqueConstraint("queue_row_id", "tool", "stage"),
        sa.Index(None, "monitor", "tool", "stage", "state", "id"),
        sa.Index(None, "monitor", "tool", "project", "task"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = mapped_column(sa.ForeignKey("monitors.name"))
    queue_row_id: Mapped[int] = mapped_column(
        BigId, sa.ForeignKey("queue_rows.id", ondelete="CASCADE")
    )
    tool: Mapped[str] = mapped_column(Word)
    stage: Mapped[str] = mapped_column(Word)
    state: Mapped[str] = mapped_column(Word)
    project: Mapped[str] = mapped_column(sa.String(200))
    task: Mapped[str] = mapped_column(sa.String(200))
    with_draft: Mapped[bool]
    spec_version: Mapped[int]
    attempts: Mapped[int]
    pushed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    last_error: Mapped[str]
    note: Mapped[str]


class LabelRow(Base):
    """One version of one annotation; an edit adds a revision, and one of them is `latest`."""

    __tablename__ = "labels"
    __table_args__ = (
        sa.UniqueConstraint("monitor", "tool", "external_digest", "revision"),
        sa.Index(None, "monitor", "latest", "state"),
        sa.Index(None, "monitor", "tool", "project", "task"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = mapped_column(sa.ForeignKey("monitors.name"))
    queue_row_id: Mapped[int] = mapped_column(BigId, sa.ForeignKey("queue_rows.id"), index=True)
    tool: Mapped[str] = mapped_column(Word)
    stage: Mapped[str] = mapped_column(Word)
    project: Mapped[str] = mapped_column(sa.String(200))
    task: Mapped[str] = mapped_column(sa.String(200))
    annotation: Mapped[str] = mapped_column(sa.String(200))
    external_digest: Mapped[str] = mapped_column(Digest)
    revision: Mapped[int]
    latest: Mapped[bool]
    content_digest: Mapped[str] = mapped_column(Digest)
    state: Mapped[str] = mapped_column(Word)
    annotator: Mapped[str]
    lead_time: Mapped[float | None] = mapped_column(sa.Double)
    created_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    stored_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    guideline_version: Mapped[str]
    spec_version: Mapped[int | None]
    with_draft: Mapped[bool | None]
    gold: Mapped[bool]
    note: Mapped[str]
    value: Mapped[Any] = mapped_column(Json, nullable=True)
    raw: Mapped[Any] = mapped_column(Json, nullable=True)
