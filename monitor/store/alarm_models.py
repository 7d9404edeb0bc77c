"""The tables of what people say about alarms, and of the mails that alarms caused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from monitor.store.models import Base, BigId, Digest, Word
from monitor.store.types import Json


class AlarmNoteRow(Base):
    """One thing that a person said; never changed, a later one takes its place."""

    __tablename__ = "alarm_notes"
    __table_args__ = (sa.Index(None, "monitor", "key_digest"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = mapped_column(sa.ForeignKey("monitors.name"))
    kind: Mapped[str] = mapped_column(Word)
    scope: Mapped[str] = mapped_column(Word)
    key: Mapped[str]
    key_digest: Mapped[str] = mapped_column(Digest)
    opened_start: Mapped[datetime | None]
    verdict: Mapped[str | None] = mapped_column(Word)
    until: Mapped[datetime | None]
    by: Mapped[str]
    note: Mapped[str]
    at: Mapped[datetime]


class AlarmMailRow(Base):
    """One mail that a run caused, whatever the number of channels it went to."""

    __tablename__ = "alarm_mails"
    __table_args__ = (
        sa.UniqueConstraint("monitor", "message_id"),
        sa.Index(None, "monitor", "window_start"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = mapped_column(sa.ForeignKey("monitors.name"))
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    why: Mapped[str] = mapped_column(Word)
    message_id: Mapped[str] = mapped_column(sa.String(500))
    at: Mapped[datetime]
    keys: Mapped[list[Any]] = mapped_column(Json)
