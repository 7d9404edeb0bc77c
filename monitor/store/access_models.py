"""The tables of who may see and change what."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from monitor.store.models import Base, Word

_Name = sa.String(100)
_Hash = sa.String(300)


class UserRow(Base):
    """One person who may open the page; the password is hashed."""

    __tablename__ = "users"
    name: Mapped[str] = mapped_column(_Name, primary_key=True)
    password: Mapped[str] = mapped_column(_Hash)
    scopes: Mapped[str] = mapped_column(_Name)
    created_at: Mapped[datetime]


class ApiTokenRow(Base):
    """One token of a program; its secret is hashed."""

    __tablename__ = "api_tokens"
    id: Mapped[str] = mapped_column(Word, primary_key=True)
    name: Mapped[str] = mapped_column(_Name)
    secret: Mapped[str] = mapped_column(_Hash)
    scopes: Mapped[str] = mapped_column(_Name)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SessionRow(Base):
    """One browser that a person signed in with; only a digest of its cookie is kept."""

    __tablename__ = "web_sessions"
    digest: Mapped[str] = mapped_column(sa.String(64), primary_key=True)
    user: Mapped[str] = mapped_column(
        _Name, sa.ForeignKey("users.name", ondelete="CASCADE"), index=True
    )
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class SigningKeyRow(Base):
    """A secret of this installation that links and forms are signed with; made at first use."""

    __tablename__ = "signing_keys"
    name: Mapped[str] = mapped_column(Word, primary_key=True)
    created_at: Mapped[datetime]
    key: Mapped[bytes]
