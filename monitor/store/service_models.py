"""The tables of the service itself: blocks of monitors, merged profiles, incidents."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from monitor.store.models import Base, BigId, Digest, Word


class BlockRow(Base):
    """A `for_each` block: how far its rows were searched for values that are new."""

    __tablename__ = "blocks"
    name: Mapped[str] = mapped_column(primary_key=True)
    searched_to: Mapped[datetime | None]
    left_out: Mapped[int]  #: values more than `for_each_limit`


class MemberRow(Base):
    """One monitor of a block; once known it keeps its name and its reference."""

    __tablename__ = "block_members"
    __table_args__ = (
        sa.UniqueConstraint("block", "value_digest"),
        sa.UniqueConstraint("name"),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    block: Mapped[str] = mapped_column(sa.ForeignKey("blocks.name"))
    value_digest: Mapped[str] = mapped_column(Digest)
    name: Mapped[str] = mapped_column(sa.String(200))
    begins: Mapped[datetime | None]  #: of a value that came later: its reference begins there
    seen_at: Mapped[datetime]
    value: Mapped[str]


class PeriodProfileRow(Base):
    """Profiles of shorter windows merged into a day or a week, when they had become old."""

    __tablename__ = "period_profiles"
    __table_args__ = (
        sa.UniqueConstraint(
            "monitor",
            "scale",
            "window_start",
            "reference_version",
            name="uq_period_profiles_period",  # PostgreSQL cuts names of more than 63 characters
        ),
    )
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    monitor: Mapped[str] = mapped_column(sa.ForeignKey("monitors.name"))
    scale: Mapped[str] = mapped_column(Word)
    window_start: Mapped[datetime]
    window_end: Mapped[datetime]
    reference_version: Mapped[int]
    windows: Mapped[int]
    rows: Mapped[int] = mapped_column(sa.BigInteger)
    profile: Mapped[bytes]


class IncidentRow(Base):
    """Something wrong with the service, not with the data: from its opening to its closing."""

    __tablename__ = "incidents"
    __table_args__ = (sa.Index(None, "key_digest", "closed_at"),)
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str]
    key_digest: Mapped[str] = mapped_column(Digest)
    monitor: Mapped[str | None]
    title: Mapped[str]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    text: Mapped[str]
